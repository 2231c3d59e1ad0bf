"""Breakpoints and watchpoints: ``Z0``-``Z4``, ``z0``-``z4``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import parse_hex, parse_number


class PointKind(IntEnum):
    """The digit after Z."""

    SOFTWARE_BREAKPOINT = 0
    HARDWARE_BREAKPOINT = 1
    WRITE_WATCHPOINT = 2
    READ_WATCHPOINT = 3
    ACCESS_WATCHPOINT = 4


@dataclass(frozen=True, slots=True)
class InsertPoint:
    """``Z kind,address,size[;X len,expr...][;cmds:persist,X len,expr...]``.

    ``size`` is the length in bytes that a watchpoint covers; for a breakpoint 2, 3 (a 32-bit Thumb
    instruction) or 4. ``conditions`` are agent expressions; ``commands`` likewise.
    """

    kind: PointKind
    address: int
    size: int
    conditions: tuple[bytes, ...] = ()
    commands: tuple[bytes, ...] = ()
    persist: bool = False

    def encode(self) -> bytes:
        """Return the payload."""
        text = b"Z%d,%x,%x" % (self.kind, self.address, self.size)
        if self.conditions:
            text += b";" + _encode_expressions(self.conditions)
        if self.commands:
            text += b";cmds:%d," % self.persist + _encode_expressions(self.commands)
        return text

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        head, _, options = payload.partition(b";")
        kind, address, size = _parse_head(head)
        conditions_text, found, commands_text = options.partition(b"cmds:")
        persist = False
        if found:
            flag, _, commands_text = commands_text.partition(b",")
            persist = parse_number(flag, "persist flag") != 0
        conditions = _parse_expressions(conditions_text.removesuffix(b";"))
        commands = _parse_expressions(commands_text)
        return cls(kind, address, size, conditions, commands, persist and bool(commands))


@dataclass(frozen=True, slots=True)
class RemovePoint:
    """``z kind,address,size``."""

    kind: PointKind
    address: int
    size: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"z%d,%x,%x" % (self.kind, self.address, self.size)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(*_parse_head(payload.partition(b";")[0]))


def _parse_head(head: bytes) -> tuple[PointKind, int, int]:
    parts = head[1:].split(b",")
    if len(parts) != 3 or parts[0] not in (b"0", b"1", b"2", b"3", b"4"):
        raise WireError("a point needs kind,address,size with a kind of 0 to 4")
    kind = PointKind(int(parts[0]))
    return kind, parse_number(parts[1], "address"), parse_number(parts[2], "size")


def _encode_expressions(expressions: tuple[bytes, ...]) -> bytes:
    return b"".join(b"X%x,%b" % (len(code), code.hex().encode()) for code in expressions)


def _parse_expressions(text: bytes) -> tuple[bytes, ...]:
    """Parse ``X len,hex`` one after another; the length counts bytes, so twice as many digits."""
    expressions = []
    while text:
        text = text.removeprefix(b";")
        length_text, comma, rest = text[1:].partition(b",")
        if text[:1] != b"X" or not comma:
            raise WireError("an agent expression is Xlength,hex")
        length = parse_number(length_text, "expression length")
        code = parse_hex(rest[: 2 * length], "expression")
        if not code or len(code) != length:
            raise WireError("an agent expression is shorter than it says")
        expressions.append(code)
        text = rest[2 * length :]
    return tuple(expressions)


PointRequest = InsertPoint | RemovePoint
