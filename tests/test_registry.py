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
from onchip.errors import BoardError, ProbeError, ProbeNotFound, UsageError
from onchip.probe import discovery
from onchip.probe import plugged as plugged_module
from onchip.probe.discovery import PluggedBoard
from onchip.probe.hid import HidLink
from onchip.probe.usb_bulk import UsbBulkLink
from onchip.registry import VirtualSpec
from tests.support.fake_usb import FakeBus
from tests.support.fake_usb_device import FakeDevice, FakeInterface, echo


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> list[PluggedBoard]:
    boards: list[PluggedBoard] = []
    monkeypatch.setattr(discovery, "plugged_boards", lambda: boards)
    monkeypatch.setattr(plugged_module, "usb_probes", lambda: ([], []))
    return boards


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> FakeBus:
    """Two probes on USB, one of them with both interfaces, and no board."""
    monkeypatch.setattr(discovery, "plugged_boards", list)
    hid = FakeInterface(0, "CMSIS-DAP v1", kind=0x03)
    bulk = FakeInterface(1, "CMSIS-DAP v2")
    return FakeBus(
        FakeDevice(echo, serial="0240aaaa", interfaces=(hid, bulk), hid_path=b"1-1.2:1.0"),
        FakeDevice(echo, serial="0241bbbb", vendor_id=0xC251, address=6, ports=(3,)),
    ).install(monkeypatch)


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
        ("virtual:nrf52840+locked", VirtualSpec("nrf52840", locked=True)),
        ("virtual:a+locked/b@f", VirtualSpec("a", "b", Path("f"), locked=True)),
    ],
)
def test_a_virtual_spec_is_read(spec: str, expected: VirtualSpec) -> None:
    assert VirtualSpec.parse(spec) == expected


@pytest.mark.parametrize(
    "spec",
    [
        *("virtual:", "virtual:/x", "virtual:chip/", "virtual:chip@", "virtual:@f"),
        *("virtual:+locked", "virtual:chip+", "virtual:chip+open"),
    ],
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


# ---- probes on USB


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("0240aaaa", "usb:0d28:0204:0240aaaa"),
        ("0241", "usb:c251:0204:0241bbbb"),
        ("0d28:0204", "usb:0d28:0204:0240aaaa"),
        ("C251:0204", "usb:c251:0204:0241bbbb"),
        ("c251:0204:0241B", "usb:c251:0204:0241bbbb"),
        ("usb:0d28:0204", "usb:0d28:0204:0240aaaa"),
        ("usb:0241", "usb:c251:0204:0241bbbb"),
        ("hid:", "hid:0d28:0204:0240aaaa"),
        ("hid:0240", "hid:0d28:0204:0240aaaa"),
        ("hid:0d28:0204:0240aaaa", "hid:0d28:0204:0240aaaa"),
    ],
)
def test_a_probe_on_usb_is_named(bus: FakeBus, name: str, description: str) -> None:
    link = registry.open_link(name)
    assert link.description == description
    assert isinstance(link, HidLink if description.startswith("hid") else UsbBulkLink)
    link.close()


def test_what_a_link_calls_itself_names_it_again(bus: FakeBus) -> None:
    link = registry.open_link("0240")
    link.close()
    again = registry.open_link(link.description)
    assert again.description == link.description
    again.close()


@pytest.mark.parametrize("name", ["024", "usb:02", "usb:"])
def test_a_name_that_fits_several_lists_them(bus: FakeBus, name: str) -> None:
    with pytest.raises(UsageError, match="fits 2 probes: 0240aaaa, 0241bbbb"):
        registry.open_link(name)


@pytest.mark.parametrize("name", ["dead:beef", "c251:0204:99", "hid:0241", "0242"])
def test_a_name_that_fits_none_says_what_there_is(bus: FakeBus, name: str) -> None:
    with pytest.raises(ProbeNotFound, match=r"no probe named .*; plugged in: 0240aaaa"):
        registry.open_link(name)


def test_several_probes_on_usb_must_be_told_apart(bus: FakeBus) -> None:
    with pytest.raises(UsageError, match="2 probes are plugged in: 0240aaaa, 0241bbbb"):
        registry.open_link()
    del bus.devices[0]
    link = registry.open_link()
    assert link.description == "usb:c251:0204:0241bbbb"
    link.close()


def test_boards_and_probes_are_listed_together(
    bus: FakeBus, monkeypatch: pytest.MonkeyPatch, listening: PluggedBoard
) -> None:
    monkeypatch.setattr(discovery, "plugged_boards", lambda: [listening])
    found = registry.plugged_probes()
    assert [(probe.serial, probe.protocol, probe.problem) for probe in found] == [
        ("0240aaaa", "v2 bulk", ""),
        ("0241bbbb", "v2 bulk", ""),
        ("VB-one-1", "TCP", ""),
    ]
    assert found[0].probe_model == "DAPLink CMSIS-DAP"
    for probe in found:
        registry.open_probe(probe).close()  # each has a way


def test_a_bus_that_could_not_be_searched_is_mentioned(
    plugged: list[PluggedBoard], monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = ProbeError("no libusb", hint="pip install it")
    monkeypatch.setattr(plugged_module, "usb_probes", lambda: ([], [trouble]))
    with pytest.raises(ProbeNotFound, match="USB was not searched: no libusb; pip install it"):
        registry.open_link()
    with pytest.raises(ProbeNotFound, match="USB was not searched"):
        registry.open_link("abc")
    with pytest.raises(ProbeError, match="no libusb"):
        registry.open_link("usb:abc")
