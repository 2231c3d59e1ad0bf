"""Packets, acknowledgements and the interrupt byte of GDB's Remote Serial Protocol.

    $ payload # c c      a packet; cc is the sum of the payload's bytes modulo 256, in hex
    % payload # c c      a notification: the same, never acknowledged
    +  -                 the last packet arrived well, or did not
    0x03                 the client wants the target to stop

Inside a payload ``$``, ``#``, ``}`` and ``*`` stand as ``}`` and the byte XOR 0x20. In what a stub
sends, ``*`` and a printable byte n repeat the byte before it n - 29 times. The decoder is fed bytes
as they come and survives all of them: what is no packet becomes ``BadPacket`` or is passed over.

Source: Debugging with GDB, appendix E.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from onchip.errors import WireError

INTERRUPT: Final = b"\x03"
ACK: Final = b"+"
NACK: Final = b"-"
LONGEST_PAYLOAD: Final = 1 << 20
"""More bytes than this without ``#`` are no packet but noise."""

_SPECIAL = re.compile(rb"[$#}*]")
_START = re.compile(rb"[$%+\-\x03]")
_END = re.compile(rb"[#$]")
_HEX = re.compile(rb"[0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet with the right checksum; escapes and runs are undone."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification with the right checksum."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class BadPacket:
    """Something that began like a packet; the receiver answers ``-`` unless acks are off."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ack:
    """The peer got our last packet."""


@dataclass(frozen=True, slots=True)
class Nack:
    """The peer wants our last packet again."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The client wants the target stopped (Ctrl-C)."""


Event = Packet | Notification | BadPacket | Ack | Nack | Interrupt


def checksum(raw: bytes) -> int:
    """Return the sum of the bytes modulo 256."""
    return sum(raw) & 0xFF


def escape(payload: bytes) -> bytes:
    """Replace the bytes that mean something to the framing."""
    return _SPECIAL.sub(lambda found: bytes((0x7D, found[0][0] ^ 0x20)), payload)


def unescape(raw: bytes) -> bytes:
    """Undo ``escape``.

    Raises:
        WireError: the bytes end within an escape.
    """
    first, *rest = raw.split(b"}")
    parts = [first]
    pending = False
    for part in rest:
        if pending:  # the byte after an escape was itself ``}``
            parts.append(b"\x5d" + part)
            pending = False
        elif not part:
            pending = True
        else:
            parts.append(bytes((part[0] ^ 0x20,)) + part[1:])
    if pending:
        raise WireError("a packet ends within an escape")
    return b"".join(parts)


def expand_runs(raw: bytes) -> bytes:
    """Undo run-length coding: ``0* `` is ``0000``.

    Raises:
        WireError: a run has nothing to repeat, no count, or a count below 3.
    """
    pieces: list[bytes] = []
    position = 0
    while (star := raw.find(b"*", position)) >= 0:
        if star == 0 or star + 1 >= len(raw):
            raise WireError("a run without a byte to repeat or without a count")
        count = raw[star + 1] - 29
        if not 3 <= count <= 97:
            raise WireError(f"a run of {count}: 3 to 97 can be said")
        before = raw[position:star] if star > position else pieces[-1][-1:]
        pieces += [raw[position:star], before[-1:] * count]
        position = star + 2
    pieces.append(raw[position:])
    return b"".join(pieces)


def encode_packet(payload: bytes) -> bytes:
    """Return the packet around ``payload``."""
    raw = escape(payload)
    return b"$%b#%02x" % (raw, checksum(raw))


def encode_notification(payload: bytes) -> bytes:
    """Return the notification around ``payload``."""
    raw = escape(payload)
    return b"%%%b#%02x" % (raw, checksum(raw))


class Decoder:
    """Turns a stream of bytes into events, however it is cut.

    ``runs``: undo run-length coding, which only stubs send; a client's ``*`` is a plain byte.
    ``check``: refuse wrong checksums; off once both sides agreed on no-ack mode, where a checksum
    is sent but need not be right.
    """

    def __init__(self, *, runs: bool = False, check: bool = True) -> None:
        self.runs = runs
        self.check = check
        self._buffer = bytearray()
        self._searched = 1

    def feed(self, data: bytes) -> list[Event]:
        """Take bytes from the peer and return what they complete."""
        self._buffer += data
        events: list[Event] = []
        while (event := self._next()) is not None:
            events.append(event)
        return events

    def _next(self) -> Event | None:
        start = _START.search(self._buffer)
        if start is None:
            self._buffer.clear()
            return None
        if start.start():
            del self._buffer[: start.start()]
        match self._buffer[0]:
            case 0x2B:
                return self._single(Ack())
            case 0x2D:
                return self._single(Nack())
            case 0x03:
                return self._single(Interrupt())
        return self._packet()

    def _single(self, event: Event) -> Event:
        del self._buffer[:1]
        return event

    def _packet(self) -> Event | None:
        end = _END.search(self._buffer, self._searched)
        if end is None:
            if len(self._buffer) > LONGEST_PAYLOAD:
                return self._drop(len(self._buffer), f"no end within {LONGEST_PAYLOAD} bytes")
            self._searched = len(self._buffer)
            return None
        if end[0] == b"$":  # the peer gave up on its packet and began another
            return self._drop(end.start(), "a packet began within a packet")
        self._searched = end.start()
        if len(self._buffer) < end.start() + 3:
            return None
        kind, raw = self._buffer[0], bytes(self._buffer[1 : end.start()])
        digits = bytes(self._buffer[end.start() + 1 : end.start() + 3])
        if not _HEX.fullmatch(digits):
            return self._drop(end.start() + 1, f"checksum {digits!r} is not hex")
        del self._buffer[: end.start() + 3]
        self._searched = 1
        if self.check and int(digits, 16) != checksum(raw):
            return BadPacket(f"checksum {digits.decode()}, computed {checksum(raw):02x}")
        try:
            payload = unescape(expand_runs(raw) if self.runs else raw)
        except WireError as error:
            return BadPacket(error.message)
        return Packet(payload) if kind == 0x24 else Notification(payload)

    def _drop(self, length: int, reason: str) -> BadPacket:
        del self._buffer[:length]
        self._searched = 1
        return BadPacket(reason)
