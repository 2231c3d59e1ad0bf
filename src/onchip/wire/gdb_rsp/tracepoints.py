"""Tracepoints as the client describes them: ``QTinit QTDP QTDPsrc QTDV QTEnable QTDisable QTro``.

    QTDP:1:08000120:E:3:0:X3,220127-     tracepoint 1 at an address: enabled, 3 steps, no pass
                                         count, a condition; ``-``: its actions follow
    QTDP:-1:08000120:R03FFFFFF-          collect the registers of a mask, when it is hit
    QTDP:-1:08000120:M7,FFFFFFF8,4-      collect 4 bytes at r7 - 8
    QTDP:-1:08000120:SR01-               ``S``: these and the actions behind are for each step
    QTDP:-1:08000120:X6,2200...          evaluate, which may collect

Answered with OK. A tracepoint is known by its number and its address. When a client asks for what
was described (``qTfP``), it comes back in much the same words.

Source: Debugging with GDB, appendix E.6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import parse_hex, parse_number, parse_pair

_HEX_RUN = re.compile(rb"[0-9a-fA-F]*")
_WORD = 1 << 32
_NO_BASE: Final = b"-1"


@dataclass(frozen=True, slots=True)
class CollectRegisters:
    """``R mask``: bit n stands for register number n."""

    mask: int

    def encode(self) -> bytes:
        """Return the action."""
        return b"R%X" % self.mask


@dataclass(frozen=True, slots=True)
class CollectMemory:
    """``M base,offset,length``: ``base`` is a register number; None: the offset is an address."""

    base: int | None
    offset: int
    length: int

    def encode(self) -> bytes:
        """Return the action."""
        base = _NO_BASE if self.base is None else b"%X" % self.base
        return b"M%b,%X,%X" % (base, self.offset % _WORD, self.length)


@dataclass(frozen=True, slots=True)
class Evaluate:
    """``X length,code``: an agent expression."""

    code: bytes

    def encode(self) -> bytes:
        """Return the action."""
        return b"X%X,%b" % (len(self.code), self.code.hex().encode())


Action = CollectRegisters | CollectMemory | Evaluate


@dataclass(frozen=True, slots=True)
class TraceInit:
    """``QTinit``: forget every tracepoint, variable and frame."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"QTinit"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


@dataclass(frozen=True, slots=True)
class DefineTracepoint:
    """``QTDP:number:address:enabled:steps:passes[:Flength][:S][:Xlength,code][-]``.

    ``fast`` is the length that a jump may replace, ``static`` asks for a marker; ``more``: actions
    follow.
    """

    number: int
    address: int
    enabled: bool = True
    steps: int = 0
    passes: int = 0
    condition: bytes | None = None
    fast: int | None = None
    static: bool = False
    more: bool = False

    def encode(self) -> bytes:
        """Return the payload."""
        return b"QTDP:" + self.encode_definition() + (b"-" if self.more else b"")

    def encode_definition(self) -> bytes:
        """Return what a request and an uploaded definition have in common."""
        state = b"E" if self.enabled else b"D"
        text = b"%x:%x:%b:%x:%x" % (self.number, self.address, state, self.steps, self.passes)
        if self.fast is not None:
            text += b":F%x" % self.fast
        if self.static:
            text += b":S"
        if self.condition is not None:
            text += b":X%x,%b" % (len(self.condition), self.condition.hex().encode())
        return text

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        text = payload.removeprefix(b"QTDP:")
        more = text.endswith(b"-")
        number, address, state, steps, passes, *options = _fields(text.removesuffix(b"-"), 5)
        if state not in (b"E", b"D"):
            raise WireError("a tracepoint is E (enabled) or D (disabled)")
        condition, fast, static = None, None, False
        for option in filter(None, options):
            match option[:1]:
                case b"X":
                    condition, rest = _parse_expression(option)
                    if rest:
                        raise WireError("something follows the condition of a tracepoint")
                case b"F":
                    fast = parse_number(option[1:], "length")
                case b"S":
                    static = True
                case _:
                    raise WireError("a tracepoint has the options F, S and X")
        return cls(
            parse_number(number, "tracepoint"),
            parse_number(address, "address"),
            state == b"E",
            parse_number(steps, "step count"),
            parse_number(passes, "pass count"),
            condition,
            fast,
            static,
            more,
        )


@dataclass(frozen=True, slots=True)
class AddActions:
    """``QTDP:-number:address:[S]action...[-]``: ``stepping``: from here on they are for steps."""

    number: int
    address: int
    actions: tuple[Action, ...] = ()
    stepping: bool = False
    more: bool = False

    def encode(self) -> bytes:
        """Return the payload."""
        text = b"QTDP:-%x:%x:" % (self.number, self.address) + (b"S" if self.stepping else b"")
        text += b"".join(action.encode() for action in self.actions)
        return text + (b"-" if self.more else b"")

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        text = payload.removeprefix(b"QTDP:-")
        number, address, actions = _fields(text, 3, most=3)
        more = actions.endswith(b"-")
        actions = actions.removesuffix(b"-")
        stepping = actions.startswith(b"S")
        return cls(
            parse_number(number, "tracepoint"),
            parse_number(address, "address"),
            _parse_actions(actions.removeprefix(b"S")),
            stepping,
            more,
        )


def decode_tracepoint(payload: bytes) -> DefineTracepoint | AddActions:
    """Parse a ``QTDP``; raises WireError."""
    if payload.startswith(b"QTDP:-"):
        return AddActions.decode(payload)
    return DefineTracepoint.decode(payload)


@dataclass(frozen=True, slots=True)
class TracepointSource:
    """``QTDPsrc:number:address:kind:start:length:text``: what the user wrote.

    ``kind`` is ``at``, ``cond`` or ``cmd``; a long text of ``length`` bytes may come in pieces.
    """

    number: int
    address: int
    kind: str
    start: int
    length: int
    text: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return b"QTDPsrc:" + self.encode_definition()

    def encode_definition(self) -> bytes:
        """Return what a request and an uploaded definition have in common."""
        head = b"%x:%x:%b:%x:%x:" % (
            self.number,
            self.address,
            self.kind.encode("ascii"),
            self.start,
            self.length,
        )
        return head + self.text.hex().encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        fields = _fields(payload.removeprefix(b"QTDPsrc:"), 6, most=6)
        number, address, kind, start, length, text = fields
        if not kind.isalpha():
            raise WireError("the source of a tracepoint is of a kind: at, cond or cmd")
        return cls(
            parse_number(number, "tracepoint"),
            parse_number(address, "address"),
            kind.decode("ascii"),
            parse_number(start, "start"),
            parse_number(length, "length"),
            parse_hex(text, "source"),
        )


@dataclass(frozen=True, slots=True)
class DefineVariable:
    """``QTDV:number:value:builtin:name``: a trace state variable, of 64 bits, signed."""

    number: int
    value: int
    name: str
    builtin: bool = False

    def encode(self) -> bytes:
        """Return the payload."""
        return b"QTDV:" + self.encode_definition()

    def encode_definition(self) -> bytes:
        """Return what a request and an uploaded definition have in common."""
        value = self.value & 0xFFFF_FFFF_FFFF_FFFF
        head = b"%x:%x:%x:" % (self.number, value, self.builtin)
        return head + self.name.encode().hex().encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        number, value, builtin, name = _fields(payload.removeprefix(b"QTDV:"), 4, most=4)
        unsigned = parse_number(value, "value")
        return cls(
            parse_number(number, "variable"),
            unsigned - (1 << 64) if unsigned >> 63 else unsigned,
            parse_hex(name, "name").decode("utf-8", "replace"),
            parse_number(builtin, "builtin") != 0,
        )


@dataclass(frozen=True, slots=True)
class SwitchTracepoint:
    """``QTEnable:number:address``, ``QTDisable:number:address``: also during a run."""

    number: int
    address: int
    enabled: bool

    def encode(self) -> bytes:
        """Return the payload."""
        name = b"QTEnable" if self.enabled else b"QTDisable"
        return b"%b:%x:%x" % (name, self.number, self.address)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        name, _, rest = payload.partition(b":")
        return cls(*parse_pair(rest, "tracepoint", "address", b":"), name == b"QTEnable")


@dataclass(frozen=True, slots=True)
class ReadOnlyRegions:
    """``QTro:start,end:...``: what does not change, so that frames need not hold it."""

    regions: tuple[tuple[int, int], ...] = ()

    def encode(self) -> bytes:
        """Return the payload."""
        return b"QTro" + b"".join(b":%x,%x" % region for region in self.regions)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        texts = payload.removeprefix(b"QTro").split(b":")
        return cls(tuple(parse_pair(text, "start", "end") for text in texts if text))


def _fields(text: bytes, least: int, *, most: int | None = None) -> list[bytes]:
    fields = text.split(b":", -1 if most is None else most - 1)
    if len(fields) < least:
        raise WireError(f"a tracepoint packet has {least} fields between colons, not {len(fields)}")
    return fields


def _parse_actions(text: bytes) -> tuple[Action, ...]:
    """Parse actions one after another: nothing stands between them."""
    actions: list[Action] = []
    while text:
        kind = text[:1]
        if kind == b"R":
            digits = _digits(text[1:])
            if not digits:
                raise WireError("an action R needs a mask of registers")
            actions.append(CollectRegisters(int(digits, 16)))
            text = text[1 + len(digits) :]
        elif kind == b"M":
            action, text = _parse_memory(text[1:])
            actions.append(action)
        elif kind == b"X":
            code, text = _parse_expression(text)
            actions.append(Evaluate(code))
        else:
            raise WireError("the actions of a tracepoint are R, M and X")
    return tuple(actions)


def _parse_memory(text: bytes) -> tuple[CollectMemory, bytes]:
    base_text, _, rest = text.partition(b",")
    offset, comma, rest = rest.partition(b",")
    length = _digits(rest)
    if not comma or not length:
        raise WireError("an action M is base,offset,length")
    base = None if base_text in (_NO_BASE, b"FFFFFFFF") else parse_number(base_text, "base")
    action = CollectMemory(base, parse_number(offset, "offset") % _WORD, int(length, 16))
    return action, rest[len(length) :]


def _parse_expression(text: bytes) -> tuple[bytes, bytes]:
    """Parse ``X length,code``; return the code, and what follows."""
    length_text, comma, rest = text[1:].partition(b",")
    if not comma:
        raise WireError("an agent expression is Xlength,hex")
    length = parse_number(length_text, "expression length")
    code = parse_hex(rest[: 2 * length], "expression")
    if not code or len(code) != length:
        raise WireError("an agent expression is shorter than it says")
    return code, rest[2 * length :]


def _digits(text: bytes) -> bytes:
    found = _HEX_RUN.match(text)
    assert found is not None
    return found[0]


TracepointRequest = (
    TraceInit
    | DefineTracepoint
    | AddActions
    | TracepointSource
    | DefineVariable
    | SwitchTracepoint
    | ReadOnlyRegions
)
