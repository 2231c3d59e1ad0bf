"""`onchip list` and `onchip doctor` with --record, and from a recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from onchip import registry
from onchip.probe.discovery import PluggedBoard
from onchip.virtual_board.board import VirtualBoard

from .conftest import Onchip


@pytest.mark.parametrize("verb", ["list", "doctor"])
def test_what_is_recorded_can_be_replayed(onchip: Onchip, tmp_path: Path, verb: str) -> None:
    file = tmp_path / "look.rec"
    seen = onchip(verb, "--probe", "virtual:stm32f407", "--record", file)
    assert seen.code == 0
    assert "virtual-stm32f407" in seen.out or "DPIDR" in seen.out
    again = onchip("replay", file)
    assert again.code == 0, again.err
    assert again.out.replace(f"replay:{file}", "virtual:stm32f407") == seen.out


@pytest.mark.parametrize("verb", ["list", "doctor"])
def test_several_probes_do_not_fit_a_recording(
    onchip: Onchip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    with VirtualBoard("bare-ram") as first, VirtualBoard("bare-ram") as second:
        boards = {"1": first, "2": second}
        probes = [PluggedBoard(name, "127.0.0.1", 1, "", "model", 1) for name in boards]
        monkeypatch.setattr(registry, "plugged_probes", lambda: probes)
        monkeypatch.setattr(registry, "open_probe", lambda probe: boards[probe.serial].link())
        assert onchip(verb).code == 0
        outcome = onchip(verb, "--record", tmp_path / "look.rec")
    assert outcome.code == 2
    assert "name one with --probe" in outcome.err


def test_a_named_probe_that_is_not_there(onchip: Onchip) -> None:
    outcome = onchip("list", "--probe", "tcp:127.0.0.1:1")
    assert outcome.code == 3
    assert "no probe answers" in outcome.err
