"""`onchip list`."""

from __future__ import annotations

import json

import pytest

from onchip.probe import discovery
from onchip.probe.discovery import PluggedBoard

from .conftest import Onchip


@pytest.fixture
def two_boards(monkeypatch: pytest.MonkeyPatch) -> None:
    boards = [
        PluggedBoard("VB-stm32f407-4441", "127.0.0.1", 4441, "stm32f407", "bulk-512x4", 1),
        PluggedBoard("port-4442", "127.0.0.1", 4442),
    ]
    monkeypatch.setattr(discovery, "plugged_boards", lambda: boards)


@pytest.mark.usefixtures("two_boards")
def test_a_line_for_each_board(onchip: Onchip) -> None:
    outcome = onchip("list")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "SERIAL             CHIP       PROBE       WHERE",
        "VB-stm32f407-4441  stm32f407  bulk-512x4  tcp:127.0.0.1:4441",
        "port-4442          ?          ?           tcp:127.0.0.1:4442",
    ]


@pytest.mark.usefixtures("two_boards")
def test_as_data(onchip: Onchip) -> None:
    boards = json.loads(onchip("list", "--json").out)
    assert [board["serial"] for board in boards] == ["VB-stm32f407-4441", "port-4442"]
    assert boards[0]["probe"] == "tcp:127.0.0.1:4441"


def test_nothing_plugged_in_names_the_virtual_boards(onchip: Onchip) -> None:
    outcome = onchip("list")
    assert outcome.code == 0
    assert "no probe is plugged in" in outcome.out
    assert "onchip board CHIP" in outcome.out
    assert "stm32f407" in outcome.out
    assert json.loads(onchip("list", "--json").out) == []


@pytest.mark.parametrize("verb", [["info"], ["read", "0"], ["reset"], ["flash", "x.elf"]])
def test_a_verb_without_a_probe_says_how_to_get_one(onchip: Onchip, verb: list[str]) -> None:
    outcome = onchip(*verb)
    assert outcome.code == 3
    first, second = outcome.err.splitlines()
    assert first == "onchip: error: no probe is plugged in"
    assert "onchip board stm32f407" in second
    assert "--probe virtual:stm32f407" in second
