"""What is not believed of certain probes."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import pytest

from onchip.dap import client as client_module
from onchip.dap.client import DapClient
from onchip.dap.quirks import Quirk, known_quirks, quirks_of
from onchip.probe.counting import CountingLink
from onchip.probe.link import RecordedUsb, UsbIdentity
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.probe.link import VirtualLink

DEVICE = UsbIdentity(0x1234, 0x5678, 0x0110, "Maker", "Some CMSIS-DAP", "1")
LINK = RecordedUsb(DEVICE, "v1", sys.platform, 64)
ROW = Quirk(0x1234, 0x5678, "a reason", "a source")


def no_firmware() -> str:
    raise AssertionError("the firmware version need not be asked")


def test_every_row_says_why_and_where_from_and_bounds_something() -> None:
    assert known_quirks()
    for row in known_quirks():
        assert row.why
        assert row.source
        bounds = (row.packet_count, row.packet_size, row.atomic, row.match)
        assert any(bound is not None for bound in bounds)
        assert row.protocol in (None, "v1", "v2")


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"vendor_id": 1}, False),
        ({"product_id": 1}, False),
        ({"product": "some"}, True),
        ({"product": "other"}, False),
        ({"release_below": 0x0111}, True),
        ({"release_below": 0x0110}, False),
        ({"protocol": "v1"}, True),
        ({"protocol": "v2"}, False),
        ({"platform": sys.platform}, True),
        ({"platform": "amiga"}, False),
        ({"product_id": 0x5678, "protocol": "v1", "product": "CMSIS"}, True),
    ],
)
def test_everything_that_a_row_names_must_fit(change: dict[str, object], fits: bool) -> None:
    row = replace(ROW, **change)  # type: ignore[arg-type]
    assert quirks_of(LINK, no_firmware, [row]) == ([row] if fits else [])


@pytest.mark.parametrize(("version", "fits"), [("2.0", True), ("2.0.1", True), ("2.1", False)])
def test_the_firmware_is_asked_of_a_device_that_fits_else(version: str, fits: bool) -> None:
    row = replace(ROW, firmware="2.0")
    assert quirks_of(LINK, lambda: version, [row]) == ([row] if fits else [])
    other = replace(row, product_id=1)
    assert quirks_of(LINK, no_firmware, [other]) == []


@dataclass
class UsbBoard:
    """A link to a virtual board that says it is on USB."""

    inner: VirtualLink
    usb: UsbIdentity = DEVICE
    protocol: str = "v2"
    platform: str = "linux"
    longest_packet: int = 512

    def __post_init__(self) -> None:
        for name in ("description", "write", "read", "close", "now", "sleep"):
            setattr(self, name, getattr(self.inner, name))

    def settle_packet_size(self, size: int) -> None:
        self.settled = size


def test_a_client_believes_no_more_than_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(ROW, packet_count=2, packet_size=128, atomic=False, match=False)
    monkeypatch.setattr(
        client_module,
        "quirks_of",
        lambda link, firmware: quirks_of(link, firmware, [row]),
    )
    with VirtualBoard("bare-ram", probe_model="bulk-512x4") as board:
        link: object = CountingLink(UsbBoard(board.link()))  # type: ignore[arg-type]
        client = DapClient.open(link)  # type: ignore[arg-type]
        assert client.quirks == [row]
        assert (client.packet_count, client.packet_size) == (2, 128)
        assert (client.atomic, client.polls) == (False, True)
        assert (client.info.packet_count, client.info.packet_size) == (4, 512)
        client.close()


def test_no_packet_is_longer_than_the_link_carries() -> None:
    with VirtualBoard("bare-ram", probe_model="bulk-512x4") as board:
        link = UsbBoard(board.link(), longest_packet=64)
        client = DapClient.open(link)  # type: ignore[arg-type]
        assert client.packet_size == link.settled == 64
        assert client.quirks == []
        client.close()
