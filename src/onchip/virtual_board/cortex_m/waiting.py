"""Finds loops in which a program only waits, so that their rounds can pass at once.

Such a loop executes nothing but loads from memory, arithmetic and branches, and comes back to the
state in which it began: ``b .``, or polling a word that an interrupt or the debugger will write.
Nothing but an event, an interrupt or the debugger can end it, and slices end there anyway. So
skipping whole rounds is exact to the instruction, wherever slices are cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from ..bus import Bus
from .engine import Engine
from .it_blocks import IT_MASK

_LONGEST = 32
"""Instructions in the longest round that is recognised."""
_VISITS = 4
"""An instruction that is met more often before the state returns belongs to a loop that counts."""
_SP, _PC = 13, 16
State = tuple[int, ...]


class _Cells(NamedTuple):
    """Bytes of a memory that a round depends on, and what they held."""

    now: memoryview
    then: bytes


class _Loop(NamedTuple):
    """A loop that waits, for as long as its cells stay as they were."""

    states: frozenset[State]
    length: int
    cells: tuple[_Cells, ...]


class WaitingLoops:
    """What is known of loops that wait."""

    def __init__(self, bus: Bus, engine: Engine) -> None:
        self._bus = bus
        self._engine = engine
        self._known: _Loop | None = None
        self._cells: dict[tuple[int, int], _Cells] = {}

    def forget(self) -> None:
        """Forget what is known: something may stop within the loop now."""
        self._known = None

    def known(self) -> int:
        """Return how many instructions a round takes, if this is in the loop found last; or 0."""
        loop = self._known
        if (
            loop is None
            or self._engine.state() not in loop.states
            or any(cells.now != cells.then for cells in loop.cells)
        ):
            return 0
        return loop.length

    def find(self, execute: Callable[[], bool]) -> bool:
        """Execute instructions for as long as they may be a round; then ask ``known``.

        ``execute`` executes one, and tells whether nothing has come of it but its own effect;
        returns what it told last.
        """
        self._known, self._cells = None, {}
        seen: list[State] = []
        visits: Counter[int] = Counter()
        for _ in range(2 * _LONGEST):
            state = self._engine.state()
            if state in seen:
                round_ = seen[seen.index(state) :]
                self._known = _Loop(frozenset(round_), len(round_), tuple(self._cells.values()))
                break
            visits[state[_PC]] += 1
            if visits[state[_PC]] > _VISITS or not self._is_pure(state):
                break
            if not execute():
                return False
            seen.append(state)
        return True

    def _is_pure(self, state: State) -> bool:
        """Tell whether the instruction at the PC has no effect but on registers and flags."""
        pc = state[_PC]
        first = self._note(pc, 2)
        if first is None or state[15] & IT_MASK:
            return False
        if first < 0xE800:
            load = _narrow_load(first, state)
            return _is_narrow_arithmetic(first) if load is None else self._loads(load)
        second = self._note(pc + 2, 2)
        if second is None:
            return False
        load = _wide_load(first, second, state)
        return _is_wide_arithmetic(first, second) if load is None else self._loads(load)

    def _loads(self, load: tuple[int, int]) -> bool:
        return self._note(*load) is not None

    def _note(self, address: int, size: int) -> int | None:
        """Return what a memory holds, and note that the round depends on it; None if no memory."""
        window = self._bus.find(address)
        if window is None or window.memory is None or address + size > window.end:
            return None
        start = address - window.base + window.offset
        now = window.memory.data[start : start + size]
        then = bytes(now)
        self._cells[address, size] = _Cells(now, then)
        return int.from_bytes(then, "little")


def _narrow_load(opcode: int, r: State) -> tuple[int, int] | None:
    """Return address and size of what a 16-bit instruction loads, None if it is no load."""
    base, high = r[opcode >> 3 & 7], opcode >> 11
    scaled = opcode >> 6 & 0x1F
    if high == 0b01001:  # LDR (literal)
        return (r[_PC] + 4 & ~3) + (opcode & 0xFF) * 4, 4
    if high == 0b10011:
        return r[_SP] + (opcode & 0xFF) * 4, 4
    if high in (0b01101, 0b01111, 0b10001):
        size = {0b01101: 4, 0b01111: 1, 0b10001: 2}[high]
        return base + scaled * size & 0xFFFF_FFFF, size
    if opcode >> 12 == 0b0101 and opcode >> 9 & 7 >= 3:  # register offset; below are stores
        size = (0, 0, 0, 1, 4, 2, 1, 2)[opcode >> 9 & 7]
        return base + r[opcode >> 6 & 7] & 0xFFFF_FFFF, size
    return None


def _is_narrow_arithmetic(opcode: int) -> bool:
    """Tell whether it is NOP, a branch within Thumb code, or writes low registers and flags."""
    if opcode < 0x4400:  # shifts, MOVS, CMP, ADDS, SUBS; data processing
        return True
    if opcode >> 8 in (0x44, 0x45, 0x46):
        return opcode & 0x87 != 0x87 or opcode >> 8 == 0x45
    if opcode >> 12 == 0b1011:  # CBZ, CBNZ; extensions; NOP
        return opcode & 0xF500 == 0xB100 or opcode >> 8 == 0xB2 or opcode == 0xBF00
    if opcode >> 12 == 0b1101:
        return opcode >> 8 & 0xF < 14
    return opcode >> 12 == 0b1010 or opcode >> 11 == 0b11100


def _wide_load(first: int, second: int, r: State) -> tuple[int, int] | None:
    """Return address and size of what LDR.W, LDRH.W or LDRB.W with an immediate loads."""
    size = {0xF890: 1, 0xF8B0: 2, 0xF8D0: 4}.get(first & 0xFFF0)
    base = first & 0xF
    if size is None or base == 15 or second >> 12 == 15:
        return None
    return r[base] + (second & 0xFFF) & 0xFFFF_FFFF, size


def _is_wide_arithmetic(first: int, second: int) -> bool:
    """Tell whether it is data processing or B.W."""
    if first & 0xF800 == 0xF000 and second & 0x8000:
        return second & 0xD000 == 0x9000 or (second & 0xD000 == 0x8000 and first & 0x0380 != 0x0380)
    return first & 0xF800 == 0xF000 or first & 0xFE00 == 0xEA00
