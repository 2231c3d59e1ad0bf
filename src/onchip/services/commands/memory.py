"""Commands that read, write, fill, search, save, load and compare memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from onchip.errors import OnchipError, UsageError
from onchip.services.commands.command import Command, Words
from onchip.services.commands.machine import Machine

_BYTES_PER_LINE = 16
_MOST_BYTES = 0x1_0000
_SLICE = 0x1000
_MOST_SEARCHED = 1 << 28


def _reads(size: int) -> Callable[[Machine, Words], list[int]]:
    def serve(machine: Machine, words: Words) -> list[int]:
        address, count = words.number(), words.number(1)
        words.end()
        if count * size > _MOST_BYTES:
            raise UsageError(f"{count} are too many to look at", hint="savemem writes a file")
        data = machine.core.memory.read(address, count * size)
        units = [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]
        per_line = _BYTES_PER_LINE // size
        for first in range(0, count, per_line):
            shown = " ".join(f"{unit:0{2 * size}x}" for unit in units[first : first + per_line])
            machine.print(f"0x{address + first * size:08x}: {shown}\n")
        return units

    return serve


def _writes(size: int) -> Callable[[Machine, Words], int]:
    def serve(machine: Machine, words: Words) -> int:
        address = words.number()
        values = _wide_numbers(words) if size == 8 else words.numbers()
        if any(value >> (8 * size) for value in values):
            raise UsageError(f"a value does not fit {size} byte{'s' if size > 1 else ''}")
        data = b"".join(value.to_bytes(size, "little") for value in values)
        _write(machine, address, data)
        return len(data)

    return serve


def _wide_numbers(words: Words) -> list[int]:
    values = [words.wide_number()]
    while words:
        values.append(words.wide_number())
    return values


def _write(machine: Machine, address: int, data: bytes) -> None:
    """Write RAM or a device, but flash only by `load`.

    Raises:
        UsageError: the bytes would lie in flash.
    """
    for region in machine.session.memory_map.flash:
        if address < region.end and region.start < address + len(data):
            raise UsageError(
                f"0x{address:08x} is in flash, which is not written like memory",
                hint="load FILE programs it",
            )
    machine.core.memory.write(address, data)


def _fill(machine: Machine, words: Words) -> int:
    """Fill with a pattern of bytes, repeated and cut where the range ends."""
    address, length = words.number(), words.number()
    pattern = _pattern(words)
    if length > _MOST_SEARCHED:
        raise UsageError(f"{length} bytes are more than any RAM has")
    data = (pattern * (length // len(pattern) + 1))[:length]
    _write(machine, address, data)
    machine.print(f"{length} bytes filled\n")
    return length


def _find(machine: Machine, words: Words) -> int | None:
    """Search; blocks overlap by the pattern's length, so that nothing hides between two."""
    address, length = words.number(), words.number()
    pattern = _pattern(words)
    end = min(address + length, 1 << 32)
    start, kept = address, b""
    while start < end and not machine.interrupted():
        block = kept + machine.core.memory.read(start, min(_SLICE, end - start))
        found = block.find(pattern)
        if found >= 0:
            where = start - len(kept) + found
            machine.print(f"found at {machine.place(where)}\n")
            return where
        start += _SLICE
        kept = block[len(block) - len(pattern) + 1 :] if len(pattern) > 1 else b""
    machine.print("not found\n")
    return None


def _pattern(words: Words) -> bytes:
    """Return what is left as bytes: numbers of one byte each, or one text in quotes."""
    rest = words.rest()
    if not rest:
        raise words.wrong()
    try:
        values = [int(word, 0) for word in rest]
    except ValueError:
        if len(rest) == 1:
            return rest[0].encode()
        values = []
    if not values or not all(0 <= value < 256 for value in values):
        raise UsageError("give bytes (0x12 0x34) or one text ('hello')")
    return bytes(values)


def _savemem(machine: Machine, words: Words) -> int:
    address, length, file = words.number(), words.number(), _path(words.next())
    words.end()
    try:
        with file.open("wb") as out:
            for start in range(address, address + length, _SLICE):
                if machine.interrupted():
                    raise UsageError(f"interrupted at 0x{start:08x}; {file} is not complete")
                part = min(_SLICE, address + length - start)
                out.write(machine.core.memory.read(start, part))
    except OSError as error:
        raise _cannot("write", file, error) from error
    machine.print(f"{length} bytes saved to {file}\n")
    return length


def _loadmem(machine: Machine, words: Words) -> int:
    address, data = words.number(), _contents(words)
    _write(machine, address, data)
    machine.print(f"{len(data)} bytes written at 0x{address:08x}\n")
    return len(data)


def _compare(machine: Machine, words: Words) -> int | None:
    """Compare memory with a file; the value is the first address that differs, or None."""
    address, data = words.number(), _contents(words)
    for start in range(0, len(data), _SLICE):
        expected = data[start : start + _SLICE]
        found = machine.core.memory.read(address + start, len(expected))
        if found != expected:
            at = next(i for i, byte in enumerate(found) if byte != expected[i])
            there = f"0x{found[at]:02x} there, 0x{expected[at]:02x} in the file"
            machine.print(f"differs at 0x{address + start + at:08x}: {there}\n")
            return address + start + at
    machine.print(f"{len(data)} bytes are the same\n")
    return None


def _contents(words: Words) -> bytes:
    file = _path(words.next())
    words.end()
    try:
        return file.read_bytes()
    except OSError as error:
        raise _cannot("read", file, error) from error


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _cannot(what: str, file: Path, error: OSError) -> OnchipError:
    return UsageError(f"cannot {what} {file}: {os.strerror(error.errno or 0).lower()}")


def _reading(names: tuple[str, ...], size: int, unit: str) -> Command:
    usage = f"{names[0]} ADDRESS [COUNT]"
    more = f"{names[0]} 0x20000000 4; {names[0]} sp 8; {names[0]} counter, with the ELF file."
    return Command(names, usage, f"show {unit}", _reads(size), more)


def _writing(names: tuple[str, ...], size: int, unit: str) -> Command:
    usage = f"{names[0]} ADDRESS VALUE..."
    more = f"{names[0]} 0x20000000 1 2 3. Flash is not written like memory: `load` programs it."
    return Command(names, usage, f"write {unit}", _writes(size), more)


COMMANDS = (
    _reading(("read8", "mdb", "rb"), 1, "bytes"),
    _reading(("read16", "mdh", "rh"), 2, "halfwords"),
    _reading(("read32", "mdw", "rw"), 4, "words"),
    _reading(("read64", "mdd"), 8, "doublewords"),
    _writing(("write8", "mwb", "wb"), 1, "bytes"),
    _writing(("write16", "mwh", "wh"), 2, "halfwords"),
    _writing(("write32", "mww", "ww"), 4, "words"),
    _writing(("write64", "mwd"), 8, "doublewords"),
    Command(
        ("fill",),
        "fill ADDRESS LENGTH BYTE...",
        "fill memory with bytes",
        _fill,
        "fill 0x20000000 256 0xAA 0x55",
    ),
    Command(
        ("find",),
        "find ADDRESS LENGTH BYTE...|TEXT",
        "search memory",
        _find,
        "find 0x08000000 0x10000 0xDE 0xAD; find 0x08000000 0x10000 'version'",
    ),
    Command(
        ("savemem", "dump_image"),
        "savemem ADDRESS LENGTH FILE",
        "save memory",
        _savemem,
        "savemem 0x20000000 0x1000 ram.bin",
    ),
    Command(
        ("loadmem",),
        "loadmem ADDRESS FILE",
        "write a file into RAM",
        _loadmem,
        "loadmem 0x20000000 table.bin writes its bytes as they are; `load` programs flash.",
    ),
    Command(
        ("compare",),
        "compare ADDRESS FILE",
        "compare memory with a file",
        _compare,
        "compare 0x08000000 firmware.bin; it names the first byte that differs.",
    ),
)
