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
from typing import ClassVar, Self

from ...arch.register import Register, bit
from .ids import CommandId
from .packet import Command, Reader, Response, StatusCommand, pack


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
class SWO_Transport(StatusCommand):
    """DAP_SWO_Transport: choose a ``TraceTransport``."""

    ID: ClassVar[CommandId] = CommandId.SWO_Transport
    transport: int

    def encode_fields(self) -> bytes:
        """Return the transport."""
        return pack(self.transport, 1, "transport")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the transport."""
        return cls(reader.u8("transport"))


@dataclass(frozen=True, slots=True)
class SWO_Mode(StatusCommand):
    """DAP_SWO_Mode: choose a ``TraceMode``."""

    ID: ClassVar[CommandId] = CommandId.SWO_Mode
    mode: int

    def encode_fields(self) -> bytes:
        """Return the mode."""
        return pack(self.mode, 1, "mode")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the mode."""
        return cls(reader.u8("mode"))


@dataclass(frozen=True, slots=True)
class SWO_BaudrateResponse(Response):
    """The rate that was set up, perhaps not quite the one asked for; 0 if none was."""

    ID: ClassVar[CommandId] = CommandId.SWO_Baudrate
    baudrate: int

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if the rate does not fit."""
        return bytes((self.ID,)) + pack(self.baudrate, 4, "baudrate")


@dataclass(frozen=True, slots=True)
class SWO_Baudrate(Command[SWO_BaudrateResponse]):
    """DAP_SWO_Baudrate: set the rate of the trace pin."""

    ID: ClassVar[CommandId] = CommandId.SWO_Baudrate
    baudrate: int

    def encode_fields(self) -> bytes:
        """Return the rate."""
        return pack(self.baudrate, 4, "baudrate")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the rate."""
        return cls(reader.u32("baudrate"))

    def read_response(self, reader: Reader) -> SWO_BaudrateResponse:
        """Consume the rate."""
        return SWO_BaudrateResponse(reader.u32("baudrate"))


@dataclass(frozen=True, slots=True)
class SWO_Control(StatusCommand):
    """DAP_SWO_Control: start or stop, a ``TraceControl``. A start drops what was not read yet."""

    ID: ClassVar[CommandId] = CommandId.SWO_Control
    control: int

    def encode_fields(self) -> bytes:
        """Return the control byte."""
        return pack(self.control, 1, "control")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the control byte."""
        return cls(reader.u8("control"))


@dataclass(frozen=True, slots=True)
class SWO_StatusResponse(Response):
    """The trace's state, and how many bytes wait to be read."""

    ID: ClassVar[CommandId] = CommandId.SWO_Status
    trace_status: TraceStatus
    count: int

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        return (
            bytes((self.ID,))
            + pack(self.trace_status, 1, "trace status")
            + pack(self.count, 4, "trace count")
        )


@dataclass(frozen=True, slots=True)
class SWO_Status(Command[SWO_StatusResponse]):
    """DAP_SWO_Status: ask for the trace's state."""

    ID: ClassVar[CommandId] = CommandId.SWO_Status

    def encode_fields(self) -> bytes:
        """Return nothing: the command byte is all."""
        return b""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume nothing."""
        return cls()

    def read_response(self, reader: Reader) -> SWO_StatusResponse:
        """Consume status and count."""
        return SWO_StatusResponse(TraceStatus(reader.u8("trace status")), reader.u32("trace count"))


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
class SWO_Data(Command[SWO_DataResponse]):
    """DAP_SWO_Data: read at most ``most`` bytes of trace."""

    ID: ClassVar[CommandId] = CommandId.SWO_Data
    most: int

    def encode_fields(self) -> bytes:
        """Return the number of bytes."""
        return pack(self.most, 2, "trace count")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the number of bytes."""
        return cls(reader.u16("trace count"))

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
class SWO_ExtendedStatus(Command[SWO_ExtendedStatusResponse]):
    """DAP_SWO_ExtendedStatus: ask for any of state, count, and index with timestamp."""

    ID: ClassVar[CommandId] = CommandId.SWO_ExtendedStatus
    control: int

    def encode_fields(self) -> bytes:
        """Return the control byte."""
        return pack(self.control, 1, "control")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the control byte."""
        return cls(reader.u8("control"))

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
