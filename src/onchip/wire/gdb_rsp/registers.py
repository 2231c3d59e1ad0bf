"""Requests about registers: ``g G p P``. Values are in target byte order, as GDB numbers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import parse_hex, parse_number


@dataclass(frozen=True, slots=True)
class ReadRegisters:
    """``g``."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"g"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if payload != b"g":
            raise WireError("g takes nothing after it")
        return cls()


@dataclass(frozen=True, slots=True)
class WriteRegisters:
    """``G hex``."""

    data: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return b"G" + self.data.hex().encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(parse_hex(payload[1:], "registers"))


@dataclass(frozen=True, slots=True)
class ReadRegister:
    """``p number``."""

    number: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"p%x" % self.number

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(parse_number(payload[1:], "register number"))


@dataclass(frozen=True, slots=True)
class WriteRegister:
    """``P number=hex``."""

    number: int
    data: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return b"P%x=%b" % (self.number, self.data.hex().encode())

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        number, found, value = payload[1:].partition(b"=")
        if not found or not value:
            raise WireError("P needs number=value")
        return cls(parse_number(number, "register number"), parse_hex(value, "register value"))


RegisterRequest = ReadRegisters | WriteRegisters | ReadRegister | WriteRegister
