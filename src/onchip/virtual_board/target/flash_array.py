"""The flash cells themselves, the same under every controller.

Bits fall one by one when programmed and rise only by erasing. An operation changes the cells when
it starts and is busy until its time is over; what was there before is kept until then, so that a
reset or a loss of power in between can leave the cells half done. An access that real hardware
would stall is queued: the array stays busy for the sum of the times.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from onchip.virtual_board.bus import Bus, Memory
from onchip.virtual_board.timeline import Event, Timeline

from .flash_faults import FlashFault, FlashFaultKind, FlashFaults

TIMEOUT_FACTOR = 100
"""How much longer an operation takes under ``FlashFaultKind.TIMEOUT``."""


class Outcome(Enum):
    """How an operation ends; each controller shows it in its own flags."""

    DONE = auto()
    FAILED = auto()
    PROTECTED = auto()


@dataclass(slots=True)
class _Running:
    """The operation under way: what it changed, and when."""

    offset: int
    before: bytes
    after: bytes
    started_ns: int
    ends_ns: int
    erase: bool


class FlashArray:
    """One memory's cells.

    ``on_idle`` is called when the array stops being busy, with the outcome of the last operation.
    """

    def __init__(
        self,
        memory: Memory,
        bus: Bus,
        timeline: Timeline,
        faults: FlashFaults,
        *,
        on_idle: Callable[[Outcome], None] | None = None,
    ) -> None:
        self.memory = memory
        self.bus = bus
        self.timeline = timeline
        self.faults = faults
        self.on_idle = on_idle
        self.stuck = False
        self.busy_until_ns = 0
        self._running: list[_Running] = []
        self._outcome = Outcome.DONE
        self._event: Event | None = None

    @property
    def busy(self) -> bool:
        """Whether an operation is under way."""
        return self.stuck or bool(self._running)

    def erase(self, offset: int, length: int, duration_ns: int) -> Outcome:
        """Erase ``length`` bytes from ``offset`` and be busy for ``duration_ns``."""
        address = self.memory.base + offset
        if self._hit(FlashFaultKind.WRITE_PROTECTED, address, length):
            return Outcome.PROTECTED
        failed = self._hit(FlashFaultKind.ERASE_FAILS, address, length) is not None
        before = bytes(self.memory.data[offset : offset + length])
        after = _half_erased(before, offset, 0.5) if failed else b"\xff" * length
        after = self._with_stuck_bits(offset, before, after, erase=True)
        self._start(offset, before, after, duration_ns, failed=failed, erase=True)
        return Outcome.FAILED if failed else Outcome.DONE

    def program(self, offset: int, data: bytes, duration_ns: int) -> Outcome:
        """Clear the bits that are 0 in ``data`` and be busy for ``duration_ns``."""
        address = self.memory.base + offset
        if self._hit(FlashFaultKind.WRITE_PROTECTED, address, len(data)):
            return Outcome.PROTECTED
        failed = self._hit(FlashFaultKind.PROGRAM_FAILS, address, len(data)) is not None
        before = bytes(self.memory.data[offset : offset + len(data)])
        after = before
        if not failed:
            after = bytes(old & new for old, new in zip(before, data, strict=True))
        after = self._with_stuck_bits(offset, before, after, erase=False)
        self._start(offset, before, after, duration_ns, failed=failed, erase=False)
        return Outcome.FAILED if failed else Outcome.DONE

    def interrupt(self) -> None:
        """Cut what is under way short: a reset, or power that goes."""
        now = self.timeline.now_ns
        for job in reversed(self._running):  # the last one first: it may sit on another's cells
            if not self.stuck and job.ends_ns <= now:
                continue
            if job.started_ns >= now:
                self._store(job.offset, job.before)
            elif job.erase:
                done = (now - job.started_ns) / (job.ends_ns - job.started_ns)
                self._store(job.offset, _half_erased(job.before, job.offset, done))
            else:
                self._store(job.offset, _half_programmed(job.before, job.after))
        self._running.clear()
        self.stuck = False
        self.busy_until_ns = 0
        if self._event is not None:
            self.timeline.cancel(self._event)
            self._event = None

    def _hit(self, kind: FlashFaultKind, address: int, length: int) -> FlashFault | None:
        return self.faults.take(kind, address, length) if self.faults.plan else None

    def _with_stuck_bits(self, offset: int, before: bytes, after: bytes, *, erase: bool) -> bytes:
        if not self.faults.plan:
            return after
        cells = bytearray(after)
        base = self.memory.base + offset
        for fault in self.faults.stuck_bits(base, len(after)):
            first = fault.address - base if fault.address is not None else 0
            for position, mask in enumerate(fault.bits.to_bytes(4, "little")):
                index = first + position
                if 0 <= index < len(cells) and mask:
                    kept = 0 if erase else before[index]
                    cells[index] = cells[index] & ~mask | kept & mask
        return bytes(cells)

    def _start(
        self,
        offset: int,
        before: bytes,
        after: bytes,
        duration_ns: int,
        *,
        failed: bool,
        erase: bool,
    ) -> None:
        address = self.memory.base + offset
        now = self.timeline.now_ns
        self._store(offset, after)
        if self._hit(FlashFaultKind.TIMEOUT, address, len(after)):
            duration_ns *= TIMEOUT_FACTOR
        started = max(now, self.busy_until_ns)
        ends = started + duration_ns
        if self._hit(FlashFaultKind.STUCK_BUSY, address, len(after)):
            self.stuck = True
        self._running.append(_Running(offset, before, after, started, ends, erase))
        self.busy_until_ns = ends
        self._outcome = Outcome.FAILED if failed else Outcome.DONE
        if self._event is not None:
            self.timeline.cancel(self._event)
        self._event = self.timeline.at(ends, self._finish)

    def _finish(self) -> None:
        self._event = None
        if self.stuck:
            return
        self._running.clear()
        if self.on_idle is not None:
            self.on_idle(self._outcome)

    def _store(self, offset: int, cells: bytes) -> None:
        self.memory.data[offset : offset + len(cells)] = cells
        self.bus.code_changed(self.memory.base + offset, len(cells))


def _half_programmed(before: bytes, after: bytes) -> bytes:
    """Return what is left when programming stops midway: the first half of the bits took."""
    if len(before) == 1:
        return bytes([before[0] & (after[0] | 0xF0)])
    middle = len(before) // 2
    return after[:middle] + before[middle:]


def _half_erased(before: bytes, seed: int, done: float) -> bytes:
    """Return cells of which the share ``done`` rose to 1, always the same ones."""
    generator = random.Random(seed)
    size = len(before)
    rising = generator.getrandbits(8 * size)
    if done < 0.5:
        rising &= generator.getrandbits(8 * size)
    return (int.from_bytes(before, "little") | rising).to_bytes(size, "little")
