"""The numbers of CMSIS-DAP 2.1: commands, status codes, DAP_Info identifiers, transfer bits.

Enums build and compare values; decoded messages keep plain integers, so that a probe which says
something unheard-of is still shown as it is.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ...arch.register import Register, bit


class CommandId(IntEnum):
    """First byte of a request, repeated by its response."""

    Info = 0x00
    HostStatus = 0x01
    Connect = 0x02
    Disconnect = 0x03
    TransferConfigure = 0x04
    Transfer = 0x05
    TransferBlock = 0x06
    TransferAbort = 0x07
    WriteABORT = 0x08
    Delay = 0x09
    ResetTarget = 0x0A
    SWJ_Pins = 0x10
    SWJ_Clock = 0x11
    SWJ_Sequence = 0x12
    SWD_Configure = 0x13
    JTAG_Sequence = 0x14
    JTAG_Configure = 0x15
    JTAG_IDCODE = 0x16
    SWO_Transport = 0x17
    SWO_Mode = 0x18
    SWO_Baudrate = 0x19
    SWO_Control = 0x1A
    SWO_Status = 0x1B
    SWO_Data = 0x1C
    SWD_Sequence = 0x1D
    SWO_ExtendedStatus = 0x1E
    UART_Transport = 0x1F
    UART_Configure = 0x20
    UART_Transfer = 0x21
    UART_Control = 0x22
    UART_Status = 0x23
    QueueCommands = 0x7E
    ExecuteCommands = 0x7F


VENDOR_FIRST: Final = 0x80
VENDOR_LAST: Final = 0x9F
UNKNOWN_COMMAND: Final = 0xFF
"""What a probe answers, in the place of the command byte, to a command that it does not have."""


def command_name(code: int) -> str:
    """Name a command byte for people: ``DAP_Transfer``, ``DAP_Vendor3``, ``command 0x42``."""
    if VENDOR_FIRST <= code <= VENDOR_LAST:
        return f"DAP_Vendor{code - VENDOR_FIRST}"
    try:
        return f"DAP_{CommandId(code).name}"
    except ValueError:
        return f"command {code:#04x}"


class Status(IntEnum):
    """The status byte of most responses."""

    OK = 0x00
    ERROR = 0xFF


class InfoId(IntEnum):
    """What DAP_Info asks for."""

    VENDOR = 0x01
    PRODUCT = 0x02
    SERIAL_NUMBER = 0x03
    PROTOCOL_VERSION = 0x04
    TARGET_VENDOR = 0x05
    TARGET_NAME = 0x06
    BOARD_VENDOR = 0x07
    BOARD_NAME = 0x08
    FIRMWARE_VERSION = 0x09
    CAPABILITIES = 0xF0
    TEST_DOMAIN_TIMER = 0xF1
    UART_RX_BUFFER_SIZE = 0xFB
    UART_TX_BUFFER_SIZE = 0xFC
    SWO_BUFFER_SIZE = 0xFD
    PACKET_COUNT = 0xFE
    PACKET_SIZE = 0xFF


class Capabilities(Register, address=InfoId.CAPABILITIES):
    """What DAP_Info 0xF0 tells: Info0 is [7:0], Info1, which older probes leave out, [15:8]."""

    SWD = bit(0)
    JTAG = bit(1)
    SWO_UART = bit(2)
    SWO_MANCHESTER = bit(3)
    ATOMIC_COMMANDS = bit(4)
    TEST_DOMAIN_TIMER = bit(5)
    SWO_STREAMING = bit(6)
    UART = bit(7)
    USB_COM_PORT = bit(8)


class Port(IntEnum):
    """DAP_Connect: what is asked for, and in the response what there is (0: failed)."""

    DEFAULT = 0
    SWD = 1
    JTAG = 2


class TransferRequest(IntEnum):
    """The bits of a Transfer Request byte. ``A2 | A3`` is the register's own address."""

    APnDP = 0x01
    RnW = 0x02
    A2 = 0x04
    A3 = 0x08
    VALUE_MATCH = 0x10
    MATCH_MASK = 0x20
    TIMESTAMP = 0x80


class TransferAck(IntEnum):
    """The values and bits of a Transfer Response byte: an acknowledge in [2:0], then flags."""

    OK = 0x01
    WAIT = 0x02
    FAULT = 0x04
    NO_ACK = 0x07
    PROTOCOL_ERROR = 0x08
    VALUE_MISMATCH = 0x10


ACK_MASK: Final = 0x07
"""The acknowledge within a Transfer Response byte."""
