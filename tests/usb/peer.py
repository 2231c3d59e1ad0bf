"""QEMU's end of usbredir, as far as a test needs it: typed from the protocol, not from ours."""

from __future__ import annotations

import struct

from .usbredir import Redirection


class Peer:
    """Speaks to a `Redirection`; ``wide`` with 8-byte ids and every capability, else with none."""

    def __init__(self, redirection: Redirection, *, wide: bool = True) -> None:
        self.redirection = redirection
        self.wide = wide
        capabilities = 0x7E if wide else 0
        self.received: list[tuple[int, int, bytes]] = []
        # hello has 4-byte ids on both sides, always
        first = redirection.take_output()
        kind, length, _ = struct.unpack_from("<III", first)
        assert (kind, length, len(first)) == (0, 68, 80)
        hello = b"a test".ljust(64, b"\0") + struct.pack("<I", capabilities)
        redirection.feed(struct.pack("<III", 0, len(hello), 0) + hello)
        self.collect()

    def send(self, kind: int, number: int, body: bytes) -> None:
        """Send a packet, and let the device work."""
        layout = "<IIQ" if self.wide else "<III"
        self.redirection.feed(struct.pack(layout, kind, len(body), number) + body)
        self.redirection.pump()
        self.collect()

    def collect(self) -> None:
        """Take apart what came."""
        self.redirection.pump()
        data = self.redirection.take_output()
        layout = "<IIQ" if self.wide else "<III"
        while data:
            kind, length, number = struct.unpack_from(layout, data)
            size = struct.calcsize(layout)
            self.received.append((kind, number, data[size : size + length]))
            data = data[size + length :]

    def take(self) -> list[tuple[int, int, bytes]]:
        """Return what came since the last call."""
        received, self.received = self.received, []
        return received

    def control(
        self, request_type: int, request: int, value: int, index: int, length: int
    ) -> tuple[int, bytes]:
        """Make a control transfer from the device; return status and data."""
        self.take()
        body = struct.pack("<BBBBHHH", 0x80, request, request_type, 0, value, index, length)
        self.send(100, 77, body)
        [(kind, number, answer)] = self.take()
        assert (kind, number) == (100, 77)
        assert struct.unpack_from("<H", answer, 8)[0] == len(answer) - 10
        return answer[3], answer[10:]

    def bulk(self, number: int, endpoint: int, data: bytes = b"", length: int = 0) -> None:
        """Begin a bulk transfer."""
        length = len(data) or length
        body = struct.pack("<BBHI", endpoint, 0, length & 0xFFFF, 0)
        if self.wide:
            body += struct.pack("<H", length >> 16)
        self.send(101, number, body + data)

    def interrupt_out(self, number: int, endpoint: int, data: bytes) -> None:
        """Begin an interrupt OUT transfer."""
        self.send(103, number, struct.pack("<BBH", endpoint, 0, len(data)) + data)
