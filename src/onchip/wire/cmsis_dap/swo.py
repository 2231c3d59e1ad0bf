"""SWO commands: capture of the trace pin.

::

    DAP_SWO_Transport       > | 0x17 | transport |     < | 0x17 | status |
    DAP_SWO_Mode            > | 0x18 | mode |          < | 0x18 | status |
    DAP_SWO_Baudrate        > | 0x19 | baud u32 |      < | 0x19 | baud u32 |       0: not configured
    DAP_SWO_Control         > | 0x1A | control |       < | 0x1A | status |
    DAP_SWO_Status          > | 0x1B |                 < | 0x1B | trace status | count u32 |
    DAP_SWO_Data            > | 0x1C | most u16 |      < | 0x1C | trace status | count u16 | data |
    DAP_SWO_ExtendedStatus  > | 0x1E | control |       < | 0x1E | what control asks for, in order |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...arch.register import Register, bit
from .ids import CommandId
from .layout import Field, Fields, FixedCommand, FixedResponse, FixedStatusCommand
from .packet import Reader, Response, pack


class TraceTransport(IntEnum):
    """DAP_SWO_Transport: how trace data reaches the host."""

    NONE = 0
    COMMAND = 1  # DAP_SWO_Data
    ENDPOINT = 2  # a bulk endpoint of its own


class TraceMode(IntEnum):
    """DAP_SWO_Mode: how the pin is coded."""

    OFF = 0
    UART = 1
    MANCHESTER = 2


class TraceControl(IntEnum):
    """DAP_SWO_Control."""

    STOP = 0
    START = 1


class TraceStatus(Register, address=CommandId.SWO_Status):
    """The Trace Status byte. Bit 1 is not in the specification, but in its reference firmware."""

    ACTIVE = bit(0)
    PAUSED = bit(1)
    STREAM_ERROR = bit(6)
    OVERRUN = bit(7)


class ExtendedStatusRequest(IntEnum):
    """The bits of DAP_SWO_ExtendedStatus' Control byte: what the response is to hold."""

    STATUS = 0x01
    COUNT = 0x02
    TIMESTAMP = 0x04


@dataclass(frozen=True, slots=True)
class SWO_Transport(FixedStatusCommand):
    """DAP_SWO_Transport: choose a ``TraceTransport``."""

    ID: ClassVar[CommandId] = CommandId.SWO_Transport
    FIELDS: ClassVar[Fields] = (Field("transport", 1),)
    transport: int


@dataclass(frozen=True, slots=True)
class SWO_Mode(FixedStatusCommand):
    """DAP_SWO_Mode: choose a ``TraceMode``."""

    ID: ClassVar[CommandId] = CommandId.SWO_Mode
    FIELDS: ClassVar[Fields] = (Field("mode", 1),)
    mode: int


@dataclass(frozen=True, slots=True)
class SWO_BaudrateResponse(FixedResponse):
    """The rate that was set up, perhaps not quite the one asked for; 0 if none was."""

    ID: ClassVar[CommandId] = CommandId.SWO_Baudrate
    FIELDS: ClassVar[Fields] = (Field("baudrate", 4),)
    baudrate: int


@dataclass(frozen=True, slots=True)
class SWO_Baudrate(FixedCommand[SWO_BaudrateResponse]):
    """DAP_SWO_Baudrate: set the rate of the trace pin."""

    ID: ClassVar[CommandId] = CommandId.SWO_Baudrate
    FIELDS: ClassVar[Fields] = (Field("baudrate", 4),)
    baudrate: int

    def read_response(self, reader: Reader) -> SWO_BaudrateResponse:
        """Consume the rate."""
        return SWO_BaudrateResponse.read(reader)


@dataclass(frozen=True, slots=True)
class SWO_Control(FixedStatusCommand):
    """DAP_SWO_Control: start or stop, a ``TraceControl``. A start drops what was not read yet."""

    ID: ClassVar[CommandId] = CommandId.SWO_Control
    FIELDS: ClassVar[Fields] = (Field("control", 1),)
    control: int


@dataclass(frozen=True, slots=True)
class SWO_StatusResponse(FixedResponse):
    """The trace's state, and how many bytes wait to be read."""

    ID: ClassVar[CommandId] = CommandId.SWO_Status
    FIELDS: ClassVar[Fields] = (
        Field("trace_status", 1, "trace status", TraceStatus),
        Field("count", 4, "trace count"),
    )
    trace_status: TraceStatus
    count: int


@dataclass(frozen=True, slots=True)
class SWO_Status(FixedCommand[SWO_StatusResponse]):
    """DAP_SWO_Status: ask for the trace's state."""

    ID: ClassVar[CommandId] = CommandId.SWO_Status

    def read_response(self, reader: Reader) -> SWO_StatusResponse:
        """Consume status and count."""
        return SWO_StatusResponse.read(reader)


@dataclass(frozen=True, slots=True)
class SWO_DataResponse(Response):
    """The trace's state, and the bytes that were read."""

    ID: ClassVar[CommandId] = CommandId.SWO_Data
    trace_status: TraceStatus
    data: bytes

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        return (
            bytes((self.ID,))
            + pack(self.trace_status, 1, "trace status")
            + pack(len(self.data), 2, "trace count")
            + self.data
        )


@dataclass(frozen=True, slots=True)
class SWO_Data(FixedCommand[SWO_DataResponse]):
    """DAP_SWO_Data: read at most ``most`` bytes of trace."""

    ID: ClassVar[CommandId] = CommandId.SWO_Data
    FIELDS: ClassVar[Fields] = (Field("most", 2, "trace count"),)
    most: int

    def read_response(self, reader: Reader) -> SWO_DataResponse:
        """Consume status, count and as many bytes."""
        status = TraceStatus(reader.u8("trace status"))
        return SWO_DataResponse(status, reader.take(reader.u16("trace count"), "trace data"))


@dataclass(frozen=True, slots=True)
class SWO_ExtendedStatusResponse(Response):
    """What was asked for; the rest is None. ``index`` and ``timestamp`` come together."""

    ID: ClassVar[CommandId] = CommandId.SWO_ExtendedStatus
    trace_status: TraceStatus | None = None
    count: int | None = None
    index: int | None = None
    timestamp: int | None = None

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        out = bytes((self.ID,))
        if self.trace_status is not None:
            out += pack(self.trace_status, 1, "trace status")
        if self.count is not None:
            out += pack(self.count, 4, "trace count")
        if self.index is not None:
            out += pack(self.index, 4, "index")
        if self.timestamp is not None:
            out += pack(self.timestamp, 4, "timestamp")
        return out


@dataclass(frozen=True, slots=True)
class SWO_ExtendedStatus(FixedCommand[SWO_ExtendedStatusResponse]):
    """DAP_SWO_ExtendedStatus: ask for any of state, count, and index with timestamp."""

    ID: ClassVar[CommandId] = CommandId.SWO_ExtendedStatus
    FIELDS: ClassVar[Fields] = (Field("control", 1),)
    control: int

    def read_response(self, reader: Reader) -> SWO_ExtendedStatusResponse:
        """Consume just what the control byte asks for."""
        status = count = index = timestamp = None
        if self.control & ExtendedStatusRequest.STATUS:
            status = TraceStatus(reader.u8("trace status"))
        if self.control & ExtendedStatusRequest.COUNT:
            count = reader.u32("trace count")
        if self.control & ExtendedStatusRequest.TIMESTAMP:
            index = reader.u32("index")
            timestamp = reader.u32("timestamp")
        return SWO_ExtendedStatusResponse(status, count, index, timestamp)
