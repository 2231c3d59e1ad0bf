from __future__ import annotations

import struct
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.usb.peer import Peer
from tests.usb.usbredir import (
    BULK,
    INTERRUPT,
    Endpoint,
    ProtocolError,
    Redirection,
    Setup,
    Speed,
)

OK, CANCELLED, INVALID, STALL, BABBLE = 0, 1, 2, 4, 6


class Echo:
    """A device that sends back what it gets, and takes as much as ``room`` says."""

    speed = Speed.HIGH
    vendor_id, product_id, release = 0x1234, 0x5678, 0x0102
    interfaces = ((0, 0xFF), (1, 3))
    endpoints = {
        0x01: Endpoint(BULK, 0, 0, 512),
        0x81: Endpoint(BULK, 0, 0, 512),
        0x02: Endpoint(INTERRUPT, 4, 1, 64),
        0x82: Endpoint(INTERRUPT, 4, 1, 64),
    }

    def __init__(self) -> None:
        self.room = 1000
        self.held: dict[int, deque[bytes]] = {1: deque(), 2: deque()}
        self.resets = 0
        self.given_up: list[int] = []

    def control(self, setup: Setup, data: bytes) -> bytes | None:
        return None if setup.request == 99 else b"answer"

    def accept(self, endpoint: int, data: bytes) -> bool:
        if self.room == 0:
            return False
        self.room -= 1
        self.held[endpoint].append(data)
        return True

    def produce(self, endpoint: int) -> bytes | None:
        held = self.held[endpoint & 15]
        return held.popleft() if held else None

    def cancelled(self, endpoint: int) -> None:
        self.given_up.append(endpoint)

    def reset(self) -> None:
        self.resets += 1


def echo(*, wide: bool = True) -> tuple[Echo, Peer]:
    device = Echo()
    peer = Peer(Redirection(device), wide=wide)
    return device, peer


def bulk_answer(number: int, endpoint: int, status: int, data: bytes, length: int) -> object:
    return (101, number, struct.pack("<BBHIH", endpoint, status, length, 0, 0) + data)


def test_a_device_is_announced_endpoints_first() -> None:
    _, peer = echo()
    (endpoints, interfaces, connect) = peer.take()
    assert endpoints[0] == 5
    kinds, intervals, owners, sizes = (
        endpoints[2][:32],
        endpoints[2][32:64],
        endpoints[2][64:96],
        struct.unpack("<32H", endpoints[2][96:]),
    )
    assert (kinds[0], kinds[16]) == (0, 0)
    assert (kinds[1], kinds[17], kinds[2], kinds[18], kinds[3]) == (2, 2, 3, 3, 255)
    assert (intervals[18], owners[18], sizes[1], sizes[18]) == (4, 1, 512, 64)
    assert interfaces[0] == 4
    assert struct.unpack_from("<I", interfaces[2])[0] == 2
    assert interfaces[2][4:6] == b"\x00\x01"
    assert interfaces[2][36:38] == b"\xff\x03"
    assert connect == (1, 0, bytes.fromhex("02 00 00 00 3412 7856 0201"))


def test_without_capabilities_the_old_layouts_are_used() -> None:
    _, peer = echo(wide=False)
    sizes = [len(body) for _, _, body in peer.take()]
    assert sizes == [96, 132, 8]
    peer.bulk(5, 0x01, b"abc")
    peer.bulk(6, 0x81, length=64)
    assert peer.take() == [
        (101, 5, struct.pack("<BBHI", 0x01, OK, 3, 0)),
        (101, 6, struct.pack("<BBHI", 0x81, OK, 3, 0) + b"abc"),
    ]


def test_several_transfers_are_under_way_and_answered_in_order() -> None:
    _, peer = echo()
    peer.take()
    for number in (10, 11, 12):
        peer.bulk(number, 0x81, length=512)
    assert peer.take() == []
    peer.bulk(20, 0x01, b"one")
    peer.bulk(21, 0x01, b"two")
    assert peer.take() == [
        bulk_answer(20, 0x01, OK, b"", 3),
        bulk_answer(10, 0x81, OK, b"one", 3),
        bulk_answer(21, 0x01, OK, b"", 3),
        bulk_answer(11, 0x81, OK, b"two", 3),
    ]


def test_a_full_device_takes_the_data_later() -> None:
    device, peer = echo()
    device.room = 0
    peer.take()
    peer.bulk(1, 0x01, b"x")
    assert peer.take() == []
    device.room = 1
    peer.collect()
    assert peer.take() == [bulk_answer(1, 0x01, OK, b"", 1)]


def test_an_answer_that_does_not_fit_is_babble() -> None:
    _, peer = echo()
    peer.take()
    peer.bulk(1, 0x01, b"abcdef")
    peer.bulk(2, 0x81, length=4)
    assert peer.take()[-1] == bulk_answer(2, 0x81, BABBLE, b"abcd", 4)


def test_an_endpoint_that_is_not_there_is_invalid() -> None:
    _, peer = echo()
    peer.take()
    peer.bulk(1, 0x05, b"x")
    assert peer.take() == [bulk_answer(1, 0x05, INVALID, b"", 0)]


def test_interrupt_reports_flow_while_they_are_received() -> None:
    _, peer = echo()
    peer.take()
    peer.interrupt_out(3, 0x02, b"report")
    assert peer.take() == [(103, 3, b"\x02\x00\x06\x00")]
    peer.send(15, 4, b"\x82")
    assert peer.take() == [
        (17, 4, b"\x00\x82"),
        (103, 0, b"\x82\x00\x06\x00report"),
    ]
    peer.send(16, 5, b"\x82")
    peer.interrupt_out(6, 0x02, b"more")
    assert peer.take() == [(17, 5, b"\x00\x82"), (103, 6, b"\x02\x00\x04\x00")]


def test_control_transfers_answer_or_stall() -> None:
    _, peer = echo()
    assert peer.control(0x80, 6, 0, 0, 255) == (OK, b"answer")
    assert peer.control(0x80, 6, 0, 0, 3) == (OK, b"ans")
    assert peer.control(0x80, 99, 0, 0, 255) == (STALL, b"")


def test_configuration_and_alternate_setting_are_remembered() -> None:
    _, peer = echo()
    peer.take()
    peer.send(6, 1, b"\x01")
    peer.send(7, 2, b"")
    peer.send(9, 3, b"\x01\x02")
    peer.send(10, 4, b"\x01")
    assert peer.take() == [
        (8, 1, b"\x00\x01"),
        (8, 2, b"\x00\x01"),
        (11, 3, b"\x00\x01\x02"),
        (11, 4, b"\x00\x01\x02"),
    ]


def test_a_cancelled_wait_is_given_back_once() -> None:
    device, peer = echo()
    peer.take()
    peer.bulk(1, 0x81, length=64)
    peer.send(21, 1, b"")
    peer.send(21, 1, b"")
    assert peer.take() == [bulk_answer(1, 0x81, CANCELLED, b"", 0)]
    assert device.given_up == [0x81]


def test_unplugged_in_the_middle_nothing_is_answered_any_more() -> None:
    _, peer = echo()
    peer.take()
    peer.bulk(1, 0x81, length=64)
    peer.redirection.detach()
    peer.collect()
    assert peer.take() == [(2, 0, b"")]
    peer.bulk(2, 0x01, b"too late")
    peer.send(24, 0, b"")
    assert peer.take() == []
    peer.redirection.attach()
    peer.collect()
    assert [kind for kind, _, _ in peer.take()] == [5, 4, 1]


def test_a_bus_reset_drops_what_is_under_way() -> None:
    device, peer = echo()
    peer.take()
    peer.bulk(1, 0x81, length=64)
    peer.send(3, 0, b"")
    peer.bulk(2, 0x01, b"x")
    assert device.resets == 1
    assert peer.take() == [bulk_answer(2, 0x01, OK, b"", 1)]


@pytest.mark.parametrize(
    ("kind", "body"), [(101, b""), (100, b"\0"), (6, b""), (55, b""), (1, b""), (15, b"")]
)
def test_what_is_not_the_protocol_is_refused(kind: int, body: bytes) -> None:
    _, peer = echo()
    with pytest.raises(ProtocolError):
        peer.send(kind, 1, body)


def test_a_packet_before_hello_is_refused() -> None:
    with pytest.raises(ProtocolError, match="before hello"):
        Redirection(Echo()).feed(struct.pack("<III", 3, 0, 0))


def test_a_length_beyond_reason_is_refused() -> None:
    with pytest.raises(ProtocolError, match="bytes"):
        Redirection(Echo()).feed(struct.pack("<III", 0, 1 << 30, 0))


@given(st.lists(st.integers(1, 30), max_size=20))
@settings(max_examples=25, deadline=None)
def test_packets_may_arrive_in_pieces(cuts: list[int]) -> None:
    _, peer = echo()
    peer.take()
    body = struct.pack("<BBHIH", 0x01, 0, 5, 0, 0) + b"whole"
    data = struct.pack("<IIQ", 101, len(body), 9) + body
    for cut in cuts:
        peer.redirection.feed(data[:cut])
        data = data[cut:]
    peer.redirection.feed(data)
    peer.collect()
    assert peer.take() == [bulk_answer(9, 0x01, OK, b"", 5)]
