"""UART commands: the target's serial port through the debug connection.

::

    DAP_UART_Transport  > | 0x1F | transport |          < | 0x1F | status |
    DAP_UART_Configure  > | 0x20 | control | baud u32 | < | 0x20 | error bits | baud u32 |
    DAP_UART_Transfer   > | 0x21 | rx u16 | tx u16 | tx bytes |
                        < | 0x21 | port status | tx u16 | rx u16 | rx bytes |  (tx before rx)
    DAP_UART_Control    > | 0x22 | control |            < | 0x22 | status |
    DAP_UART_Status     > | 0x23 |                      < | 0x23 | port status | rx u32 | tx u32 |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from ...arch.register import Register, bit, bits
from .ids import CommandId
from .layout import Field, Fields, FixedCommand, FixedResponse, FixedStatusCommand
from .packet import Command, Reader, Response, pack


class UartTransport(IntEnum):
    """DAP_UART_Transport: who moves the data."""

    NONE = 0
    USB_COM_PORT = 1
    COMMAND = 2  # DAP_UART_Transfer


class UartLine(Register, address=CommandId.UART_Configure):
    """The Control byte of DAP_UART_Configure. ``DATA_BITS`` 0 is 8; ``STOP_BITS`` is stop - 1."""

    DATA_BITS = bits(3, 0)
    PARITY = bits(5, 4)
    STOP_BITS = bits(7, 6)


class Parity(IntEnum):
    """UartLine.PARITY."""

    NONE = 0
    EVEN = 1
    ODD = 2


class UartConfigureError(Register, address=CommandId.UART_Configure):
    """The Status byte of DAP_UART_Configure: what the port cannot do; 0 is good."""

    DATA_BITS = bit(0)
    PARITY = bit(1)
    STOP_BITS = bit(2)


class UartControl(Register, address=CommandId.UART_Control):
    """The Control byte of DAP_UART_Control. Disable wins over enable."""

    RX_ENABLE = bit(0)
    RX_DISABLE = bit(1)
    RX_FLUSH = bit(2)
    TX_ENABLE = bit(4)
    TX_DISABLE = bit(5)
    TX_FLUSH = bit(6)


class UartStatus(Register, address=CommandId.UART_Status):
    """The state of the port. The three errors are cleared by being read."""

    RX_ENABLED = bit(0)
    RX_DATA_LOST = bit(1)
    FRAMING_ERROR = bit(2)
    PARITY_ERROR = bit(3)
    TX_ENABLED = bit(4)


@dataclass(frozen=True, slots=True)
class UART_Transport(FixedStatusCommand):
    """DAP_UART_Transport: choose a ``UartTransport``."""

    ID: ClassVar[CommandId] = CommandId.UART_Transport
    FIELDS: ClassVar[Fields] = (Field("transport", 1),)
    transport: int


@dataclass(frozen=True, slots=True)
class UART_ConfigureResponse(FixedResponse):
    """What the port cannot do, and the rate that was set up; 0 if none was."""

    ID: ClassVar[CommandId] = CommandId.UART_Configure
    FIELDS: ClassVar[Fields] = (
        Field("error", 1, "status", UartConfigureError),
        Field("baudrate", 4),
    )
    error: UartConfigureError
    baudrate: int

    @property
    def ok(self) -> bool:
        """Return whether the port is set up."""
        return self.error == 0 and self.baudrate != 0


@dataclass(frozen=True, slots=True)
class UART_Configure(FixedCommand[UART_ConfigureResponse]):
    """DAP_UART_Configure: data bits, parity, stop bits, rate."""

    ID: ClassVar[CommandId] = CommandId.UART_Configure
    FIELDS: ClassVar[Fields] = (
        Field("line", 1, "control", UartLine),
        Field("baudrate", 4),
    )
    line: UartLine
    baudrate: int

    def read_response(self, reader: Reader) -> UART_ConfigureResponse:
        """Consume error bits and rate."""
        return UART_ConfigureResponse.read(reader)


@dataclass(frozen=True, slots=True)
class UART_Control(FixedStatusCommand):
    """DAP_UART_Control: enable, disable and flush receiver and transmitter."""

    ID: ClassVar[CommandId] = CommandId.UART_Control
    FIELDS: ClassVar[Fields] = (Field("control", 1, "control", UartControl),)
    control: UartControl


@dataclass(frozen=True, slots=True)
class UART_StatusResponse(FixedResponse):
    """The state of the port, and how many bytes wait in its two buffers."""

    ID: ClassVar[CommandId] = CommandId.UART_Status
    FIELDS: ClassVar[Fields] = (
        Field("port_status", 1, "status", UartStatus),
        Field("rx_count", 4, "rx count"),
        Field("tx_count", 4, "tx count"),
    )
    port_status: UartStatus
    rx_count: int
    tx_count: int


@dataclass(frozen=True, slots=True)
class UART_Status(FixedCommand[UART_StatusResponse]):
    """DAP_UART_Status: ask for the state of the port."""

    ID: ClassVar[CommandId] = CommandId.UART_Status

    def read_response(self, reader: Reader) -> UART_StatusResponse:
        """Consume status and both counts."""
        return UART_StatusResponse.read(reader)


@dataclass(frozen=True, slots=True)
class UART_TransferResponse(Response):
    """The state of the port, how many bytes it took to send, and those it received."""

    ID: ClassVar[CommandId] = CommandId.UART_Transfer
    port_status: UartStatus
    accepted: int
    received: bytes

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        return (
            bytes((self.ID,))
            + pack(self.port_status, 1, "status")
            + pack(self.accepted, 2, "tx count")
            + pack(len(self.received), 2, "rx count")
            + self.received
        )


@dataclass(frozen=True, slots=True)
class UART_Transfer(Command[UART_TransferResponse]):
    """DAP_UART_Transfer: send ``data``, and receive at most ``most`` bytes."""

    ID: ClassVar[CommandId] = CommandId.UART_Transfer
    most: int
    data: bytes = b""

    def encode_fields(self) -> bytes:
        """Return both counts and the bytes to send."""
        counts = pack(self.most, 2, "rx count") + pack(len(self.data), 2, "tx count")
        return counts + self.data

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume both counts and the bytes to send."""
        most = reader.u16("rx count")
        return cls(most, reader.take(reader.u16("tx count"), "transmit data"))

    def read_response(self, reader: Reader) -> UART_TransferResponse:
        """Consume status, both counts and the received bytes."""
        status = UartStatus(reader.u8("status"))
        accepted = reader.u16("tx count")
        return UART_TransferResponse(
            status, accepted, reader.take(reader.u16("rx count"), "receive data")
        )
