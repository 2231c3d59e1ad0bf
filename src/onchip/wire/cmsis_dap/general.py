"""General commands: HostStatus, Connect, Disconnect, WriteABORT, Delay, ResetTarget.

::

    DAP_HostStatus    > | 0x01 | type | status |      < | 0x01 | 0 |
    DAP_Connect       > | 0x02 | port |               < | 0x02 | port |
    DAP_Disconnect    > | 0x03 |                      < | 0x03 | status |
    DAP_WriteABORT    > | 0x08 | index | abort u32 |  < | 0x08 | status |
    DAP_Delay         > | 0x09 | microseconds u16 |   < | 0x09 | status |
    DAP_ResetTarget   > | 0x0A |                      < | 0x0A | status | execute |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from .ids import CommandId, Port, Status
from .packet import Command, Reader, Response, StatusCommand, pack


class HostStatusType(IntEnum):
    """Which lamp of the probe DAP_HostStatus means."""

    CONNECT = 0
    RUNNING = 1


@dataclass(frozen=True, slots=True)
class HostStatus(StatusCommand):
    """DAP_HostStatus: light or darken a lamp, a ``HostStatusType``."""

    ID: ClassVar[CommandId] = CommandId.HostStatus
    type: int
    status: int

    def encode_fields(self) -> bytes:
        """Return type and status."""
        return pack(self.type, 1, "type") + pack(self.status, 1, "status")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume type and status."""
        return cls(reader.u8("type"), reader.u8("status"))


@dataclass(frozen=True, slots=True)
class ConnectResponse(Response):
    """The port that was set up; 0 if none was."""

    ID: ClassVar[CommandId] = CommandId.Connect
    port: int

    @property
    def ok(self) -> bool:
        """Return whether a port was set up."""
        return self.port != 0

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if the port does not fit."""
        return bytes((self.ID,)) + pack(self.port, 1, "port")


@dataclass(frozen=True, slots=True)
class Connect(Command[ConnectResponse]):
    """DAP_Connect: set the pins up for a ``Port``."""

    ID: ClassVar[CommandId] = CommandId.Connect
    port: int = Port.DEFAULT

    def encode_fields(self) -> bytes:
        """Return the port."""
        return pack(self.port, 1, "port")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the port."""
        return cls(reader.u8("port"))

    def read_response(self, reader: Reader) -> ConnectResponse:
        """Consume the port."""
        return ConnectResponse(reader.u8("port"))


@dataclass(frozen=True, slots=True)
class Disconnect(StatusCommand):
    """DAP_Disconnect: let go of the pins."""

    ID: ClassVar[CommandId] = CommandId.Disconnect

    def encode_fields(self) -> bytes:
        """Return nothing: the command byte is all."""
        return b""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume nothing."""
        return cls()


@dataclass(frozen=True, slots=True)
class WriteABORT(StatusCommand):
    """DAP_WriteABORT: write the ABORT register of a DP, whatever its state."""

    ID: ClassVar[CommandId] = CommandId.WriteABORT
    index: int
    abort: int

    def encode_fields(self) -> bytes:
        """Return JTAG index and register value."""
        return pack(self.index, 1, "index") + pack(self.abort, 4, "abort")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume JTAG index and register value."""
        return cls(reader.u8("index"), reader.u32("abort"))


@dataclass(frozen=True, slots=True)
class Delay(StatusCommand):
    """DAP_Delay: let the probe wait, for at most 65,535 microseconds."""

    ID: ClassVar[CommandId] = CommandId.Delay
    delay_us: int

    def encode_fields(self) -> bytes:
        """Return the time."""
        return pack(self.delay_us, 2, "delay")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the time."""
        return cls(reader.u16("delay"))


@dataclass(frozen=True, slots=True)
class ResetTargetResponse(Response):
    """A status, and whether the probe has a reset sequence for its target (``execute`` = 1)."""

    ID: ClassVar[CommandId] = CommandId.ResetTarget
    status: int = Status.OK
    execute: int = 0

    @property
    def ok(self) -> bool:
        """Return whether the probe did not fail."""
        return self.status == Status.OK

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        return bytes((self.ID,)) + pack(self.status, 1, "status") + pack(self.execute, 1, "execute")


@dataclass(frozen=True, slots=True)
class ResetTarget(Command[ResetTargetResponse]):
    """DAP_ResetTarget: run the reset sequence that the probe knows for its target, if any."""

    ID: ClassVar[CommandId] = CommandId.ResetTarget

    def encode_fields(self) -> bytes:
        """Return nothing: the command byte is all."""
        return b""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume nothing."""
        return cls()

    def read_response(self, reader: Reader) -> ResetTargetResponse:
        """Consume status and execute."""
        return ResetTargetResponse(reader.u8("status"), reader.u8("execute"))
