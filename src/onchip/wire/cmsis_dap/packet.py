"""What every command shares: a bounds-checked reader, checked packers, the two base classes.

A response says nothing of its own shape: how much data follows depends on the request. So it is the
request object that decodes its response, and inside DAP_ExecuteCommands, where responses stand one
after the other, it consumes just its own bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, Self, TypeVar

from ...errors import CommandUnknown, WireError
from .ids import UNKNOWN_COMMAND, CommandId, Status, command_name


class Reader:
    """A cursor over a packet; reading beyond its end is a ``WireError``."""

    __slots__ = ("offset", "packet")

    def __init__(self, packet: bytes, offset: int = 0) -> None:
        self.packet = packet
        self.offset = offset

    @property
    def remaining(self) -> int:
        """Return how many bytes are left."""
        return len(self.packet) - self.offset

    def take(self, length: int, what: str) -> bytes:
        """Return the next ``length`` bytes.

        Raises:
            WireError: fewer are left.
        """
        end = self.offset + length
        if end > len(self.packet):
            raise WireError(
                f"packet of {len(self.packet)} bytes ends within {what}: "
                f"{length} bytes wanted at offset {self.offset}"
            )
        taken = self.packet[self.offset : end]
        self.offset = end
        return bytes(taken)

    def u8(self, what: str) -> int:
        """Return the next BYTE. Raises WireError at the packet's end."""
        return self.take(1, what)[0]

    def u16(self, what: str) -> int:
        """Return the next SHORT, low byte first. Raises WireError at the packet's end."""
        return int.from_bytes(self.take(2, what), "little")

    def u32(self, what: str) -> int:
        """Return the next WORD, low byte first. Raises WireError at the packet's end."""
        return int.from_bytes(self.take(4, what), "little")

    def rest(self) -> bytes:
        """Return everything that is left."""
        return self.take(self.remaining, "the rest")


def pack(value: int, length: int, what: str) -> bytes:
    """Return ``value`` in ``length`` bytes, low byte first.

    Raises:
        WireError: it does not fit.
    """
    try:
        return value.to_bytes(length, "little")
    except OverflowError:
        raise WireError(f"{what} = {value:#x} does not fit {8 * length} bits") from None


def check(value: int, low: int, high: int, what: str) -> int:
    """Return ``value`` if it lies in ``low`` to ``high``.

    Raises:
        WireError: it does not.
    """
    if not low <= value <= high:
        raise WireError(f"{what} = {value} is not in {low} to {high}")
    return value


def bytes_of_bits(count: int) -> int:
    """Return how many bytes hold ``count`` bits."""
    return (count + 7) // 8


def check_bits(data: bytes, count: int, what: str) -> bytes:
    """Return ``data`` if it is just as long as ``count`` bits need.

    Raises:
        WireError: it is longer or shorter.
    """
    if len(data) != bytes_of_bits(count):
        raise WireError(f"{what}: {len(data)} bytes for {count} bits")
    return data


class Response(ABC):
    """A message from the probe to the host."""

    __slots__ = ()

    @abstractmethod
    def encode(self) -> bytes:
        """Return the packet, command byte first.

        Raises:
            WireError: a field does not fit.
        """


ResponseT = TypeVar("ResponseT", bound=Response, covariant=True)


class Command(ABC, Generic[ResponseT]):
    """A message from the host to the probe, and the key to its response."""

    __slots__ = ()
    ID: ClassVar[CommandId]

    @property
    def code(self) -> int:
        """Return the command byte."""
        return self.ID

    @abstractmethod
    def encode_fields(self) -> bytes:
        """Return the request without its command byte. Raises WireError if a field does not fit."""

    @classmethod
    @abstractmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the request after its command byte. Raises WireError if it is cut short."""

    @abstractmethod
    def read_response(self, reader: Reader) -> ResponseT:
        """Consume the response after its command byte. Raises WireError if it is cut short."""

    def encode(self) -> bytes:
        """Return the request packet, command byte first.

        Raises:
            WireError: a field does not fit.
        """
        return bytes((self.code,)) + self.encode_fields()

    @classmethod
    def decode(cls, packet: bytes) -> Self:
        """Read a request packet, command byte first. What follows it (HID padding) is ignored.

        Raises:
            WireError: another command, cut short, or contradicting itself.
        """
        reader = Reader(packet)
        code = reader.u8("the command byte")
        if code != cls.ID:
            raise WireError(f"{command_name(code)} where {command_name(cls.ID)} was to be")
        return cls.read(reader)

    def consume_response(self, reader: Reader) -> ResponseT:
        """Consume the response, command byte first, and leave the reader behind it.

        Raises:
            CommandUnknown: the probe does not have this command.
            WireError: the response to another command, or cut short.
        """
        code = reader.u8("the command byte")
        if code == UNKNOWN_COMMAND:
            raise CommandUnknown(f"the probe does not have {command_name(self.code)}")
        if code != self.code:
            raise WireError(f"response to {command_name(code)}, not to {command_name(self.code)}")
        return self.read_response(reader)

    def decode_response(self, packet: bytes) -> ResponseT:
        """Read the response packet to this request. What follows it (HID padding) is ignored.

        Raises:
            CommandUnknown: the probe does not have this command.
            WireError: the response to another command, or cut short.
        """
        return self.consume_response(Reader(packet))


@dataclass(frozen=True, slots=True)
class StatusResponse(Response):
    """The response of most commands: the command byte, and a status.

    ::

        | code | status |      0x00 DAP_OK, 0xFF DAP_ERROR
    """

    command: int
    status: int = Status.OK

    @property
    def ok(self) -> bool:
        """Return whether the probe did it."""
        return self.status == Status.OK

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        return pack(self.command, 1, "command") + pack(self.status, 1, "status")


class StatusCommand(Command[StatusResponse]):
    """A command that is answered by a status alone."""

    __slots__ = ()

    def read_response(self, reader: Reader) -> StatusResponse:
        """Consume the status."""
        return StatusResponse(self.code, reader.u8("status"))


@dataclass(frozen=True, slots=True)
class UnknownResponse(Response):
    """The single byte 0xFF: the probe does not have the command."""

    def encode(self) -> bytes:
        """Return the packet."""
        return UNKNOWN_PACKET


UNKNOWN_PACKET: Final = bytes((UNKNOWN_COMMAND,))
