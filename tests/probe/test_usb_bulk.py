"""CMSIS-DAP v2 over a bus made of Python: framing, packets in flight, and each trouble's name."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from onchip.dap.client import DapClient
from onchip.errors import (
    ProbeError,
    ProbeLost,
    ProbeTimeout,
)
from onchip.probe.link import UsbLink, usb_link
from onchip.probe.usb import usb_devices
from onchip.probe.usb_bulk import UsbBulkLink
from onchip.session import open_session
from onchip.virtual_board.board import VirtualBoard
from tests.support.fake_usb import FakeBus
from tests.support.fake_usb_device import FakeDevice, FakeInterface, board_firmware, echo
from tests.support.images import counting_loop

HIGH_SPEED = ((0x01, 2, 512), (0x82, 2, 512), (0x83, 2, 512))


def link_to(bus: FakeBus, device: FakeDevice) -> UsbBulkLink:
    bus.devices.append(device)
    (found,) = usb_devices()
    return UsbBulkLink(found, found.bulk[0])


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice(echo)


@pytest.fixture
def link(bus: FakeBus, device: FakeDevice) -> Iterator[UsbBulkLink]:
    link = link_to(bus, device)
    yield link
    link.close()


def test_a_packet_goes_out_and_its_response_comes_in(link: UsbBulkLink) -> None:
    link.write(b"\x00\xff")
    assert link.read(1.0) == b"\x00\xff"
    assert link.description == "usb:0d28:0204:0240abcd"
    assert usb_link(link) is link
    assert isinstance(link, UsbLink)


def test_the_interface_is_claimed_and_given_back(link: UsbBulkLink, device: FakeDevice) -> None:
    assert device.claimed == [0]
    assert "auto-detach True" in device.events
    link.close()
    link.close()
    assert device.released == [0]
    with pytest.raises(ProbeLost, match="is closed"):
        link.write(b"\0")
    with pytest.raises(ProbeLost, match="is closed"):
        link.read(0.01)


def test_another_alternate_setting_is_chosen(bus: FakeBus) -> None:
    device = FakeDevice(echo, interfaces=(FakeInterface(2, "CMSIS-DAP v2", alternate=1),))
    link_to(bus, device).close()
    assert "alternate 2 1" in device.events


def test_the_answers_transfer_is_there_before_the_packet(
    link: UsbBulkLink, device: FakeDevice
) -> None:
    device.events.clear()
    link.write(b"one")
    link.write(b"two")
    assert device.events == ["submit 82", "submit 01", "submit 82", "submit 01"]
    assert [link.read(1), link.read(1)] == [b"one", b"two"]


def test_nothing_is_in_flight_that_was_not_written(link: UsbBulkLink, device: FakeDevice) -> None:
    for number in range(4):
        link.write(bytes((number,)))
    assert [link.read(1) for _ in range(4)] == [b"\0", b"\1", b"\2", b"\3"]
    assert device.most_in_flight == 4
    link.write(b"x")
    link.read(1)
    assert device.events.count("submit 82") == 5


@pytest.mark.parametrize(
    ("length", "usb_packets"),
    [(1, [1]), (63, [63]), (64, [64, 0]), (65, [64, 1]), (128, [64, 64, 0]), (256, [64] * 4)],
)
def test_a_packet_that_fills_its_last_usb_packet_is_ended_with_an_empty_one(
    bus: FakeBus, length: int, usb_packets: list[int]
) -> None:
    """... unless it is as long as packets get: then the probe does not wait for more."""
    device = FakeDevice(echo, dap_packet_size=256)
    link = link_to(bus, device)
    link.settle_packet_size(256)
    packet = bytes(range(256))[:length]
    link.write(packet)
    assert link.read(1) == packet
    assert device.received == [packet]
    assert [len(piece) for piece in device.usb_packets] == usb_packets
    link.write(b"next")
    assert link.read(1) == b"next"
    link.close()


def test_a_packet_of_one_usb_packet_on_a_usual_probe_has_no_empty_one_behind_it(
    link: UsbBulkLink, device: FakeDevice
) -> None:
    link.settle_packet_size(64)
    link.write(bytes(64))
    assert link.read(1) == bytes(64)
    assert [len(piece) for piece in device.usb_packets] == [64]


def test_no_packet_is_longer_than_libusb_moves_in_one_piece(link: UsbBulkLink) -> None:
    assert link.longest_packet == 32768
    assert (link.protocol, link.platform) == ("v2", sys.platform)


def test_silence_is_a_time_out(bus: FakeBus) -> None:
    link = link_to(bus, FakeDevice())
    link.write(b"\0")
    with pytest.raises(ProbeTimeout, match=r"usb:0d28:0204:0240abcd did not answer within 0.02 s"):
        link.read(0.02)
    link.close()


def test_a_late_answer_keeps_its_place(link: UsbBulkLink, device: FakeDevice) -> None:
    device.answers_late = True
    link.write(b"first")
    with pytest.raises(ProbeTimeout):
        link.read(0.02)
    device.send_late()
    link.write(b"second")
    assert [link.read(1), link.read(1)] == [b"first", b"second"]


def test_lost_answers_do_not_pile_transfers_up(link: UsbBulkLink, device: FakeDevice) -> None:
    device.firmware = lambda packet: []
    for _ in range(300):
        link.write(b"\0")
    assert device.events.count("submit 82") == 256


def test_a_probe_that_takes_no_packet_is_a_time_out_too(
    link: UsbBulkLink, device: FakeDevice
) -> None:
    device.takes_packets = False
    link.write(b"\0")
    with pytest.raises(ProbeTimeout):
        link.read(0.02)
    link.close()
    assert device.released == [0]


@pytest.mark.parametrize("when", ["before the packet", "while it waits", "after a time-out"])
def test_unplugging_is_a_lost_probe(link: UsbBulkLink, device: FakeDevice, when: str) -> None:
    device.firmware = lambda packet: []
    if when != "before the packet":
        link.write(b"\0")
    if when == "after a time-out":
        with pytest.raises(ProbeTimeout):
            link.read(0.02)
    device.unplug()
    with pytest.raises(ProbeLost, match="is gone") as caught:
        link.write(b"\0") if when == "before the packet" else link.read(1)
    assert caught.value.hint == "plug it in again"
    with pytest.raises(ProbeLost):
        link.read(1)


def test_what_came_before_the_plug_was_pulled_is_still_given(
    link: UsbBulkLink, device: FakeDevice
) -> None:
    link.write(b"one")
    link.write(b"two")
    assert link.read(1) == b"one"
    device.unplug()
    assert link.read(1) == b"two"
    with pytest.raises(ProbeLost):
        link.write(b"three")


def _read_all(link: UsbBulkLink) -> None:
    while True:
        link.read(1)


@pytest.mark.parametrize("where", ["out_status", "in_status"])
def test_failing_transfers_are_a_lost_probe(
    link: UsbBulkLink, device: FakeDevice, where: str
) -> None:
    setattr(device, where, "ERROR")
    link.write(b"\0")
    with pytest.raises(ProbeLost, match="USB transfers fail"):
        _read_all(link)


@pytest.mark.parametrize("error", ["USBErrorNoDevice", "USBErrorIO"])
def test_a_transfer_that_cannot_be_submitted_is_a_lost_probe(
    link: UsbBulkLink, device: FakeDevice, error: str
) -> None:
    device.submit_error = error
    with pytest.raises(ProbeLost):
        link.write(b"\0")


def test_a_transfer_that_is_refused_otherwise_is_an_error(
    link: UsbBulkLink, device: FakeDevice
) -> None:
    device.submit_error = "USBErrorOther"
    with pytest.raises(ProbeError, match="was refused"):
        link.write(b"\0")
    device.submit_error = ""
    link.write(b"\1")
    assert link.read(1) == b"\1"


def test_a_stall_is_cleared_and_said(link: UsbBulkLink, device: FakeDevice) -> None:
    device.out_status = "STALL"
    link.write(b"\0")
    with pytest.raises(ProbeError, match="endpoint 0x01 stalled"):
        link.read(1)
    assert device.cleared == [1]
    link.write(b"\1")
    assert link.read(1) == b"\1"


def test_an_answer_longer_than_a_packet_may_be_is_said(
    link: UsbBulkLink, device: FakeDevice
) -> None:
    device.in_status = "OVERFLOW"
    link.write(b"\0")
    with pytest.raises(ProbeError, match="sent more than the 64 bytes"):
        link.read(1)


def test_a_signal_during_the_wait_does_no_harm(
    link: UsbBulkLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = link._context
    pump = context.handleEventsTimeout
    calls = []

    def interrupted(seconds: float) -> None:
        calls.append(seconds)
        if len(calls) == 1:
            raise context.usb1.USBErrorInterrupted("signal")
        pump(seconds)

    monkeypatch.setattr(context, "handleEventsTimeout", interrupted)
    link.write(b"\0")
    assert link.read(1) == b"\0"
    assert len(calls) > 1


# ---- the whole way, with a virtual board in the device


@pytest.mark.parametrize(
    ("model", "endpoints"),
    [("bulk-512x4", HIGH_SPEED), ("bulk-64x8", ((0x01, 2, 64), (0x82, 2, 64)))],
)
def test_a_board_is_halted_read_and_flashed_over_bulk(
    bus: FakeBus, model: str, endpoints: tuple[tuple[int, int, int], ...]
) -> None:
    with VirtualBoard("stm32f407", probe_model=model) as board:
        size, count = board.probe.model.packet_size, board.probe.model.packet_count
        device = FakeDevice(
            board_firmware(board),
            interfaces=(FakeInterface(0, "onchip CMSIS-DAP v2", endpoints=endpoints),),
            dap_packet_size=size,
        )
        with open_session(link_to(bus, device)) as session:
            assert session.chip_name == "stm32f407"
            session.core.halt()
            session.memory.write(0x2000_0100, bytes(range(256)) * 16)
            assert session.memory.read(0x2000_0100, 4096) == bytes(range(256)) * 16
            image = counting_loop("stm32f407")
            report = session.flash(image)
            assert report.verified_bytes == report.image_bytes
        assert device.most_in_flight <= count
        assert all(len(packet) <= size for packet in device.received)
        assert device.released == [0]


def test_the_client_gets_back_in_step_after_an_answer_that_came_late(bus: FakeBus) -> None:
    with VirtualBoard("bare-ram") as board:
        device = FakeDevice(
            board_firmware(board),
            interfaces=(FakeInterface(0, "CMSIS-DAP", endpoints=HIGH_SPEED),),
            dap_packet_size=512,
        )
        link = link_to(bus, device)
        client = DapClient.open(link)
        assert client.packet_size == 512
        device.answers_late = True
        link.write(b"\x00\x04")
        with pytest.raises(ProbeTimeout):
            link.read(0.02)
        device.send_late(512)
        client.out_of_step("a test")
        assert client.usable
        assert client.info.product == "Virtual CMSIS-DAP bulk-512x4"
        client.close()
