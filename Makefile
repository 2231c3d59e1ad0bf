# Each target does all its own set-up: `make demo` and `make test` work in a fresh clone on a machine
# that has Python >= 3.11 with venv, git and make. Nothing is installed outside .venv, except Debian
# packages for `make test` when you are root on Debian (scripts/debian-tools).

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick test-gdb test-usb check format docs bench trust clean

VENV := .venv
BIN := $(VENV)/bin
PYOCD := $(VENV)/peers/pyocd
# worksteal: each worker begins with a half in one piece, so that few fixtures are made twice.
PYTEST := $(BIN)/pytest -n 2 --dist worksteal
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.ready-to-run  ## plug in a virtual board, flash it, debug it: the tour
	@$(BIN)/onchip demo

test: $(VENV)/.ready-to-develop  ## run every test (and, as root on Debian, install the outside tools first)
	@scripts/debian-tools
	$(PYTEST)

test-quick: $(VENV)/.ready-to-develop  ## run the tests that need no outside tool, a minute at most on two idle cores
	$(PYTEST) -q -m "not tools"

trust: $(VENV)/.ready-to-develop  ## over a thousand jobs in which something goes wrong: is what is claimed true?
	$(BIN)/python -m tests.trust

test-gdb: $(VENV)/.ready-to-develop  ## run all of GDB's own gdb.base against our server (docs/gdb-suite.md; an hour)
	@scripts/debian-tools
	nice $(BIN)/python -m tests.gdb_suite --document docs/gdb-suite.md

test-usb: $(VENV)/.ready-to-develop  ## plug virtual boards into a machine with a real kernel (docs/usb-vm.md)
	@timeout --kill-after=30 1500 scripts/usb-vm build
	timeout --foreground --signal=INT --kill-after=30 1200 $(BIN)/pytest -m usb_vm tests/usb --durations=5

check: $(VENV)/.ready-to-develop  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.ready-to-develop  ## let ruff format and fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.ready-to-develop  ## write docs/api.md and docs/performance.md anew
	$(BIN)/python scripts/write_api.py
	$(BIN)/python scripts/write_performance.py

BENCH :=
bench: $(VENV)/.ready-to-develop $(PYOCD)/.made  ## compare with pyOCD and OpenOCD on virtual boards (10 to 20 minutes)
	@scripts/debian-tools
	$(BIN)/python -m benchmarks --pyocd $(PYOCD)/bin/python --document docs/performance.md \
		--output benchmarks/results.json $(BENCH)

clean:  ## remove the environment and every cache
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made when there is none, made anew when its Python is gone (a moved folder).
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "onchip needs Python 3.11 or newer, with venv (on Debian: apt-get install python3 python3-venv)" >&2; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@# dependency groups came with pip 25.1; older ones cannot read ours
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@touch $@

# pyOCD as published, in an environment that holds nothing of ours.
$(PYOCD)/.made: $(VENV)/.made
	@echo "setting up $(PYOCD) (once)"
	@$(BIN)/python -m venv --clear $(PYOCD)
	@$(PYOCD)/bin/python -m pip install --quiet --disable-pip-version-check 'pyocd==0.46.*'
	@touch $@

$(VENV)/.ready-to-run: pyproject.toml $(VENV)/.made
	@echo "setting up $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[sim]'
	@touch $@

$(VENV)/.ready-to-develop: $(VENV)/.ready-to-run
	@echo "setting up the developers' tools (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@$(BIN)/pytest --collect-only -q >/dev/null || true  # compiled once here, not by each worker
	@touch $@
