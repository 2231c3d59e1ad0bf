"""Unwinds a Cortex-M stack: by call frame information, and over the frames that exceptions stack.

Nothing on a stack is believed unseen: a return address must lead into code and carry the Thumb
bit, the stack must shrink, reads may fail, and there is an end after `MOST_FRAMES`. What stopped
the walk is part of its result. Sources: DWARF 4 6.4; ARMv7-M B1.5.6 to B1.5.8 (exception entry and
return).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from onchip.errors import OnchipError, TransferError
from onchip.symbols.dwarf import DebugInfo, FrameRules

MOST_FRAMES = 100
_BLOCK = 64

_NAMES = {f"r{n}": n for n in range(13)} | {"sp": 13, "lr": 14, "pc": 15}
_SP, _LR, _PC = 13, 14, 15
_STACKED = (0, 1, 2, 3, 12, _LR, _PC)
_BASIC_SIZE, _EXTENDED_SIZE = 0x20, 0x68
_XPSR_RESERVED = 0x00F0_0000
_EXC_RETURN_KINDS = (0x0, 0x1, 0x8, 0x9, 0xC, 0xD)

_WHERE_THREADS_END = ("prvTaskExitError", "osThreadExit")
"""Kernels let a thread's function return to the start of these; nothing calls it from there."""

ReadMemory = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. ``registers`` are r0-r12, sp, lr, pc as far as they are known there.

    ``exception`` is the number of the exception that interrupted this code; the frame before it in
    the list is its handler. ``lookup`` is the address to look up: for a caller it lies within the
    call, not behind it.
    """

    pc: int
    sp: int
    lookup: int
    registers: dict[str, int] = field(default_factory=dict)
    exception: int | None = None


@dataclass(frozen=True, slots=True)
class Backtrace:
    """Frames, innermost first, and why there are no more: ``end``; ``complete`` if that is good."""

    frames: tuple[Frame, ...]
    end: str
    complete: bool


class _End(Exception):
    def __init__(self, why: str, *, complete: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.complete = complete


def is_exc_return(value: int) -> bool:
    """Say whether a value in pc or lr means a return from an exception."""
    return value >> 7 == 0x1FF_FFFF and value & 0xF in _EXC_RETURN_KINDS


def unwind(
    registers: Mapping[str, int],
    read: ReadMemory,
    debug: DebugInfo | None = None,
    *,
    is_code: Callable[[int], bool] | None = None,
) -> Backtrace:
    """Walk the stack of a halted core.

    ``registers``: r0-r12, sp, lr, pc, and for what lies beyond exceptions xpsr and psp. ``read``
    returns memory or raises `OnchipError`. ``is_code`` says where a return address may lead;
    without it, where ``debug`` has code.
    """
    if is_code is None:
        is_code = debug.is_code if debug is not None else lambda address: True
    return _Walk(registers, read, debug, is_code).run()


def in_blocks(read: ReadMemory) -> ReadMemory:
    """Return ``read`` with a memory: a stack is read a word at a time, a target in blocks."""
    blocks: dict[int, bytes | None] = {}

    def block(start: int) -> bytes | None:
        if start not in blocks:
            try:
                blocks[start] = read(start, _BLOCK)
            except TransferError:
                blocks[start] = None
        return blocks[start]

    def remembered(address: int, length: int) -> bytes:
        start = address - address % _BLOCK
        if address % _BLOCK + length <= _BLOCK and (data := block(start)) is not None:
            return data[address - start : address - start + length]
        return read(address, length)

    return remembered


class _Walk:
    """The state of one walk: the registers as they were in the frame that was reached."""

    def __init__(
        self,
        registers: Mapping[str, int],
        read: ReadMemory,
        debug: DebugInfo | None,
        is_code: Callable[[int], bool],
    ) -> None:
        self._read = read
        self._debug = debug
        self._is_code = is_code
        self._now = {number: registers[n] for n, number in _NAMES.items() if n in registers}
        self._psp = registers.get("psp")
        self._ipsr = registers.get("xpsr", 0) & 0x1FF
        self._exact = True  # pc is where execution is, not where a call returns to
        self._frames: list[Frame] = []

    def run(self) -> Backtrace:
        exception: int | None = None
        try:
            for _ in range(MOST_FRAMES):
                self._note(exception)
                target = self._undo()
                exception = None
                if is_exc_return(target):
                    exception = self._ipsr
                    self._pop_exception(target)
                else:
                    self._return_to(target)
        except _End as end:
            return Backtrace(tuple(self._frames), end.why, end.complete)
        return Backtrace(tuple(self._frames), f"more than {MOST_FRAMES} frames", complete=False)

    def _note(self, exception: int | None) -> None:
        pc, sp = self._now[_PC], self._now[_SP]
        known = {name: self._now[n] for name, n in _NAMES.items() if n in self._now}
        lookup = pc if self._exact else pc - 2
        self._frames.append(Frame(pc, sp, lookup, known, exception))

    def _undo(self) -> int:
        """Undo the innermost frame; return where it would return to."""
        lookup = self._frames[-1].lookup
        rules = None if self._debug is None else self._debug.frame_rules(lookup)
        if rules is None:
            if not self._exact or _LR not in self._now:
                raise _End(f"there is no call frame information for {lookup:#010x}")
            # a function without a frame of its own, or whose prologue has not run yet
            return self._now[_LR]
        return self._apply(rules)

    def _apply(self, rules: FrameRules) -> int:
        if rules.lr_is_undefined:
            raise _End("the outermost function", complete=True)
        if rules.cfa_register not in self._now:
            raise _End("the frame's base register is not known")
        cfa = self._now[rules.cfa_register] + rules.cfa_offset & 0xFFFF_FFFF
        old_sp = self._now[_SP]
        if cfa < old_sp:
            raise _End(f"the stack is corrupt: it grows from {old_sp:#010x} to {cfa:#010x}")
        if _LR not in rules.saved and not self._exact:
            raise _End("the return address was not saved", complete=True)
        saved = {n: self._word(cfa + offset) for n, offset in rules.saved.items() if n <= _LR}
        # r0-r3, r12 and lr belong to the function that was called
        for number in (0, 1, 2, 3, 12):
            self._now.pop(number, None)
        self._now |= saved
        self._now[_SP] = cfa
        if _LR not in self._now:
            raise _End("lr is not known")
        return self._now[_LR]

    def _return_to(self, target: int) -> None:
        if target in (0, 0xFFFF_FFFF):
            raise _End("the outermost function", complete=True)
        if self._debug is not None and self._debug.name_of(target) in _WHERE_THREADS_END:
            raise _End("the outermost function of a thread", complete=True)
        if not target & 1 or not self._is_code(target & ~1):
            raise _End(f"the stack is corrupt: return address {target:#010x} leads to no code")
        if not self._exact and self._frames[-1].sp == self._now[_SP]:
            raise _End("the stack is corrupt: a frame of no size")
        self._now[_PC] = target & ~1
        self._now.pop(_LR, None)
        self._exact = False

    def _pop_exception(self, exc_return: int) -> None:
        """Undo an exception entry: registers from the frame, on whichever stack it lies."""
        on_process_stack = bool(exc_return & 4)
        address = self._psp if on_process_stack else self._now[_SP]
        if address is None:
            raise _End("the interrupted code used the process stack, whose pointer is not known")
        if address & 3:
            raise _End(f"the stack is corrupt: an exception frame at {address:#010x}")
        words = [self._word(address + 4 * i) for i in range(8)]
        xpsr = words[7]
        if xpsr & _XPSR_RESERVED:
            raise _End(f"the stack is corrupt: no exception frame lies at {address:#010x}")
        if not exc_return & 8 and not xpsr & 0x1FF:
            raise _End("the stack is corrupt: a return to a handler that is none")
        if exc_return & 8 and xpsr & 0x1FF:
            raise _End("the stack is corrupt: a return to a thread that handles an exception")
        self._now |= dict(zip(_STACKED, words, strict=False))
        size = _BASIC_SIZE if exc_return & 0x10 else _EXTENDED_SIZE
        sp = address + size + (4 if xpsr & 1 << 9 else 0)
        if on_process_stack:
            self._psp = sp
        self._now[_SP] = sp & 0xFFFF_FFFF
        self._ipsr = xpsr & 0x1FF
        self._exact = True

    def _word(self, address: int) -> int:
        address &= 0xFFFF_FFFF
        try:
            return int.from_bytes(self._read(address, 4), "little")
        except OnchipError as error:
            raise _End(f"the stack at {address:#010x} cannot be read") from error
