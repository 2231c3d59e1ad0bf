"""The instructions around an address, if capstone is installed (the extra ``disasm``)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from onchip.errors import OnchipError, UsageError
from onchip.symbols.unwind import ReadMemory

_BEFORE, _AFTER = 4, 3
_FARTHEST_START = 2048
_LONGEST = 4


@dataclass(frozen=True, slots=True)
class DisassembledLine:
    """One instruction; ``is_here`` marks the one that was asked for."""

    address: int
    code: bytes
    text: str
    is_here: bool

    def __repr__(self) -> str:
        return f"<{self.address:#010x} {self.text}>"


def disassemble_around(
    pc: int, read: ReadMemory, start: int | None = None
) -> tuple[DisassembledLine, ...]:
    """Return the instructions around ``pc``; none without capstone, or where nothing can be read.

    ``start`` is where the function begins: only from there it is sure where instructions begin.
    """
    engine = _engine()
    pc &= ~1
    if engine is None:
        return ()
    if start is None or not 0 <= pc - start <= _FARTHEST_START:
        start = pc
    try:
        code = read(start, pc + _LONGEST - start)
    except OnchipError:
        return ()
    with contextlib.suppress(OnchipError):  # the end of the memory
        code += read(pc + _LONGEST, _LONGEST * _AFTER)
    lines = [_line(instruction, pc) for instruction in engine.disasm(code, start)]
    here = next((index for index, line in enumerate(lines) if line.is_here), None)
    return () if here is None else tuple(lines[max(0, here - _BEFORE) : here + 1 + _AFTER])


def disassemble(address: int, read: ReadMemory, count: int) -> list[DisassembledLine]:
    """Return ``count`` instructions from ``address``; fewer where the memory ends.

    Raises:
        UsageError: capstone is not installed.
        OnchipError: nothing can be read there.
    """
    engine = _engine()
    if engine is None:
        raise UsageError("disassembly needs capstone", hint="pip install 'onchip[disasm]'")
    address &= ~1
    code = read(address, 2)
    with contextlib.suppress(OnchipError):
        code = read(address, _LONGEST * count)
    lines = [_line(instruction, None) for instruction in engine.disasm(code, address)]
    return lines[:count]


def _line(instruction: Any, pc: int | None) -> DisassembledLine:
    text = f"{instruction.mnemonic} {instruction.op_str}".strip()
    here = instruction.address == pc
    return DisassembledLine(instruction.address, bytes(instruction.bytes), text, here)


def _engine() -> Any:
    try:
        import capstone
    except ImportError:
        return None
    engine = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    engine.skipdata = True
    return engine
