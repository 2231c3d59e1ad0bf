"""Requests about the session: what both sides can do, XML documents, ``monitor`` commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import parse_hex, parse_number, parse_pair


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
    """``qSymbol::``: the client can tell addresses; ``qSymbol:address:name``: here is one.

    ``name`` None is the offer; ``address`` None: the client does not know that name.
    """

    name: str | None = None
    address: int | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        address = b"" if self.address is None else b"%x" % self.address
        name = b"" if self.name is None else self.name.encode().hex().encode()
        return b"qSymbol:" + address + b":" + name

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        address, found, name = payload.removeprefix(b"qSymbol:").partition(b":")
        if not found:
            raise WireError("qSymbol needs address:name, both of which may be empty")
        return cls(
            parse_hex(name, "name").decode("utf-8", "replace") if name else None,
            parse_number(address, "address") if address else None,
        )


@dataclass(frozen=True, slots=True)
class PassSignals:
    """``QPassSignals:signal;...``: signals that are the program's own affair."""

    signals: frozenset[int] = frozenset()

    def encode(self) -> bytes:
        """Return the payload."""
        return b"QPassSignals:" + b";".join(b"%x" % number for number in sorted(self.signals))

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        texts = payload.removeprefix(b"QPassSignals:").split(b";")
        return cls(frozenset(parse_number(text, "signal") for text in texts if text))


@dataclass(frozen=True, slots=True)
class Switch:
    """``QNonStop:1``, ``QThreadEvents:0`` and their like: ``name`` is on or off."""

    name: str
    on: bool

    def encode(self) -> bytes:
        """Return the payload."""
        return self.name.encode("ascii") + b":%d" % self.on

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        name, _, value = payload.partition(b":")
        if value not in (b"0", b"1"):
            raise WireError(f"{name.decode('latin-1')} is :0 or :1")
        return cls(name.decode("latin-1"), value == b"1")


@dataclass(frozen=True, slots=True)
class NextStop:
    """``vStopped``: the client took note of a stop in non-stop mode, and wants the next."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"vStopped"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


QueryRequest = (
    Supported
    | StartNoAckMode
    | MustReplyEmpty
    | ReadObject
    | MonitorCommand
    | OfferSymbols
    | PassSignals
    | Switch
    | NextStop
)
