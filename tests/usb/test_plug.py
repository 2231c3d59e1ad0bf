"""The cable: its thread, its socket, and the plug being pulled, without any machine."""

from __future__ import annotations

import socket
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from onchip.virtual_board.board import VirtualBoard
from tests.usb.plug import Plug, plugged
from tests.usb.usbredir import ProtocolError

HELLO = struct.pack("<III", 0, 68, 0) + b"a test".ljust(64, b"\0") + struct.pack("<I", 0x7E)


class Socket:
    """QEMU's end of the cable, over its socket."""

    def __init__(self, plug: Plug) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(plug.path))
        assert self._take(80)[:4] == b"\0\0\0\0"
        self.socket.sendall(HELLO)

    def packet(self) -> tuple[int, bytes]:
        kind, length, _ = struct.unpack("<IIQ", self._take(16))
        return kind, self._take(length)

    def bulk(self, endpoint: int, data: bytes = b"", length: int = 0) -> None:
        body = struct.pack("<BBHIH", endpoint, 0, len(data) or length, 0, 0) + data
        self.socket.sendall(struct.pack("<IIQ", 101, len(body), 1) + body)

    def _take(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            assert more, "hung up"
            data += more
        return data


@contextmanager
def cable() -> Iterator[tuple[Plug, Socket]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        VirtualBoard("bare-ram") as board,
        plugged(board, Path(folder)) as plug,
    ):
        peer = Socket(plug)
        with peer.socket:
            assert [peer.packet()[0] for _ in range(3)] == [5, 4, 1]
            yield plug, peer


def test_a_packet_goes_through_the_cable_and_back() -> None:
    with cable() as (_, peer):
        peer.bulk(0x01, b"\x00\xfe")
        assert peer.packet()[0] == 101
        peer.bulk(0x81, length=512)
        assert peer.packet() == (101, struct.pack("<BBHIH", 0x81, 0, 3, 0, 0) + b"\x00\x01\x04")


def test_pulled_and_put_back_on_command() -> None:
    with cable() as (plug, peer):
        plug.pull()
        assert peer.packet()[0] == 2
        assert not plug.board.probe.plugged
        plug.put_back()
        assert [peer.packet()[0] for _ in range(3)] == [5, 4, 1]
        assert plug.board.probe.plugged


def test_pulled_when_something_has_happened() -> None:
    with cable() as (plug, peer):
        pulled = plug.pull_when(lambda: plug.board.probe.packets == 2)
        peer.bulk(0x01, b"\x00\xfe")
        assert peer.packet()[0] == 101
        assert not pulled.is_set()
        peer.bulk(0x01, b"\x00\xfe")
        assert [peer.packet()[0] for _ in range(2)] == [101, 2]
        assert pulled.wait(10)


def test_pulled_by_a_scripted_fault() -> None:
    with cable() as (plug, peer):
        plug.do(lambda: plug.board.faults.unplug(after_packets=1))
        peer.bulk(0x01, b"\x00\xfe")
        peer.bulk(0x01, b"\x00\xfe")
        kinds = [peer.packet()[0]]
        while kinds[-1] != 2:
            kinds.append(peer.packet()[0])
        assert kinds == [101, 101, 2]


def test_the_next_machine_may_take_the_cable() -> None:
    with cable() as (plug, peer):
        peer.socket.close()
        again = Socket(plug)
        with again.socket:
            assert [again.packet()[0] for _ in range(3)] == [5, 4, 1]


def test_an_error_in_an_order_comes_back_to_who_gave_it() -> None:
    with cable() as (plug, _), pytest.raises(ZeroDivisionError):
        plug.do(lambda: 1 // 0)


def test_rubbish_on_the_cable_is_told_at_the_end() -> None:
    def rubbish() -> None:
        with cable() as (_, peer):
            peer.socket.sendall(struct.pack("<IIQ", 55, 0, 0))
            assert peer.socket.recv(100) == b""

    with pytest.raises(ProtocolError):
        rubbish()
