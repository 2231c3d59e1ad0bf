"""Flash programming: ``vFlashErase``, ``vFlashWrite``, ``vFlashDone``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import parse_number, parse_pair


@dataclass(frozen=True, slots=True)
class FlashErase:
    """``vFlashErase:address,length``: both on sector borders of the memory map."""

    address: int
    length: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"vFlashErase:%x,%x" % (self.address, self.length)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(*parse_pair(payload.removeprefix(b"vFlashErase:"), "address", "length"))


@dataclass(frozen=True, slots=True)
class FlashWrite:
    """``vFlashWrite:address:bytes``: may be kept until ``vFlashDone``."""

    address: int
    data: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return b"vFlashWrite:%x:%b" % (self.address, self.data)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        address, found, data = payload.removeprefix(b"vFlashWrite:").partition(b":")
        if not found:
            raise WireError("vFlashWrite needs address:bytes")
        return cls(parse_number(address, "address"), data)


@dataclass(frozen=True, slots=True)
class FlashDone:
    """``vFlashDone``: everything is to be on the chip when this is answered."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"vFlashDone"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


FlashRequest = FlashErase | FlashWrite | FlashDone
