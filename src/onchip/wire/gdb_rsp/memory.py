"""Requests about memory: ``m M x X qCRC qSearch:memory``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import parse_hex, parse_number, parse_pair


@dataclass(frozen=True, slots=True)
class ReadMemory:
    """``m address,length``: answered in hex."""

    address: int
    length: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"m%x,%x" % (self.address, self.length)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(*parse_pair(payload[1:], "address", "length"))


@dataclass(frozen=True, slots=True)
class ReadMemoryBinary:
    """``x address,length``: answered with ``b`` and the bytes."""

    address: int
    length: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"x%x,%x" % (self.address, self.length)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(*parse_pair(payload[1:], "address", "length"))


@dataclass(frozen=True, slots=True)
class WriteMemory:
    """``M address,length:hex``."""

    address: int
    data: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return b"M%x,%x:%b" % (self.address, len(self.data), self.data.hex().encode())

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        head, _, body = payload[1:].partition(b":")
        address, length = parse_pair(head, "address", "length")
        return cls(address, _exactly(parse_hex(body, "data"), length))


@dataclass(frozen=True, slots=True)
class WriteMemoryBinary:
    """``X address,length:bytes``; a length of 0 asks whether the packet is known."""

    address: int
    data: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return b"X%x,%x:%b" % (self.address, len(self.data), self.data)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        head, _, body = payload[1:].partition(b":")
        address, length = parse_pair(head, "address", "length")
        return cls(address, _exactly(body, length))


@dataclass(frozen=True, slots=True)
class ComputeCrc:
    """``qCRC:address,length``: answered with ``C`` and the CRC-32 in hex."""

    address: int
    length: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qCRC:%x,%x" % (self.address, self.length)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(*parse_pair(payload.removeprefix(b"qCRC:"), "address", "length"))


@dataclass(frozen=True, slots=True)
class SearchMemory:
    """``qSearch:memory:address;length;pattern``: answered ``0`` or ``1,address``."""

    address: int
    length: int
    pattern: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qSearch:memory:%x;%x;%b" % (self.address, self.length, self.pattern)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        parts = payload.removeprefix(b"qSearch:memory:").split(b";", 2)
        if len(parts) != 3 or not parts[2]:
            raise WireError("qSearch:memory needs address;length;pattern")
        return cls(parse_number(parts[0], "address"), parse_number(parts[1], "length"), parts[2])


def _exactly(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise WireError(f"the packet says {length} bytes and holds {len(data)}")
    return data


MemoryRequest = (
    ReadMemory | ReadMemoryBinary | WriteMemory | WriteMemoryBinary | ComputeCrc | SearchMemory
)
