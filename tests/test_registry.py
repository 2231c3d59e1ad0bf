"""From a probe's name to a link, and what a wrong name says."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onchip import registry
from onchip.errors import BoardError, ProbeNotFound, UsageError
from onchip.probe import discovery
from onchip.probe.discovery import PluggedBoard
from onchip.registry import VirtualSpec


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> list[PluggedBoard]:
    boards: list[PluggedBoard] = []
    monkeypatch.setattr(discovery, "plugged_boards", lambda: boards)
    return boards


@pytest.fixture
def listening() -> Iterator[PluggedBoard]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        yield PluggedBoard("VB-one-1", "127.0.0.1", port, "stm32f407", "bulk-512x4", os.getpid())


def _other(board: PluggedBoard, serial: str) -> PluggedBoard:
    return PluggedBoard(serial, board.host, board.port)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("virtual:stm32f407", VirtualSpec("stm32f407", "bulk-512x4", None)),
        ("virtual:nrf52840/hid-64x4", VirtualSpec("nrf52840", "hid-64x4", None)),
        ("virtual:lpc1768@f.bin", VirtualSpec("lpc1768", "bulk-512x4", Path("f.bin"))),
        ("virtual:a/b@c/d@e", VirtualSpec("a", "b", Path("c/d@e"))),
        ("stm32f407", VirtualSpec("stm32f407")),
    ],
)
def test_a_virtual_spec_is_read(spec: str, expected: VirtualSpec) -> None:
    assert VirtualSpec.parse(spec) == expected


@pytest.mark.parametrize(
    "spec", ["virtual:", "virtual:/x", "virtual:chip/", "virtual:chip@", "virtual:@f"]
)
def test_a_virtual_spec_with_an_empty_part_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="does not name a virtual board"):
        registry.open_link(spec)


@pytest.mark.parametrize(
    "spec", ["tcp:", "tcp:host", "tcp:host:", "tcp::1", "tcp:h:0", "tcp:h:65536", "tcp:h:x"]
)
def test_a_socket_without_host_or_port_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="does not name a socket"):
        registry.open_link(spec)


def test_tcp_opens_a_socket(listening: PluggedBoard) -> None:
    link = registry.open_link(listening.spec)
    assert link.description == listening.spec
    link.close()


def test_without_a_name_the_only_board_is_taken(
    plugged: list[PluggedBoard], listening: PluggedBoard
) -> None:
    plugged.append(listening)
    link = registry.open_link()
    assert link.description == listening.spec
    link.close()


def test_no_board_at_all_names_the_virtual_ones(plugged: list[PluggedBoard]) -> None:
    with pytest.raises(ProbeNotFound, match="no probe is plugged in") as caught:
        registry.open_link()
    assert "onchip board stm32f407" in (caught.value.hint or "")
    assert "--probe virtual:stm32f407" in (caught.value.hint or "")


def test_two_boards_must_be_told_apart(
    plugged: list[PluggedBoard], listening: PluggedBoard
) -> None:
    plugged += [listening, _other(listening, "VB-two-2")]
    with pytest.raises(UsageError, match="2 probes are plugged in: VB-one-1, VB-two-2"):
        registry.open_link()


@pytest.mark.parametrize("prefix", ["VB-one-1", "vb-ONE", "VB-o"])
def test_a_beginning_of_the_serial_is_enough(
    plugged: list[PluggedBoard], listening: PluggedBoard, prefix: str
) -> None:
    plugged += [_other(listening, "VB-two-2"), listening]
    link = registry.open_link(prefix)
    assert link.description == listening.spec
    link.close()


def test_a_whole_serial_wins_over_a_longer_one(
    plugged: list[PluggedBoard], listening: PluggedBoard
) -> None:
    plugged += [_other(listening, "VB-one-12"), listening]
    link = registry.open_link("VB-one-1")
    link.close()


def test_a_beginning_that_fits_two_is_refused(
    plugged: list[PluggedBoard], listening: PluggedBoard
) -> None:
    plugged += [listening, _other(listening, "VB-two-2")]
    with pytest.raises(UsageError, match="'VB' fits 2 probes"):
        registry.open_link("VB")


def test_an_unknown_serial_says_what_there_is(
    plugged: list[PluggedBoard], listening: PluggedBoard
) -> None:
    with pytest.raises(ProbeNotFound, match="no probe named 'xyz'; none is plugged in"):
        registry.open_link("xyz")
    plugged.append(listening)
    with pytest.raises(ProbeNotFound, match="plugged in: VB-one-1") as caught:
        registry.open_link("xyz")
    assert "virtual:CHIP" in (caught.value.hint or "")


def test_an_unknown_chip_is_refused() -> None:
    with pytest.raises(BoardError, match="z80"):
        registry.open_link("virtual:z80")


def test_an_unknown_probe_model_is_refused() -> None:
    with pytest.raises(BoardError, match="carrier-pigeon"):
        registry.open_link("virtual:stm32f407/carrier-pigeon")


def test_the_chips_and_probes_of_virtual_boards_are_listed() -> None:
    assert {"lpc1768", "stm32f407", "nrf52840", "nrf51822"} <= set(registry.virtual_chips())
    assert {"hid-64x1", "hid-64x4", "bulk-64x8", "bulk-512x4"} <= set(registry.probe_models())


def test_without_unicorn_the_command_that_installs_it_is_told() -> None:
    program = (
        "import sys; sys.modules['unicorn'] = None\n"
        "from onchip.cli.main import main\n"
        "sys.exit(main(['read', '0x20000000', '--probe', 'virtual:stm32f407']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 3
    assert "Unicorn, which is not installed" in result.stderr
    assert "pip install 'onchip[sim]'" in result.stderr
