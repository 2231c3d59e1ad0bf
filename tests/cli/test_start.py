"""What `onchip` answers before it imports anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from onchip import __version__
from onchip.cli import start
from onchip.probe import nothing
from onchip.registry import virtual_chips

HEAVY = ("argparse", "dataclasses", "enum", "inspect", "pathlib", "re", "socket", "typing")
LOADED = f"""
import sys, atexit
atexit.register(lambda: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr))
from onchip.cli import start
from onchip.probe import nothing
nothing.nothing_plugged_in = lambda: True
sys.argv[1:] = %r
sys.exit(start.main())
"""


@pytest.mark.parametrize("words", [["--version"], ["list"], ["list", "--json"]])
def test_nothing_that_takes_time_is_imported(words: list[str]) -> None:
    bare = [sys.executable, "-S", "-c", LOADED % words]
    path = {"PYTHONPATH": start.__file__.removesuffix("/onchip/cli/start.py")}
    done = subprocess.run(bare, capture_output=True, text=True, check=True, env=path)
    assert done.stderr.strip() == "[]"
    if words[-1] == "--json":
        assert json.loads(done.stdout) == []


def test_the_quick_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nothing, "nothing_plugged_in", lambda: True)
    monkeypatch.setattr(sys, "argv", ["onchip", "--version"])
    assert start.main() == 0
    assert capsys.readouterr().out == f"onchip {__version__}\n"
    monkeypatch.setattr(sys, "argv", ["onchip", "list"])
    assert start.main() == 0
    assert capsys.readouterr().out == start.no_probe() + "\n"
    assert ", ".join(virtual_chips()) in start.no_probe()


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["list", "-h"], ["--help"], []])
def test_everything_else_goes_the_whole_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setattr(nothing, "nothing_plugged_in", lambda: False)
    monkeypatch.setattr(sys, "argv", ["onchip", *words])
    assert start.main() == 0
    expected = {"list": "no probe is plugged in", "list --json": "[]"}
    assert expected.get(" ".join(words), "usage: onchip") in capsys.readouterr().out


def test_nobody_reads_the_answer() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "onchip.cli.start", "--version"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
