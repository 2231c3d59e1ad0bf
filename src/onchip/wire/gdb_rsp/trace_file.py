"""What a trace collected, as bytes: frames, and the file that GDB's ``target tfile`` opens.

    0x7F "TRACE0" LF
    R 44                              bytes in a block of registers, in hex
    status 0;tstop::0;tframes:1...    as `TraceStatus` without its T
    tsv ..., tp ..., tdesc ...        definitions: a line each, and the target description
    (an empty line)
    frames, then four zero bytes

A frame, little-endian as the target is:

    | tracepoint u16 | length u32 | blocks of that length |
    R registers                       M address u64 | length u16 | bytes
                                      V number u32 | value s64

Source: Debugging with GDB, appendix F (Trace File Format).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from onchip.errors import WireError

MAGIC = b"\x7fTRACE0\n"
_HEAD = struct.Struct("<HI")
_MEMORY = struct.Struct("<QH")
_VARIABLE = struct.Struct("<Iq")
_END = bytes(4)
_LONGEST_MEMORY = 0xFFFF


@dataclass(frozen=True, slots=True)
class TraceFrame:
    """What was collected at one hit, or at one step behind it.

    ``registers``: their values one after another in the order of their numbers, none left out up to
    the last; None: none was collected. ``memory``: addresses and bytes. ``variables``: numbers and
    values. ``pc``: where the core stood, which the bytes do not say.
    """

    tracepoint: int
    registers: bytes | None = None
    memory: tuple[tuple[int, bytes], ...] = ()
    variables: tuple[tuple[int, int], ...] = ()
    pc: int | None = None

    def length(self, register_length: int) -> int:
        """Return how many bytes `encode` makes."""
        blocks = 0 if self.registers is None else 1 + register_length
        for _, data in self.memory:
            pieces = max(1, -(-len(data) // _LONGEST_MEMORY))
            blocks += pieces * (1 + _MEMORY.size) + len(data)
        return _HEAD.size + blocks + len(self.variables) * (1 + _VARIABLE.size)

    def encode(self, register_length: int) -> bytes:
        """Return the frame; a block of registers is cut, or filled with zeros, to its length."""
        blocks = []
        if self.registers is not None:
            blocks.append(b"R" + self.registers[:register_length].ljust(register_length, b"\0"))
        for address, data in self.memory:
            for at in range(0, max(1, len(data)), _LONGEST_MEMORY):
                piece = data[at : at + _LONGEST_MEMORY]
                blocks.append(b"M" + _MEMORY.pack(address + at, len(piece)) + piece)
        blocks += [b"V" + _VARIABLE.pack(number, value) for number, value in self.variables]
        body = b"".join(blocks)
        return _HEAD.pack(self.tracepoint, len(body)) + body

    @classmethod
    def decode_all(cls, data: bytes, register_length: int) -> Iterator[Self]:
        """Parse frames up to the end, or to a tracepoint 0; raises WireError."""
        position = 0
        while position + 2 <= len(data) and data[position : position + 2] != b"\0\0":
            tracepoint, length = _unpack(_HEAD, data, position)
            position += _HEAD.size
            body = data[position : position + length]
            if len(body) < length:
                raise WireError("a trace frame is shorter than it says")
            yield cls._decode(tracepoint, body, register_length)
            position += length

    @classmethod
    def _decode(cls, tracepoint: int, body: bytes, register_length: int) -> Self:
        registers: bytes | None = None
        memory: list[tuple[int, bytes]] = []
        variables: list[tuple[int, int]] = []
        position = 0
        while position < len(body):
            kind = body[position : position + 1]
            position += 1
            if kind == b"R":
                registers = body[position : position + register_length]
                position += register_length
            elif kind == b"M":
                address, length = _unpack(_MEMORY, body, position)
                position += _MEMORY.size
                memory.append((address, body[position : position + length]))
                position += length
            elif kind == b"V":
                number, value = _unpack(_VARIABLE, body, position)
                variables.append((number, value))
                position += _VARIABLE.size
            else:
                raise WireError(f"a trace frame has no block {kind!r}")
        if position != len(body):
            raise WireError("the last block of a trace frame is cut off")
        return cls(tracepoint, registers, tuple(memory), tuple(variables))


def _unpack(form: struct.Struct, data: bytes, position: int) -> tuple[int, int]:
    if position + form.size > len(data):
        raise WireError("a trace frame ends within a block")
    first, second = form.unpack_from(data, position)
    return first, second


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A trace file; ``lines`` is what stands between the size of registers and the frames."""

    register_length: int
    lines: tuple[bytes, ...]
    frames: tuple[TraceFrame, ...]

    def encode(self) -> bytes:
        """Return the file."""
        head = b"".join(line + b"\n" for line in self.lines)
        return b"".join(
            (
                MAGIC,
                b"R %x\n" % self.register_length,
                head,
                b"\n",
                *(frame.encode(self.register_length) for frame in self.frames),
                _END,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Parse a file; raises WireError."""
        head, found, rest = data.removeprefix(MAGIC).partition(b"\n\n")
        size, *lines = head.split(b"\n")
        if not data.startswith(MAGIC) or not found or not size.startswith(b"R "):
            raise WireError("this is no trace file")
        try:
            register_length = int(size[2:], 16)
        except ValueError:
            raise WireError("a trace file says no size of registers") from None
        frames = tuple(TraceFrame.decode_all(rest, register_length))
        return cls(register_length, tuple(lines), frames)


def description_lines(document: bytes) -> Iterable[bytes]:
    """Return the lines in which a file holds the target description."""
    return (b"tdesc " + line for line in document.splitlines())
