from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from onchip.virtual_board.board import VirtualBoard
from tests.usb.peer import Peer
from tests.usb.probe_device import V1_IN, V1_OUT, V2_IN, V2_OUT, UsbProbe
from tests.usb.usbredir import Redirection, Speed

PACKET_COUNT = b"\x00\xfe"  # DAP_Info; its answer is DAP_Info, length 1, the count
MAX_PACKET_SIZE = b"\x00\xff"
OK, STALL = 0, 4


@pytest.fixture
def board() -> Iterator[VirtualBoard]:
    with VirtualBoard("bare-ram") as board:
        yield board


def connect(device: UsbProbe) -> Peer:
    peer = Peer(Redirection(device))
    peer.take()
    return peer


def run(device: UsbProbe, peer: Peer) -> None:
    """Let the firmware do what it has, as the plug's thread does."""
    running = device.run()
    try:
        while True:
            next(running)
    except StopIteration:
        peer.collect()


def bulk_in(peer: Peer) -> list[bytes]:
    return [body[10:] for kind, _, body in peer.take() if kind == 101 and body[0] == V2_IN]


def descriptors(data: bytes) -> list[bytes]:
    found = []
    while data:
        found.append(data[: data[0]])
        data = data[data[0] :]
    return found


@pytest.mark.parametrize("speed", Speed)
@pytest.mark.parametrize("interfaces", ["v1", "v2", "both"])
def test_the_configuration_adds_up(board: VirtualBoard, speed: Speed, interfaces: str) -> None:
    peer = connect(UsbProbe(board, speed=speed, interfaces=interfaces))
    status, data = peer.control(0x80, 6, 0x0200, 0, 255)
    assert status == OK
    assert struct.unpack_from("<H", data, 2)[0] == len(data)
    parts = descriptors(data)
    assert [part[0] for part in parts] == [len(part) for part in parts]
    assert data[4] == [part[1] for part in parts].count(4)
    bulk_sizes = {struct.unpack_from("<H", p, 4)[0] for p in parts if p[1] == 5 and p[3] == 2}
    if interfaces != "v1":
        assert bulk_sizes == ({512} if speed == Speed.HIGH else {64})
        [vendor] = [p for p in parts if p[1] == 4 and p[5] == 0xFF]
        assert "CMSIS-DAP" in string(peer, vendor[8])
        addresses = [p[2] for p in parts if p[1] == 5 and p[3] == 2]
        assert addresses == [0x01, 0x81], "OUT comes first, as the specification wants"
    if interfaces != "v2":
        [hid] = [p for p in parts if p[1] == 0x21]
        status, report = peer.control(
            0x81, 6, 0x2200, len(descriptors_of_interfaces(parts)) - 1, 99
        )
        assert status == OK
        assert struct.unpack_from("<H", hid, 7)[0] == len(report)


def descriptors_of_interfaces(parts: list[bytes]) -> list[bytes]:
    return [part for part in parts if part[1] == 4]


def string(peer: Peer, index: int) -> str:
    status, data = peer.control(0x80, 6, 0x0300 | index, 0x409, 255)
    assert (status, data[0], data[1]) == (OK, len(data), 3)
    return data[2:].decode("utf-16-le")


def test_the_device_descriptor_and_its_strings(board: VirtualBoard) -> None:
    peer = connect(UsbProbe(board, speed=Speed.HIGH))
    status, data = peer.control(0x80, 6, 0x0100, 0, 18)
    assert (status, data) == (
        OK,
        bytes.fromhex("12 01 1002 00 00 00 40 0912 0100 0001 01 02 03 01"),
    )
    assert string(peer, 1) == "onchip"
    assert "CMSIS-DAP" in string(peer, 2)
    assert string(peer, 3) == board.serial
    assert peer.control(0x80, 6, 0x0300, 0, 255) == (OK, b"\x04\x03\x09\x04")
    assert peer.control(0x80, 6, 0x0363, 0x409, 255)[0] == STALL


def test_a_probe_may_have_no_serial_number() -> None:
    with VirtualBoard("bare-ram", serial="") as board:
        peer = connect(UsbProbe(board, speed=Speed.HIGH))
        assert peer.control(0x80, 6, 0x0100, 0, 18)[1][14:17] == b"\x01\x02\x00"


def test_a_full_speed_device_has_no_qualifier(board: VirtualBoard) -> None:
    assert connect(UsbProbe(board, speed=Speed.FULL)).control(0x80, 6, 0x0600, 0, 10)[0] == STALL
    assert connect(UsbProbe(board, speed=Speed.HIGH)).control(0x80, 6, 0x0600, 0, 10)[0] == OK


@pytest.mark.parametrize("interfaces", ["v1", "v2", "both"])
def test_windows_is_told_to_use_winusb_for_v2_alone(board: VirtualBoard, interfaces: str) -> None:
    peer = connect(UsbProbe(board, speed=Speed.HIGH, interfaces=interfaces))
    _, bos = peer.control(0x80, 6, 0x0F00, 0, 255)
    assert struct.unpack_from("<H", bos, 2)[0] == len(bos)
    length, vendor_request = struct.unpack_from("<HB", bos, 5 + 24)
    status, data = peer.control(0xC0, vendor_request, 0, 7, 0xFFFF)
    assert (status, len(data)) == (OK, length)
    assert struct.unpack_from("<H", data, 8)[0] == len(data)
    assert (b"WINUSB" in data) == (interfaces != "v1")
    # a subset for the first function, only where there are several
    assert (struct.unpack_from("<HH", data, 10) == (8, 1)) if interfaces == "both" else True
    if interfaces == "v2":
        assert struct.unpack_from("<HH", data, 10) == (20, 3)


def test_packets_run_in_order_and_answers_come_as_they_are_fetched(board: VirtualBoard) -> None:
    device = UsbProbe(board, speed=Speed.HIGH)
    peer = connect(device)
    peer.bulk(1, V2_OUT, PACKET_COUNT)
    peer.bulk(2, V2_OUT, MAX_PACKET_SIZE)
    run(device, peer)
    run(device, peer)
    assert bulk_in(peer) == []
    peer.bulk(3, V2_IN, length=512)
    peer.bulk(4, V2_IN, length=512)
    assert bulk_in(peer) == [b"\x00\x01\x04", b"\x00\x02\x00\x02"]


def test_a_packet_beyond_the_packet_count_is_kept_waiting(board: VirtualBoard) -> None:
    device = UsbProbe(board, speed=Speed.HIGH)
    assert device.v2 is not None
    peer = connect(device)
    for number in range(5):
        peer.bulk(number, V2_OUT, PACKET_COUNT)
    assert len([1 for kind, _, _ in peer.take() if kind == 101]) == 4
    assert device.v2.most_in_flight == 5
    run(device, peer)
    assert peer.take() == [], "executed, but its answer still takes a buffer"
    peer.bulk(9, V2_IN, length=512)
    assert [number for _, number, _ in peer.take()] == [9, 4]


def test_hid_reports_are_padded_and_may_come_as_control_transfers(board: VirtualBoard) -> None:
    device = UsbProbe(board, speed=Speed.FULL)
    peer = connect(device)
    peer.send(15, 1, bytes((V1_IN,)))
    peer.interrupt_out(2, V1_OUT, MAX_PACKET_SIZE.ljust(64, b"\0"))
    run(device, peer)
    report = [body[4:] for kind, _, body in peer.take() if kind == 103 and body[0] == V1_IN]
    assert report == [b"\x00\x02\x40\x00".ljust(64, b"\0")], "its own packet size, not that of v2"
    body = struct.pack("<BBBBHHH", 0, 9, 0x21, 0, 0x200, 1, 64) + PACKET_COUNT.ljust(64, b"\0")
    peer.send(100, 3, body)
    run(device, peer)
    assert [b[4:7] for kind, _, b in peer.take() if kind == 103] == [b"\x00\x01\x04"]


def test_a_transfer_abort_is_taken_at_the_endpoint(board: VirtualBoard) -> None:
    device = UsbProbe(board, speed=Speed.HIGH)
    assert device.v2 is not None
    peer = connect(device)
    peer.bulk(1, V2_OUT, b"\x07")
    assert board.probe.firmware.transfers.abort
    assert not device.v2.requests


def test_a_packet_that_fills_usb_packets_goes_on_until_a_short_one(board: VirtualBoard) -> None:
    device = UsbProbe(board, speed=Speed.FULL, interfaces="v2")  # 512 bytes in packets of 64
    assert device.v2 is not None
    peer = connect(device)
    peer.bulk(1, V2_OUT, PACKET_COUNT.ljust(64, b"\0"))
    assert not device.v2.requests
    peer.bulk(2, V2_OUT, b"")
    assert [len(packet) for packet in device.v2.requests] == [64]


def test_a_bus_reset_empties_the_buffers(board: VirtualBoard) -> None:
    device = UsbProbe(board, speed=Speed.HIGH)
    assert device.v2 is not None
    peer = connect(device)
    peer.bulk(1, V2_OUT, PACKET_COUNT)
    peer.send(3, 0, b"")
    assert device.v2.in_flight == 0


def test_what_is_not_known_stalls(board: VirtualBoard) -> None:
    peer = connect(UsbProbe(board, speed=Speed.HIGH))
    assert peer.control(0xC0, 0x55, 0, 0, 8)[0] == STALL
    assert peer.control(0x80, 6, 0x2200, 0, 64)[0] == STALL
