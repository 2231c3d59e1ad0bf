"""``--json``: what docs/json.md promises of every verb is what it prints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from onchip.cli.main import VERBS
from tests.support.images import write_bin

from .conftest import Onchip

PAGE = Path(__file__).resolve().parents[2] / "docs" / "json.md"
SAMPLE = Path(__file__).resolve().parents[2] / "src/onchip/cli/samples/stm32f407.elf"
BOARD = ("--probe", "virtual:stm32f407")
WITHOUT = {"run", "shell", "gdbserver", "board", "serve", "replay", "demo"}
"""Verbs that serve until they are ended, show what a program prints, or run another verb."""


def promised() -> dict[str, set[str]]:
    """Return the names that the page's table has for each verb, the first column as it stands."""
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    return {verb: set(re.findall(r"`([a-z_]+)`", cells)) for verb, cells in rows}


def document(onchip: Onchip, *words: object, code: int = 0) -> dict[str, Any]:
    outcome = onchip(*words, "--json", *BOARD)
    assert outcome.code == code, outcome.err
    data: dict[str, Any] = json.loads(outcome.out)
    return data


def test_every_verb_has_it_or_a_reason_not_to() -> None:
    assert {verb.split()[0] for verb in promised()} | WITHOUT == set(VERBS)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("info", ()),
        ("erase", ("0x0800_0000", 16)),
        ("write", ("0x2000_0000", "--words", 1)),
        ("reset", ("--halt",)),
        ("fault", ()),
        ("threads", (SAMPLE,)),
        ("dump", ("core.elf",)),
    ],
)
def test_the_page_names_what_is_there(
    onchip: Onchip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    words: tuple[object, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert set(document(onchip, verb, *words)) == promised()[verb]


def test_flash_and_its_plan(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "stm32f407", length=0x110)
    assert set(document(onchip, "flash", image)) == promised()["flash"]
    assert set(document(onchip, "flash", image, "--dry-run")) == promised()["flash --dry-run"]


def test_read_gives_units_or_a_file(onchip: Onchip, tmp_path: Path) -> None:
    both = promised()["read"]
    assert set(document(onchip, "read", "0x2000_0000", 8)) == both - {"read_bytes", "file"}
    output = tmp_path / "ram.bin"
    saved = document(onchip, "read", "0x2000_0000", 8, "--output", output)
    assert set(saved) == both - {"data"}
    assert (saved["read_bytes"], saved["file"]) == (8, str(output))
    assert output.stat().st_size == 8


def test_a_difference_is_data_and_told_to_people_too(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "stm32f407", length=0x110)
    outcome = onchip("verify", image, "--json", *BOARD)
    assert outcome.code == 1
    assert outcome.err.splitlines()[-2].startswith("onchip: error: 0x0800_0000 reads ff")
    found = json.loads(outcome.out)
    assert set(found) == promised()["verify"]
    assert (found["chip"], found["matches"], found["verified_bytes"]) == ("stm32f407", False, None)
    error = found["error"]
    assert (error["kind"], error["address"], error["exit_code"]) == ("VerifyError", 0x0800_0000, 1)
    assert f"`onchip flash {image}` would program it" in error["hint"]


def test_what_was_reset_and_where_it_stands(onchip: Onchip) -> None:
    halted = document(onchip, "reset", "hardware", "--halt")
    assert (halted["chip"], halted["kind"], halted["halted"]) == ("stm32f407", "hardware", True)
    assert isinstance(halted["pc"], int)
    running = document(onchip, "reset")
    assert (running["halted"], running["pc"]) == (False, None)


def test_what_was_written(onchip: Onchip) -> None:
    assert document(onchip, "write", "0x2000_0010", "--halfwords", 1, 2, 3) == {
        "chip": "stm32f407",
        "address": 0x2000_0010,
        "written_bytes": 6,
    }


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (("write", "0x0800_0000", "--words", 1), 2, "UsageError"),
        (("read", "0x6000_0000", 4), 4, "TransferFault"),
        (("flash", "not-there.elf"), 1, "ImageError"),
        (("dump", "no/folder/core.elf"), 1, "FileNotFoundError"),
    ],
)
def test_an_error_is_data_too(onchip: Onchip, words: tuple[str, ...], code: int, kind: str) -> None:
    outcome = onchip(*words, "--json", *BOARD)
    error = json.loads(outcome.out)["error"]
    assert (outcome.code, error["exit_code"], error["kind"]) == (code, code, kind)
    assert f"onchip: error: {error['message']}" in outcome.err


def test_a_chip_that_does_not_answer_is_one_document(onchip: Onchip) -> None:
    outcome = onchip("info", "--json", "--probe", "virtual:lpc1768+locked")
    facts = json.loads(outcome.out)
    assert (outcome.code, facts["error"]["exit_code"]) == (4, 4)
    assert facts["dp"] is None
    assert facts["error"]["message"] in outcome.err


def test_a_bug_is_one_too(onchip: Onchip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onchip.cli.verbs.reset.open_session", lambda *_, **__: 1 / 0)
    outcome = onchip("reset", "--json", *BOARD)
    assert (outcome.code, json.loads(outcome.out)["error"]["kind"]) == (70, "ZeroDivisionError")
