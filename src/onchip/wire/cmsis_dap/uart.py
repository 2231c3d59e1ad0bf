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
from .packet import Command, Reader, Response, StatusCommand, pack


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
class UART_Transport(StatusCommand):
    """DAP_UART_Transport: choose a ``UartTransport``."""

    ID: ClassVar[CommandId] = CommandId.UART_Transport
    transport: int

    def encode_fields(self) -> bytes:
        """Return the transport."""
        return pack(self.transport, 1, "transport")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the transport."""
        return cls(reader.u8("transport"))


@dataclass(frozen=True, slots=True)
class UART_ConfigureResponse(Response):
    """What the port cannot do, and the rate that was set up; 0 if none was."""

    ID: ClassVar[CommandId] = CommandId.UART_Configure
    error: UartConfigureError
    baudrate: int

    @property
    def ok(self) -> bool:
        """Return whether the port is set up."""
        return self.error == 0 and self.baudrate != 0

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        return (
            bytes((self.ID,)) + pack(self.error, 1, "status") + pack(self.baudrate, 4, "baudrate")
        )


@dataclass(frozen=True, slots=True)
class UART_Configure(Command[UART_ConfigureResponse]):
    """DAP_UART_Configure: data bits, parity, stop bits, rate."""

    ID: ClassVar[CommandId] = CommandId.UART_Configure
    line: UartLine
    baudrate: int

    def encode_fields(self) -> bytes:
        """Return control byte and rate."""
        return pack(self.line, 1, "control") + pack(self.baudrate, 4, "baudrate")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume control byte and rate."""
        return cls(UartLine(reader.u8("control")), reader.u32("baudrate"))

    def read_response(self, reader: Reader) -> UART_ConfigureResponse:
        """Consume error bits and rate."""
        return UART_ConfigureResponse(
            UartConfigureError(reader.u8("status")), reader.u32("baudrate")
        )


@dataclass(frozen=True, slots=True)
class UART_Control(StatusCommand):
    """DAP_UART_Control: enable, disable and flush receiver and transmitter."""

    ID: ClassVar[CommandId] = CommandId.UART_Control
    control: UartControl

    def encode_fields(self) -> bytes:
        """Return the control byte."""
        return pack(self.control, 1, "control")

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the control byte."""
        return cls(UartControl(reader.u8("control")))


@dataclass(frozen=True, slots=True)
class UART_StatusResponse(Response):
    """The state of the port, and how many bytes wait in its two buffers."""

    ID: ClassVar[CommandId] = CommandId.UART_Status
    port_status: UartStatus
    rx_count: int
    tx_count: int

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        return (
            bytes((self.ID,))
            + pack(self.port_status, 1, "status")
            + pack(self.rx_count, 4, "rx count")
            + pack(self.tx_count, 4, "tx count")
        )


@dataclass(frozen=True, slots=True)
class UART_Status(Command[UART_StatusResponse]):
    """DAP_UART_Status: ask for the state of the port."""

    ID: ClassVar[CommandId] = CommandId.UART_Status

    def encode_fields(self) -> bytes:
        """Return nothing: the command byte is all."""
        return b""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume nothing."""
        return cls()

    def read_response(self, reader: Reader) -> UART_StatusResponse:
        """Consume status and both counts."""
        return UART_StatusResponse(
            UartStatus(reader.u8("status")), reader.u32("rx count"), reader.u32("tx count")
        )


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
