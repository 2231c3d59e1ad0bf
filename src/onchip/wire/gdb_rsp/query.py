"""Requests about the session: what both sides can do, XML documents, ``monitor`` commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import parse_hex, parse_pair


@dataclass(frozen=True, slots=True)
class Supported:
    """``qSupported:feature;...``: ``features`` as they came: ``swbreak+``, ``xmlRegisters=arm``."""

    features: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qSupported:" + ";".join(self.features).encode("latin-1")

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        text = payload.partition(b":")[2].decode("latin-1")
        return cls(tuple(feature for feature in text.split(";") if feature))


@dataclass(frozen=True, slots=True)
class StartNoAckMode:
    """``QStartNoAckMode``: after the answer neither side sends + or -."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"QStartNoAckMode"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


@dataclass(frozen=True, slots=True)
class MustReplyEmpty:
    """``vMustReplyEmpty``: the test for how unknown v packets are answered."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"vMustReplyEmpty"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


@dataclass(frozen=True, slots=True)
class ReadObject:
    """``qXfer:object:read:annex:offset,length``: a piece of a document."""

    object: str
    annex: str
    offset: int
    length: int

    def encode(self) -> bytes:
        """Return the payload."""
        names = f"qXfer:{self.object}:read:{self.annex}:".encode("latin-1")
        return names + b"%x,%x" % (self.offset, self.length)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        parts = payload.split(b":", 4)
        if len(parts) != 5 or parts[2] != b"read":
            raise WireError("qXfer is served as qXfer:object:read:annex:offset,length only")
        offset, length = parse_pair(parts[4], "offset", "length")
        return cls(parts[1].decode("latin-1"), parts[3].decode("latin-1"), offset, length)


@dataclass(frozen=True, slots=True)
class MonitorCommand:
    """``qRcmd,hex``: what stands after ``monitor``."""

    text: str

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qRcmd," + self.text.encode().hex().encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        data = parse_hex(payload.removeprefix(b"qRcmd").removeprefix(b","), "command")
        return cls(data.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class OfferSymbols:
    """``qSymbol::`` or the answer to a lookup: the client can tell addresses of symbols."""

    body: bytes = b":"

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qSymbol:" + self.body

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls(payload.partition(b":")[2])


@dataclass(frozen=True, slots=True)
class PassSignals:
    """``QPassSignals:signal;...`` and ``QProgramSignals:...``: nothing here has signals."""

    name: str
    signals: bytes = b""

    def encode(self) -> bytes:
        """Return the payload."""
        return self.name.encode("latin-1") + b":" + self.signals

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        name, _, signals = payload.partition(b":")
        return cls(name.decode("latin-1"), signals)


QueryRequest = (
    Supported
    | StartNoAckMode
    | MustReplyEmpty
    | ReadObject
    | MonitorCommand
    | OfferSymbols
    | PassSignals
)
