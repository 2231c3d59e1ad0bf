"""Atomic commands: several commands in one packet, and the table of all commands they need.

::

    DAP_ExecuteCommands  > | 0x7F | n | n requests, one behind the other |
                         < | 0x7F | n | n responses, one behind the other |
    DAP_QueueCommands    > | 0x7E | n | n requests |     kept until a packet without it comes;
                         < | 0x7F | n | n responses |    answered then, as DAP_ExecuteCommands

Nothing between two commands says where one ends: a request's length follows from its own bytes, a
response's from its request. A command that the probe does not have is one byte both ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from ...errors import CommandUnknown, WireError
from .general import Connect, Delay, Disconnect, HostStatus, ResetTarget, WriteABORT
from .ids import UNKNOWN_COMMAND, VENDOR_FIRST, VENDOR_LAST, CommandId, command_name
from .info import Info
from .jtag import JTAG_IDCODE, JTAG_Configure, JTAG_Sequence
from .packet import Command, Reader, Response, UnknownResponse, pack
from .swd import SWD_Configure, SWD_Sequence
from .swj import SWJ_Clock, SWJ_Pins, SWJ_Sequence
from .swo import (
    SWO_Baudrate,
    SWO_Control,
    SWO_Data,
    SWO_ExtendedStatus,
    SWO_Mode,
    SWO_Status,
    SWO_Transport,
)
from .transfer import Transfer, TransferAbort, TransferBlock, TransferConfigure
from .uart import UART_Configure, UART_Control, UART_Status, UART_Transfer, UART_Transport
from .vendor import Vendor

AnyCommand = Command[Response]
_TRANSFER_BYTE: Final = bytes((CommandId.Transfer,))

SIMPLE_COMMANDS: Final[dict[int, type[AnyCommand]]] = {
    int(command.ID): command
    for command in (
        Info, HostStatus, Connect, Disconnect, TransferConfigure, Transfer, TransferBlock,
        TransferAbort, WriteABORT, Delay, ResetTarget, SWJ_Pins, SWJ_Clock, SWJ_Sequence,
        SWD_Configure, SWD_Sequence, JTAG_Sequence, JTAG_Configure, JTAG_IDCODE, SWO_Transport,
        SWO_Mode, SWO_Baudrate, SWO_Control, SWO_Status, SWO_ExtendedStatus, SWO_Data,
        UART_Transport, UART_Configure, UART_Control, UART_Status, UART_Transfer,
    )
}  # fmt: skip
"""Every command but the two that hold others, by its command byte."""


@dataclass(frozen=True, slots=True)
class Unknown(Command[UnknownResponse]):
    """A command byte that CMSIS-DAP does not define: one byte, answered by 0xFF."""

    command: int

    @property
    def code(self) -> int:
        """Return the command byte."""
        return self.command

    def encode_fields(self) -> bytes:
        """Return nothing: the command byte is all."""
        return b""

    @classmethod
    def decode(cls, packet: bytes) -> Self:
        """Read the command byte, whichever it is. Raises WireError if there is none."""
        return cls(Reader(packet).u8("the command byte"))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Refuse: what there is to read is the command byte alone. Raises WireError always."""
        raise WireError("an unknown command has no fields to read: use Unknown.decode")

    def consume_response(self, reader: Reader) -> UnknownResponse:
        """Consume the byte 0xFF. Raises WireError if it is another."""
        code = reader.u8("the command byte")
        if code != UNKNOWN_COMMAND:
            raise WireError(f"response to {command_name(code)}, not 0xFF")
        return UnknownResponse()

    def read_response(self, reader: Reader) -> UnknownResponse:
        """Consume nothing."""
        return UnknownResponse()


def _read_inner(reader: Reader) -> AnyCommand:
    code = reader.u8("the command byte")
    command = SIMPLE_COMMANDS.get(code)
    if command is not None:
        return command.read(reader)
    if VENDOR_FIRST <= code <= VENDOR_LAST or code in (
        CommandId.ExecuteCommands,
        CommandId.QueueCommands,
    ):
        raise WireError(f"{command_name(code)} cannot stand inside an atomic command")
    return Unknown(code)


def decode_request(packet: bytes) -> AnyCommand:
    """Read any request packet, command byte first.

    A byte that no command has gives an ``Unknown``, so that a probe can answer it.

    Raises:
        WireError: cut short, or contradicting itself.
    """
    reader = Reader(packet)
    code = reader.u8("the command byte")
    if code == CommandId.ExecuteCommands:
        return ExecuteCommands.read(reader)
    if code == CommandId.QueueCommands:
        return QueueCommands.read(reader)
    if VENDOR_FIRST <= code <= VENDOR_LAST:
        return Vendor(code, reader.rest())
    command = SIMPLE_COMMANDS.get(code)
    return Unknown(code) if command is None else command.read(reader)


def request_length(buffer: bytes, offset: int = 0) -> int:
    """Return the length in bytes of the request that starts at ``offset``, command byte included.

    Raises:
        WireError: cut short, or a command whose bytes do not tell its length.
    """
    reader = Reader(buffer, offset)
    _read_inner(reader)
    return reader.offset - offset


def split_responses(commands: tuple[AnyCommand, ...], reader: Reader) -> tuple[Response, ...]:
    """Consume the responses to ``commands``, which stand one behind the other.

    After a failure a DAP_Transfer's response may have two lengths; the longer one that lets all the
    rest be read is taken.

    Raises:
        WireError: they cannot be read in any way.
    """
    return tuple(reversed(_split(commands, 0, reader, set())))


def _split(
    commands: tuple[AnyCommand, ...], position: int, reader: Reader, dead: set[tuple[int, int]]
) -> list[Response]:
    """Return the responses from ``position`` on, last first.

    ``dead`` keeps the (position, offset) pairs that led nowhere: without it, hostile bytes would
    make the search exponential.
    """
    if position == len(commands):
        return []
    start = reader.offset
    if (position, start) in dead:
        raise WireError(f"response {position} of an atomic command cannot start at byte {start}")
    try:
        for length in _possible_lengths(commands[position], reader):
            reader.offset = start
            try:
                response = _read_response(commands[position], reader, length)
                following = _split(commands, position + 1, reader, dead)
            except WireError as error:
                failure = error
                continue
            following.append(response)
            return following
        raise failure
    except WireError:
        dead.add((position, start))
        raise


def _possible_lengths(command: AnyCommand, reader: Reader) -> tuple[int | None, ...]:
    """Return the lengths that a response may have; None: it tells its own."""
    if not isinstance(command, Transfer) or reader.packet[reader.offset :][:1] != _TRANSFER_BYTE:
        return (None,)
    shortest, longest = command.response_lengths(Reader(reader.packet, reader.offset + 1))
    return (longest,) if longest == shortest else (longest, shortest)


def _read_response(command: AnyCommand, reader: Reader, length: int | None) -> Response:
    if length is not None and isinstance(command, Transfer):
        reader.offset += 1
        return command.read_response_of(reader, length)
    try:
        return command.consume_response(reader)
    except CommandUnknown:
        return UnknownResponse()


@dataclass(frozen=True, slots=True)
class ExecuteCommandsResponse(Response):
    """The responses, in order."""

    ID: ClassVar[CommandId] = CommandId.ExecuteCommands
    responses: tuple[Response, ...] = ()

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        count = pack(len(self.responses), 1, "command count")
        return bytes((self.ID,)) + count + b"".join(r.encode() for r in self.responses)


class _CommandList(Command[ExecuteCommandsResponse]):
    __slots__ = ()
    commands: tuple[AnyCommand, ...]

    def encode_fields(self) -> bytes:
        """Return count and requests.

        Raises:
            WireError: more than 255, one whose length could not be told, or a field does not fit.
        """
        out = pack(len(self.commands), 1, "command count")
        for command in self.commands:
            if isinstance(command, _CommandList | Vendor):
                raise WireError(f"{command_name(command.code)} cannot stand inside another command")
            out += command.encode()
        return out

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume count and requests."""
        count = reader.u8("command count")
        make: Any = cls
        built: Self = make(tuple(_read_inner(reader) for _ in range(count)))
        return built

    def read_response(self, reader: Reader) -> ExecuteCommandsResponse:
        """Consume count and responses.

        Raises:
            WireError: cut short, or more commands done than were asked for.
        """
        count = reader.u8("command count")
        if count > len(self.commands):
            raise WireError(f"{count} commands done, {len(self.commands)} asked for")
        return ExecuteCommandsResponse(split_responses(self.commands[:count], reader))


@dataclass(frozen=True, slots=True)
class ExecuteCommands(_CommandList):
    """DAP_ExecuteCommands: run ``commands`` without the host in between."""

    ID: ClassVar[CommandId] = CommandId.ExecuteCommands
    commands: tuple[AnyCommand, ...]


@dataclass(frozen=True, slots=True)
class QueueCommands(_CommandList):
    """DAP_QueueCommands: keep ``commands`` until a packet of another kind comes."""

    ID: ClassVar[CommandId] = CommandId.QueueCommands
    commands: tuple[AnyCommand, ...]

    def consume_response(self, reader: Reader) -> ExecuteCommandsResponse:
        """Consume the response, which starts with 0x7F, not with 0x7E.

        Raises:
            CommandUnknown: the probe does not have this command.
            WireError: the response to another command, or cut short.
        """
        return ExecuteCommands(self.commands).consume_response(reader)
