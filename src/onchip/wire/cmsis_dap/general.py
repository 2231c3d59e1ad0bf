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
from typing import ClassVar

from .ids import CommandId, Port, Status
from .layout import Field, Fields, FixedCommand, FixedResponse, FixedStatusCommand
from .packet import Reader


class HostStatusType(IntEnum):
    """Which lamp of the probe DAP_HostStatus means."""

    CONNECT = 0
    RUNNING = 1


@dataclass(frozen=True, slots=True)
class HostStatus(FixedStatusCommand):
    """DAP_HostStatus: light or darken a lamp, a ``HostStatusType``."""

    ID: ClassVar[CommandId] = CommandId.HostStatus
    FIELDS: ClassVar[Fields] = (
        Field("type", 1),
        Field("status", 1),
    )
    type: int
    status: int


@dataclass(frozen=True, slots=True)
class ConnectResponse(FixedResponse):
    """The port that was set up; 0 if none was."""

    ID: ClassVar[CommandId] = CommandId.Connect
    FIELDS: ClassVar[Fields] = (Field("port", 1),)
    port: int

    @property
    def ok(self) -> bool:
        """Return whether a port was set up."""
        return self.port != 0


@dataclass(frozen=True, slots=True)
class Connect(FixedCommand[ConnectResponse]):
    """DAP_Connect: set the pins up for a ``Port``."""

    ID: ClassVar[CommandId] = CommandId.Connect
    FIELDS: ClassVar[Fields] = (Field("port", 1),)
    port: int = Port.DEFAULT

    def read_response(self, reader: Reader) -> ConnectResponse:
        """Consume the port."""
        return ConnectResponse.read(reader)


@dataclass(frozen=True, slots=True)
class Disconnect(FixedStatusCommand):
    """DAP_Disconnect: let go of the pins."""

    ID: ClassVar[CommandId] = CommandId.Disconnect


@dataclass(frozen=True, slots=True)
class WriteABORT(FixedStatusCommand):
    """DAP_WriteABORT: write the ABORT register of a DP, whatever its state."""

    ID: ClassVar[CommandId] = CommandId.WriteABORT
    FIELDS: ClassVar[Fields] = (
        Field("index", 1),
        Field("abort", 4),
    )
    index: int
    abort: int


@dataclass(frozen=True, slots=True)
class Delay(FixedStatusCommand):
    """DAP_Delay: let the probe wait, for at most 65,535 microseconds."""

    ID: ClassVar[CommandId] = CommandId.Delay
    FIELDS: ClassVar[Fields] = (Field("delay_us", 2, "delay"),)
    delay_us: int


@dataclass(frozen=True, slots=True)
class ResetTargetResponse(FixedResponse):
    """A status, and whether the probe has a reset sequence for its target (``execute`` = 1)."""

    ID: ClassVar[CommandId] = CommandId.ResetTarget
    FIELDS: ClassVar[Fields] = (
        Field("status", 1),
        Field("execute", 1),
    )
    status: int = Status.OK
    execute: int = 0

    @property
    def ok(self) -> bool:
        """Return whether the probe did not fail."""
        return self.status == Status.OK


@dataclass(frozen=True, slots=True)
class ResetTarget(FixedCommand[ResetTargetResponse]):
    """DAP_ResetTarget: run the reset sequence that the probe knows for its target, if any."""

    ID: ClassVar[CommandId] = CommandId.ResetTarget

    def read_response(self, reader: Reader) -> ResetTargetResponse:
        """Consume status and execute."""
        return ResetTargetResponse.read(reader)
