"""The README's examples, run as they stand."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from onchip.cli.tour import sample_path

from .conftest import Onchip

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def _after(marker: str) -> str:
    return README.split(f"<!-- {marker}: tests/cli/test_readme.py", 1)[1].split("-->", 1)[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, with a firmware.elf."""
    shutil.copy(sample_path(), tmp_path / "firmware.elf")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_shell_lines(onchip: Onchip) -> None:
    block = re.match(r"\s*\n((?:    .*\n)+)", _after("shell"))
    assert block is not None
    commands = [line.strip()[2:] for line in block[1].splitlines()]
    assert len(commands) == 3
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "onchip"
        outcome = onchip(*words)
        assert outcome.code == 0, f"{command}: {outcome.err}"
    assert outcome.out.startswith("0x0800_0000  ")


@pytest.mark.usefixtures("folder")
def test_the_python_block(capsys: pytest.CaptureFixture[str]) -> None:
    block = re.match(r"\s*```python\n(.*?)```", _after("python"), re.DOTALL)
    assert block is not None
    exec(compile(block[1], "README.md", "exec"), {})
    assert "pc" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["flash", "info", "read", "write", "verify", "reset", "gdbserver"])
def test_every_verb_of_the_tour_exists_as_shown(onchip: Onchip, verb: str) -> None:
    shown = re.findall(rf"^    \$ onchip {verb}\b.*$", README, re.MULTILINE)
    lines = [line for line in shown if "--probe" not in line]  # a second probe is a second board
    assert lines, f"the README shows no `onchip {verb}`"
    for line in lines:
        words = shlex.split(line.strip()[2:])[1:]
        outcome = onchip(*words, "--probe", "virtual:nothing-of-that-name")
        assert outcome.code == 3, f"{line}: {outcome.err}"
        assert "nothing-of-that-name" in outcome.err
