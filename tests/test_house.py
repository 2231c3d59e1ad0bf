"""The house itself: what is committed, what the Makefile promises, what the papers say."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.budgets import measure, measure_gdb

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _committed() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]


def _texts() -> list[tuple[Path, str]]:
    texts = []
    for path in _committed():
        data = path.read_bytes()
        if b"\0" not in data:
            texts.append((path, data.decode("utf-8")))
    return texts


TEXTS = _texts()
PAPERS = [path for path, _ in TEXTS if path.suffix == ".md"]


def test_no_path_of_one_machine_is_committed() -> None:
    pattern = re.compile(r"/(?:work|home|root|Users|tmp/brief)/|[A-Z]:\\\\")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path, text in TEXTS
        for line in text.splitlines()
        if pattern.search(line) and path != Path(__file__)
    ]
    assert found == []


def test_no_package_registry_is_named() -> None:
    hosts = ("pypi" + ".org", "python" + "hosted", "deb.debian" + ".org", "index" + "-url")
    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path, text in TEXTS
        for host in hosts
        if host in text
    ]
    assert found == []


def test_binaries_are_only_those_with_a_recipe() -> None:
    allowed = (
        "src/onchip/cli/samples/",
        "src/onchip/flash/algorithms/",
        "tests/",
    )
    binaries = [
        path.relative_to(ROOT).as_posix() for path in _committed() if b"\0" in path.read_bytes()
    ]
    assert [name for name in binaries if not name.startswith(allowed)] == []


def test_no_emoji() -> None:
    emoji = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf]")
    assert [str(path) for path, text in TEXTS if emoji.search(text)] == []


def test_every_dependency_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = PYPROJECT["project"]["optional-dependencies"]
    groups = PYPROJECT["dependency-groups"]
    asked_for = [PYPROJECT["project"]["dependencies"], *extras.values(), *groups.values()]
    for entry in (entry for entries in asked_for for entry in entries):
        assert re.search(rf'"{re.escape(entry)}",\s+# \w', text), f"no reason beside {entry}"


def test_unicorn_is_optional() -> None:
    assert not any("unicorn" in entry for entry in PYPROJECT["project"]["dependencies"])
    assert any("unicorn" in entry for entry in PYPROJECT["project"]["optional-dependencies"]["sim"])


def test_the_version_is_one() -> None:
    from onchip import __version__

    assert __version__ == PYPROJECT["project"]["version"]
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_types_ship() -> None:
    assert (ROOT / "src/onchip/py.typed").exists()


# ---- layers


def test_every_contract_holds_and_is_exhaustive() -> None:
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    layers = [contract for contract in contracts if contract["type"] == "layers"]
    assert len(layers) >= 2
    assert all(contract["exhaustive"] for contract in layers)
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("module", ["onchip", "pyOCD"])
def test_every_module_says_its_strategy(module: str) -> None:
    for path in sorted((ROOT / "src" / module).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        docstring = re.match(r'(?:#.*\n)*r?"""([^\s"].*?)"""', text, re.DOTALL)
        assert docstring, f"{path.relative_to(ROOT)} opens without a word"
        assert "To be described" not in docstring[1], path
        assert not docstring[1].startswith("Skeleton"), path


def test_nothing_is_a_stub() -> None:
    stubs = [
        str(path.relative_to(ROOT))
        for path, text in TEXTS
        if path.is_relative_to(ROOT / "src") and "raise NotImplementedError" in text
    ]
    assert stubs == []


def test_what_needs_an_outside_tool_is_marked() -> None:
    """Else it would run, or be skipped, in the part that needs none."""
    tools = re.compile(r"from tests\.support\.(?:gdb|lldb|openocd|qemu|freertos) import|require\(")
    unmarked = [
        path.name
        for path, text in TEXTS
        if path.is_relative_to(ROOT / "tests")
        and path.name.startswith("test_")
        and path.name != "test_tools.py"  # of `require` itself
        and tools.search(text)
        and "pytest.mark.tools" not in text
        and "pytest.mark.usb_vm" not in text
    ]
    assert unmarked == []


# ---- make


def _make_dry(target: str) -> str:
    result = subprocess.run(
        ["make", "--always-make", "--dry-run", f"PYTHON={sys.executable}", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def test_make_alone_is_help() -> None:
    text = subprocess.run(
        ["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for target in ("demo", "test", "check", "help"):
        assert re.search(rf"^  make {target}\s+\w", text, re.MULTILINE)


def test_make_demo_needs_no_outside_tool_and_no_developers_tool() -> None:
    text = _make_dry("demo")
    assert "-m venv" in text
    assert "'.[sim]'" in text
    assert "debian-tools" not in text
    assert "--group dev" not in text


def test_make_test_sets_everything_up() -> None:
    text = _make_dry("test")
    assert text.index("-m venv") < text.index("'.[sim]'") < text.index("--group dev")
    assert text.index("debian-tools") < text.index("pytest -n 2")


def test_make_check_runs_every_judge() -> None:
    text = _make_dry("check")
    for judge in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        assert judge in text


def test_ci_allows_no_missing_tool() -> None:
    text = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "export CI=1" in text
    assert "make test" in text
    assert "make check" in text


def _debian_tools(path: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", ROOT / "scripts/debian-tools"],
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _bin(tmp_path: Path, **programs: str) -> str:
    """Make a folder of programs; ``id`` says that we are nobody special."""
    for name, script in {"id": "echo 1000", **programs}.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/bash\n{script}\n")
        program.chmod(0o755)
    return str(tmp_path)


def test_missing_tools_are_told_and_do_not_stop_the_tests(tmp_path: Path) -> None:
    result = _debian_tools(_bin(tmp_path))
    assert result.returncode == 0
    assert "sudo apt-get install -y --no-install-recommends gdb-multiarch" in result.stderr
    assert "are left out" in result.stderr


def test_missing_tools_are_a_failure_in_ci(tmp_path: Path) -> None:
    result = _debian_tools(_bin(tmp_path), CI="1")
    assert result.returncode == 1
    assert "in CI every tool must be there" in result.stderr


def test_root_on_debian_gets_them_installed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    path = _bin(tmp_path, id="echo 0", **{"apt-get": f'echo "$@" >> {log}'})
    result = _debian_tools(path)
    assert result.returncode == 0, result.stderr
    update, install = log.read_text().splitlines()
    assert update.startswith("update")
    assert "gdb-multiarch" in install
    assert "qemu-system-arm" in install


# ---- papers


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_papers_lead_somewhere(paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in link:
            assert (paper.parent / link).exists(), f"{paper.name} links to {link}"


def test_every_page_is_reached_from_another() -> None:
    linked = {
        (paper.parent / link).resolve()
        for paper in PAPERS
        for link in re.findall(r"\]\(([^)#]+)", paper.read_text(encoding="utf-8"))
        if "://" not in link
    }
    pages = [path for path in PAPERS if path.parent == ROOT / "docs"]
    assert [path.name for path in pages if path.resolve() not in linked] == []


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs/adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    for path in folder.glob("0*.md"):
        if path.name.startswith("0000"):
            continue
        assert f"]({path.name})" in index
        text = path.read_text(encoding="utf-8")
        for part in (
            "**Context.**",
            "**Decision.**",
            "**Price.**",
            "**What would change our mind.**",
        ):
            assert part in text, f"{path.name} lacks {part}"


def test_the_api_reference_is_what_the_docstrings_say(tmp_path: Path) -> None:
    output = tmp_path / "api.md"
    subprocess.run([sys.executable, ROOT / "scripts/write_api.py", output], check=True)
    committed = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert output.read_text(encoding="utf-8") == committed, "run `make docs`"


def test_the_performance_table_is_what_the_counters_say() -> None:
    """The flash rows, which take long, are measured by tests/budgets alone."""
    table = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    for probe in measure.PROBES:
        for row in (*measure.measurements(probe), *measure_gdb.measurements(probe)):
            cell = (
                f"{row.packets} / {row.round_trips} ({row.packet_budget} / {row.round_trip_budget})"
            )
            line = next(x for x in table.splitlines() if x.startswith(f"| {row.operation} |"))
            assert cell in line, f"{probe}: {row.operation}: {cell}; run `make docs`"


def test_every_budget_of_the_table_is_kept() -> None:
    rows = re.findall(
        r"(\d+) / (\d+) \((\d+) / (\d+)\)",
        (ROOT / "docs/performance.md").read_text(encoding="utf-8"),
    )
    assert len(rows) >= 30
    for packets, trips, packet_budget, trip_budget in rows:
        assert int(packets) <= int(packet_budget)
        assert int(trips) <= int(trip_budget)
