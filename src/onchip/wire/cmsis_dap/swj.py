"""Commands common to SWD and JTAG: pins, clock, bit sequences on SWDIO/TMS.

::

    DAP_SWJ_Pins      > | 0x10 | output | select | wait u32 |    < | 0x10 | input |
    DAP_SWJ_Clock     > | 0x11 | hertz u32 |                     < | 0x11 | status |
    DAP_SWJ_Sequence  > | 0x12 | count | (count + 7) / 8 bytes | < | 0x12 | status |   0: 256 bits
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from .ids import CommandId
from .layout import Field, Fields, FixedCommand, FixedResponse, FixedStatusCommand
from .packet import (
    Reader,
    StatusCommand,
    bytes_of_bits,
    check,
    check_bits,
)


class Pin(IntEnum):
    """A pin's bit in DAP_SWJ_Pins."""

    SWCLK_TCK = 0x01
    SWDIO_TMS = 0x02
    TDI = 0x04
    TDO = 0x08
    nTRST = 0x20
    nRESET = 0x80


MAX_PIN_WAIT_US: Final = 3_000_000


@dataclass(frozen=True, slots=True)
class SWJ_PinsResponse(FixedResponse):
    """The levels of all pins, a mask of ``Pin``."""

    ID: ClassVar[CommandId] = CommandId.SWJ_Pins
    FIELDS: ClassVar[Fields] = (Field("pins", 1, "pin input"),)
    pins: int


@dataclass(frozen=True, slots=True)
class SWJ_Pins(FixedCommand[SWJ_PinsResponse]):
    """DAP_SWJ_Pins: drive the pins of ``select`` to ``output``; wait until they read so."""

    ID: ClassVar[CommandId] = CommandId.SWJ_Pins
    FIELDS: ClassVar[Fields] = (
        Field("output", 1, "pin output"),
        Field("select", 1, "pin select"),
        Field("wait_us", 4, "pin wait"),
    )
    output: int = 0
    select: int = 0
    wait_us: int = 0

    def read_response(self, reader: Reader) -> SWJ_PinsResponse:
        """Consume the levels."""
        return SWJ_PinsResponse.read(reader)


@dataclass(frozen=True, slots=True)
class SWJ_Clock(FixedStatusCommand):
    """DAP_SWJ_Clock: set the highest SWCLK or TCK frequency."""

    ID: ClassVar[CommandId] = CommandId.SWJ_Clock
    FIELDS: ClassVar[Fields] = (Field("frequency_hz", 4, "clock"),)
    frequency_hz: int


@dataclass(frozen=True, slots=True)
class SWJ_Sequence(StatusCommand):
    """DAP_SWJ_Sequence: 1 to 256 bits on SWDIO/TMS, the lowest bit of the first byte first."""

    ID: ClassVar[CommandId] = CommandId.SWJ_Sequence
    count: int
    data: bytes

    def encode_fields(self) -> bytes:
        """Return count and bits. Raises WireError if they contradict each other."""
        count = check(self.count, 1, 256, "bit count")
        return bytes((count & 0xFF,)) + check_bits(self.data, count, "sequence")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume count and bits."""
        count = reader.u8("bit count") or 256
        return cls(count, reader.take(bytes_of_bits(count), "sequence"))
