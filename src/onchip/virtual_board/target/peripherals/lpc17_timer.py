"""TIMER0 to TIMER3 and the watchdog of LPC17xx (UM10360, chapters 21 and 28)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from ..wiring import Alarm, Wiring
from .register_block import RegisterBlock
from .ticks import Ticks

IR, TCR, TC, PR, PC, MCR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
MR = (0x18, 0x1C, 0x20, 0x24)
EMR, CTCR = 0x3C, 0x70
TCR_ENABLE, TCR_RESET = 1, 2
MCR_INTERRUPT, MCR_RESET, MCR_STOP = 1, 2, 4
NS = 1_000_000_000


class Lpc17Timer(RegisterBlock):
    """One timer with four match registers; capture and counter mode are not modelled."""

    def __init__(self, wiring: Wiring, irq: int, clock: str) -> None:
        super().__init__()
        self._clocks = wiring.clocks
        self._clock = clock
        self._irq = wiring.interrupts.line(irq)
        self._alarm = Alarm(wiring.timeline, self._due)
        self._poller = wiring.poller()
        self._ticks = Ticks(wiring.timeline, wiring.clocks[clock])
        self._count = 0
        wiring.clocks.listeners.append(self._clock_changed)

    def reset(self) -> None:
        """Stop at 0."""
        super().reset()
        self._alarm.cancel()
        self._restart()
        self._irq.set(level=False)

    def read_word(self, offset: int) -> int:
        """Return a register; TC as of now."""
        if offset == IR and self._alarm.due_ns is not None:
            self._poller.fruitless(self._alarm.due_ns)
        return self._settle() if offset == TC else super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; it counts from this moment on."""
        self._poller.progress()
        self._settle()
        if offset == IR:
            self.words[IR] = self.words[IR] & ~value
        elif offset == TC:
            self._count = value
        else:
            self.words[offset] = value
            if offset == TCR and value & TCR_RESET:
                self._restart()
        self._plan()
        self._irq.set(level=bool(self.words[IR]))

    def _restart(self) -> None:
        self._count = 0
        self._ticks.restart()

    @property
    def _counts(self) -> bool:
        return self.words[TCR] & 3 == TCR_ENABLE and not self.words[CTCR] & 3

    @property
    def _clocks_per_count(self) -> int:
        return self.words[PR] + 1

    def _settle(self) -> int:
        ticks = self._ticks.take(self._clocks_per_count, running=self._counts)
        self._count = (self._count + ticks) & 0xFFFF_FFFF
        return self._count

    def _plan(self) -> None:
        self._alarm.cancel()
        control = self.words[MCR]
        distances = [
            (self.words[offset] - self._count) & 0xFFFF_FFFF or 1 << 32
            for channel, offset in enumerate(MR)
            if control >> 3 * channel & 7
        ]
        if self._counts and distances:
            self._alarm.set(self._ticks.moment(min(distances), self._clocks_per_count))

    def _due(self) -> None:
        count = self._settle()
        control = self.words[MCR]
        for channel, offset in enumerate(MR):
            actions = control >> 3 * channel & 7
            if not actions or self.words[offset] != count:
                continue
            if actions & MCR_INTERRUPT:
                self.words[IR] = self.words[IR] | 1 << channel
            if actions & MCR_STOP:
                self.words[TCR] &= ~TCR_ENABLE
            if actions & MCR_RESET:
                self._restart()
        self._plan()
        self._irq.set(level=bool(self.words[IR]))

    def _clock_changed(self) -> None:
        self._settle()
        self._ticks.hz = self._clocks[self._clock]
        self._plan()


WDMOD, WDTC, WDFEED, WDTV = 0x00, 0x04, 0x08, 0x0C
WDMOD_WDEN, WDMOD_WDRESET, WDMOD_WDTOF, WDMOD_WDINT = 1, 2, 4, 8
WATCHDOG_HZ = 1_000_000  # the 4 MHz oscillator by its fixed prescaler of 4


class Lpc17Watchdog(RegisterBlock):
    """The watchdog: fed with 0xAA, 0x55."""

    resets: ClassVar = {WDTC: 0xFF, WDTV: 0xFF}

    def __init__(self, wiring: Wiring, irq: int, expire: Callable[[], None]) -> None:
        super().__init__()
        self._timeline = wiring.timeline
        self._irq = wiring.interrupts.line(irq)
        self._expire = expire
        self._alarm = Alarm(wiring.timeline, self._due)
        self._feeding = False

    def reset(self) -> None:
        """Stop."""
        super().reset()
        self._alarm.cancel()
        self._irq.set(level=False)

    def read_word(self, offset: int) -> int:
        """Return a register; WDTV counts down."""
        if offset == WDTV and self._alarm.due_ns is not None:
            return (self._alarm.due_ns - self._timeline.now_ns) * WATCHDOG_HZ // NS
        return super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register; WDEN and WDRESET can only be set."""
        if offset == WDMOD:
            sticky = self.words[WDMOD] & (WDMOD_WDEN | WDMOD_WDRESET)
            self.words[WDMOD] = value & (WDMOD_WDEN | WDMOD_WDRESET | WDMOD_WDTOF) | sticky
        elif offset == WDTC:
            self.words[WDTC] = max(value, 0xFF)
        elif offset == WDFEED:
            if self._feeding and value & 0xFF == 0x55 and self.words[WDMOD] & WDMOD_WDEN:
                delay = self.words[WDTC] * NS // WATCHDOG_HZ
                self._alarm.set(self._timeline.now_ns + delay)
            self._feeding = value & 0xFF == 0xAA

    def _due(self) -> None:
        self.words[WDMOD] |= WDMOD_WDTOF | WDMOD_WDINT
        if self.words[WDMOD] & WDMOD_WDRESET:
            self._expire()
        else:
            self._irq.set(level=True)
