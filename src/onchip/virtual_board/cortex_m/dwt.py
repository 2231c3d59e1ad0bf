"""Data Watchpoint and Trace unit. Sources: DDI 0403 C1.8, DDI 0419 C1.8.

Modelled: comparators for instruction address, data read, write and access with MASK; comparison of
data values by comparator 1 of ARMv7-M, linked to the address of another one; MATCHED; CYCCNT; PCSR;
EXCCNT and SLEEPCNT. CPICNT, LSUCNT and FOLDCNT count what an ideal core does not have: they stay 0.
Not modelled: a second linked address, tracing packets, CYCMATCH.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from onchip.arch.dwt import DWT_CTRL, DWT_FUNCTION, Function

from .engine import Access, Watch
from .profile import CoreProfile

_MATCHED = DWT_FUNCTION.build(MATCHED=1)
_WRITABLE_CTRL = 0x007F_1FFF
_ANYWHERE = 0xFFFF_FFFF
_VALUES = 1
"""The comparator that compares values, on ARMv7-M."""
_LINK1_ENABLED = DWT_FUNCTION.build(LNK1ENA=1)  # its DATAVADDR1 is there, and reads so
_FUNCTION_BITS = 0x2F  # FUNCTION, EMITRANGE
_CYCMATCH = DWT_FUNCTION.build(CYCMATCH=1)
_EXCCNT, _SLEEPCNT = 0x0C, 0x10
_EVENTS = {  # profiling counters: the bit of DWT_CTRL that starts each
    0x08: DWT_CTRL.build(CPIEVTENA=1),
    _EXCCNT: DWT_CTRL.build(EXCEVTENA=1),
    _SLEEPCNT: DWT_CTRL.build(SLEEPEVTENA=1),
    0x14: DWT_CTRL.build(LSUEVTENA=1),
    0x18: DWT_CTRL.build(FOLDEVTENA=1),
}
_VALUE_BITS = 0x000F_FD00  # DATAVMATCH, DATAVSIZE, DATAVADDR0, DATAVADDR1


class Clock(Protocol):
    """What the unit asks of the core."""

    def counted_cycles(self) -> int:
        """Return cycles so far, without those spent in Debug state or asleep."""
        ...

    def exception_cycles(self) -> int:
        """Return the cycles so far that exception entries and returns took."""
        ...

    def sleep_cycles(self) -> int:
        """Return the cycles so far that the core slept."""
        ...

    def sampled_pc(self) -> int:
        """Return the address that a PC sample shows now."""
        ...

    def watches_changed(self) -> None:
        """Hear that ``Dwt.watches`` or ``Dwt.addresses`` may have changed."""
        ...

    def watchpoint_hit(self) -> None:
        """Hear that a comparator matched."""
        ...


class Dwt:
    """Watchpoints, the cycle counter and the PC sample register."""

    def __init__(self, profile: CoreProfile, clock: Clock, enabled: Callable[[], bool]) -> None:
        self._count = profile.dwt_comparators
        self._has_cyccnt = profile.dwt_cyccnt
        self._has_values = not profile.armv6m and self._count > _VALUES
        self._clock = clock
        self._trace_enabled = enabled  # DEMCR.TRCENA, DWTENA on ARMv6-M
        self.watches: list[Watch] = []
        self.addresses: frozenset[int] = frozenset()
        """Instruction addresses that match."""
        self._clear()

    def _clear(self) -> None:
        self._control = 0
        self._base = 0  # counted cycles at CYCCNT = 0, or CYCCNT itself while it stands
        self._profile = dict.fromkeys(_EVENTS, 0)  # the same of the profiling counters
        self._comp = [0] * self._count
        self._mask = [0] * self._count
        self._function = [0] * self._count
        if self._has_values:
            self._function[_VALUES] = _LINK1_ENABLED

    def power_on_reset(self) -> None:
        """Return to the state after power-on; other resets leave the unit alone."""
        self._clear()
        self.refresh()

    # ---- matching -------------------------------------------------------------------------------

    def on_access(self, access: Access, address: int, size: int, value: int, pc: int) -> None:
        """Take an access that the engine reports."""
        del pc
        hit = False
        for index in range(self._count):
            watch = self._watch_of(index)
            if watch is None or not (watch.writes if access == "write" else watch.reads):
                continue
            if watch.values and not self._compares(index, size, value):
                continue
            if address <= watch.last and address + size > watch.first:
                self._function[index] |= _MATCHED
                hit = True
        if hit:
            self._clock.watchpoint_hit()

    def on_address(self, pc: int) -> None:
        """Take an instruction address that the engine stopped at."""
        for index in range(self._count):
            if pc in self._addresses_of(index):
                self._function[index] |= _MATCHED

    def refresh(self) -> None:
        """Work out again what the engine has to look for."""
        live = range(self._count) if self._trace_enabled() else range(0)
        self.watches = [w for w in map(self._watch_of, live) if w is not None]
        self.addresses = frozenset(a for index in live for a in self._addresses_of(index))
        self._clock.watches_changed()

    def _watch_of(self, index: int) -> Watch | None:
        function = DWT_FUNCTION(self._function[index])
        kind = function.FUNCTION
        if kind not in (Function.READ, Function.WRITE, Function.READ_WRITE):
            return None
        reads, writes = kind != Function.WRITE, kind != Function.READ
        at = function.DATAVADDR0 if function.DATAVMATCH else index
        if function.DATAVMATCH and (at == index or at >= self._count):
            return Watch(0, _ANYWHERE, reads, writes, values=True)
        size = 1 << self._mask[at]
        first = self._comp[at] & ~(size - 1)
        last = first + size - 1
        return Watch(first, last, reads, writes, values=bool(function.DATAVMATCH))

    def _compares(self, index: int, size: int, value: int) -> bool:
        """Say whether an access moves the value that comparator ``index`` waits for."""
        if size != 1 << DWT_FUNCTION(self._function[index]).DATAVSIZE:
            return False
        return value == self._comp[index] & ((1 << 8 * size) - 1)

    def _addresses_of(self, index: int) -> range:
        if DWT_FUNCTION(self._function[index]).FUNCTION != Function.PC:
            return range(0)
        size = 1 << self._mask[index]
        first = self._comp[index] & ~(size - 1) & ~1
        return range(first, first + max(size, 2), 2)

    # ---- registers ------------------------------------------------------------------------------

    def read(self, offset: int) -> int:
        """Return a register of the unit."""
        if 0x20 <= offset < 0x20 + 16 * self._count:
            index, which = divmod(offset - 0x20, 16)
            if which == 8:
                value = self._function[index]
                self._function[index] &= ~_MATCHED
                return value
            return {0: self._comp, 4: self._mask}.get(which, [0] * self._count)[index]
        if offset in _EVENTS:
            return self._profiled(offset) & 0xFF
        match offset:
            case 0x00:
                return DWT_CTRL(self._control).replace(
                    NUMCOMP=self._count, NOCYCCNT=not self._has_cyccnt
                )
            case 0x04:
                return self._cyccnt() & 0xFFFF_FFFF
            case 0x1C:
                return self._clock.sampled_pc()
            case _:
                return 0

    def write(self, offset: int, value: int) -> None:
        """Write a register of the unit."""
        if 0x20 <= offset < 0x20 + 16 * self._count:
            index, which = divmod(offset - 0x20, 16)
            match which:
                case 0:
                    self._comp[index] = value
                case 4:
                    self._mask[index] = min(value & 0x1F, 15)
                case 8:
                    self._function[index] = self._as_function(index, value)
            self.refresh()
        elif offset == 0x00 and self._has_cyccnt:
            new = value & _WRITABLE_CTRL
            self._carry_over(lambda: setattr(self, "_control", new), started=new & ~self._control)
        elif offset in _EVENTS and self._has_cyccnt:
            self._set_profiled(offset, value & 0xFF)
        elif offset == 0x04 and self._has_cyccnt:
            self._set_cyccnt(value)

    def _as_function(self, index: int, value: int) -> int:
        """Return what DWT_FUNCTIONn keeps of what is written to it."""
        if index == _VALUES and self._has_values:
            return value & (_FUNCTION_BITS | _VALUE_BITS) | _LINK1_ENABLED
        return value & (_FUNCTION_BITS | (_CYCMATCH if index == 0 and self._has_cyccnt else 0))

    def _counting(self) -> bool:
        return bool(self._control & 1 and self._trace_enabled())

    def _cyccnt(self) -> int:
        return self._clock.counted_cycles() - self._base if self._counting() else self._base

    def _set_cyccnt(self, count: int) -> None:
        self._base = self._clock.counted_cycles() - count if self._counting() else count

    def trace_enable_changes(self, change: Callable[[], None]) -> None:
        """Carry the counts over ``change``, which switches DEMCR.TRCENA."""
        self._carry_over(change)
        self.refresh()

    def _carry_over(self, change: Callable[[], None], *, started: int = 0) -> None:
        """Make a change of what counts; the events ``started`` (DWT_CTRL) count from 0."""
        count = self._cyccnt()
        profiled = {at: self._profiled(at) for at in _EVENTS}
        change()
        self._set_cyccnt(count)
        for at, value in profiled.items():
            self._set_profiled(at, 0 if started & _EVENTS[at] else value)

    def _profiled(self, offset: int) -> int:
        """Return a profiling counter; it is 8 bits of this."""
        return self._source(offset) - self._profile[offset]

    def _set_profiled(self, offset: int, value: int) -> None:
        self._profile[offset] = self._source(offset) - value

    def _source(self, offset: int) -> int:
        """Return what a profiling counter follows, 0 while it stands."""
        if not self._control & _EVENTS[offset] or not self._trace_enabled():
            return 0
        if offset == _EXCCNT:
            return self._clock.exception_cycles()
        return self._clock.sleep_cycles() if offset == _SLEEPCNT else 0
