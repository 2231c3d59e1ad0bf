"""`onchip list`."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from onchip import connect
from onchip.probe import discovery, plugged
from onchip.probe.discovery import PluggedBoard
from onchip.probe.link import UsbIdentity
from onchip.services.board import BoardServer
from onchip.virtual_board.board import VirtualBoard

from .conftest import Onchip

BOARD = "onchip virtual STM32F407VG"
CHIPS = ("stm32f407", "nrf52840", "nrf51822", "lpc1768")


@contextmanager
def _served(chip: str, **options: bool) -> Iterator[PluggedBoard]:
    """A board on a port, as `onchip board` plugs it in."""
    with VirtualBoard(chip, **options) as board, BoardServer(board, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            serial = f"VB-{chip}"
            yield PluggedBoard(serial, "127.0.0.1", server.port, chip, "bulk-512x4", 1)
        finally:
            server.stop()
            thread.join(10)


@pytest.fixture
def two_boards(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[PluggedBoard]]:
    with (
        _served("stm32f407", advertise_target=True) as first,
        _served("nrf51822") as second,
    ):
        boards = [replace(first, chip=""), second]
        monkeypatch.setattr(discovery, "plugged_boards", lambda: boards)
        yield boards


def test_a_line_for_each_probe(onchip: Onchip, two_boards: list[PluggedBoard]) -> None:
    outcome = onchip("list")
    assert outcome.code == 0
    header, *lines = [re.split("  +", line) for line in outcome.out.splitlines()]
    assert header == ["SERIAL", "BOARD", "CHIP", "PROBE", "FIRMWARE", "STATE", "WHERE"]
    first, second = (f"tcp:127.0.0.1:{board.port}" for board in two_boards)
    # the first one's chip is what its probe says (DAP_Info), the second one's what its note says
    assert lines[0] == ["VB-stm32f407", BOARD, "STM32F407VG", "bulk-512x4", "1.0.0", "free", first]
    assert lines[1] == ["VB-nrf51822", "-", "nrf51822", "bulk-512x4", "1.0.0", "free", second]


def test_as_data(onchip: Onchip, two_boards: list[PluggedBoard]) -> None:
    probes = json.loads(onchip("list", "--json").out)
    assert [probe["serial"] for probe in probes] == ["VB-stm32f407", "VB-nrf51822"]
    assert probes[0]["probe"] == f"tcp:127.0.0.1:{two_boards[0].port}"
    assert {probe["state"] for probe in probes} == {"free"}


def test_a_probe_in_use_is_told_with_its_user(
    onchip: Onchip, two_boards: list[PluggedBoard]
) -> None:
    with connect(two_boards[1].spec) as session:
        probes = json.loads(onchip("list", "--json").out)
        assert session.core.halt()
    assert [probe["state"] for probe in probes] == ["free", "in use"]
    assert f"(pid {os.getpid()})" in probes[1]["trouble"]


def test_a_probe_that_cannot_be_asked_is_listed(
    onchip: Onchip, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        gone = PluggedBoard("VB-gone", "127.0.0.1", free.getsockname()[1])
    monkeypatch.setattr(discovery, "plugged_boards", lambda: [gone])
    outcome = onchip("list")
    assert "problem" in outcome.out.splitlines()[1]
    assert outcome.err.startswith("VB-gone: no probe answers at ")


def test_a_probe_on_usb_shows_its_board_id(onchip: Onchip, monkeypatch: pytest.MonkeyPatch) -> None:
    serial = "0240000034544e45001a00018aa9001b4091000097969900"
    identity = UsbIdentity(0x0D28, 0x0204, product="DAPLink CMSIS-DAP", serial=serial)
    probe = plugged.UsbProbe(serial, identity)
    monkeypatch.setattr(plugged, "usb_probes", lambda: ([probe], []))
    (found,) = json.loads(onchip("list", "--json").out)
    assert (found["board_id"], found["board"], found["chip"]) == ("0240", "FRDM-K64F", "K64F")
    assert (found["serial"], found["probe"]) == (serial, serial)
    assert found["state"] == "problem"  # this one has no interface that could be opened
    assert "0240 FRDM-K64F" in onchip("list").out
    assert "USB, v1 HID" in onchip("list").out


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


@pytest.mark.parametrize("chip", CHIPS)
def test_a_target_that_the_chip_contradicts_is_refused(onchip: Onchip, chip: str) -> None:
    for other in CHIPS:
        outcome = onchip("info", "--probe", f"virtual:{chip}", "--target", other)
        if other == chip:
            assert outcome.code == 0, outcome.err
        else:
            assert outcome.code == 4
            assert f"error: this is no {other}: " in outcome.err
            assert "leave --target out" in outcome.err
