"""Messages of fixed fields: a class declares its fields once, and is encoded and decoded by them.

::

    FIELDS = (Field("line", 1, "control", UartLine), Field("baudrate", 4))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from .ids import CommandId
from .packet import Command, Reader, Response, ResponseT, StatusCommand, StatusResponse, pack


@dataclass(frozen=True, slots=True)
class Field:
    """A number in a message: ``length`` bytes, low byte first, kept as ``kind``.

    ``name`` is the attribute that holds it, ``what`` how errors call it; the same if not given.
    """

    name: str
    length: int
    what: str = ""
    kind: Callable[[int], int] = int

    def encode(self, message: object) -> bytes:
        """Return the field of ``message``. Raises WireError if it does not fit."""
        return pack(getattr(message, self.name), self.length, self.what or self.name)

    def read(self, reader: Reader) -> int:
        """Consume the field. Raises WireError at the packet's end."""
        taken = reader.take(self.length, self.what or self.name)
        return self.kind(int.from_bytes(taken, "little"))


Fields = tuple[Field, ...]


def _encode(message: object, fields: Fields) -> bytes:
    return b"".join([field.encode(message) for field in fields])


def _read(reader: Reader, fields: Fields) -> dict[str, Any]:
    return {field.name: field.read(reader) for field in fields}


class FixedCommand(Command[ResponseT]):
    """A command whose request is ``FIELDS``; with none the command byte is all."""

    __slots__ = ()
    FIELDS: ClassVar[Fields] = ()

    def encode_fields(self) -> bytes:
        """Return the fields. Raises WireError if one does not fit."""
        return _encode(self, self.FIELDS)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the fields. Raises WireError if they are cut short."""
        return cls(**_read(reader, cls.FIELDS))


class FixedStatusCommand(FixedCommand[StatusResponse], StatusCommand):
    """A command of fixed fields that is answered by a status alone."""

    __slots__ = ()


class FixedResponse(Response):
    """A response of fixed fields."""

    __slots__ = ()
    ID: ClassVar[CommandId]
    FIELDS: ClassVar[Fields] = ()

    def encode(self) -> bytes:
        """Return the packet. Raises WireError if a field does not fit."""
        return bytes((self.ID,)) + _encode(self, self.FIELDS)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Consume the fields. Raises WireError if they are cut short."""
        return cls(**_read(reader, cls.FIELDS))
