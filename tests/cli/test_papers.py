"""Every `onchip` command line in README and docs is one that its verb takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from onchip.cli import main as cli
from onchip.cli.main import SAME_VERBS, VERBS

from .conftest import Onchip

ROOT = Path(__file__).parents[2]
PAPERS = sorted({ROOT / "README.md", *(ROOT / "docs").glob("*.md")} - {ROOT / "docs" / "api.md"})
FILLED = {"P": "3333", "T": "4444", "ADDRESS": "0x0800_0000", "HZ": "4M", "sector|chip": "chip"}
"""What stands for placeholders that a verb would not take."""


def commands(paper: Path) -> Iterator[str]:
    """Return the command lines of a page's code blocks, and those between backticks in its text."""
    fenced = False
    for line in paper.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            for part in re.findall(r"(?:^ *(?:\$ )?|\| )(onchip [a-z].*)", line):
                yield re.split(r"   +|  #| > ", part)[0]
        else:
            yield from re.findall(r"`(onchip [a-z][^`]*)`", line)


def words_of(command: str) -> list[str]:
    plain = re.sub(r"\[([^\]]*)\]", r"\1", command).replace(" ...", "")
    return [FILLED.get(word, word) for word in shlex.split(plain)[1:]]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_every_command_is_one_that_its_verb_takes(
    paper: Path, onchip: Onchip, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cli.import_module

    def without_running(name: str) -> object:
        module = real(name)
        monkeypatch.setattr(module, "run", lambda arguments: 0)
        return module

    monkeypatch.setattr(cli, "import_module", without_running)
    for command in commands(paper):
        words = words_of(command)
        verb = words[0]
        assert SAME_VERBS.get(verb, verb) in VERBS, command
        if words[1:]:  # else the verb's name alone
            outcome = onchip(*words)
            assert outcome.code == 0, f"{command}: {outcome.err}"


def test_there_are_commands_to_look_at() -> None:
    assert sum(len(list(commands(paper))) for paper in PAPERS) > 80
