"""Timers of STM32F4 (RM0090, sections 17 to 20): the time base, and compare flags.

TIM1 to TIM14 share this model: prescaler, counter, auto-reload, update event, one-pulse mode, and
the compare flags CC1IF to CC4IF. Capture, PWM pins and chaining are not modelled.
"""

from __future__ import annotations

from typing import ClassVar

from ..wiring import Alarm, Wiring
from .register_block import RegisterBlock
from .ticks import Ticks

CR1, DIER, SR, EGR = 0x00, 0x0C, 0x10, 0x14
CNT, PSC, ARR = 0x24, 0x28, 0x2C
CCR = (0x34, 0x38, 0x3C, 0x40)
CR1_CEN, CR1_UDIS, CR1_URS, CR1_OPM = 1 << 0, 1 << 1, 1 << 2, 1 << 3
SR_UIF = 1 << 0
EGR_UG = 1 << 0
INTERRUPTS = 0x1F
"""UIE and CC1IE to CC4IE of DIER, at the places of their flags in SR."""


class Stm32Timer(RegisterBlock):
    """One timer. The counter is not stepped: it is computed from the time when asked for.

    Only what may interrupt (or stop) it is an event on the timeline, so that a PWM that nobody
    looks at costs nothing.
    """

    duplicate_narrow_writes: ClassVar = True

    def __init__(
        self,
        wiring: Wiring,
        irqs: list[int],
        clock: str,
        width: int,
        channels: int,
    ) -> None:
        super().__init__({ARR: (1 << width) - 1})
        self._mask = (1 << width) - 1
        self._clocks = wiring.clocks
        self._clock = clock
        self._irqs = [wiring.interrupts.line(number) for number in irqs]
        self._channels = CCR[:channels]
        self._alarm = Alarm(wiring.timeline, self._due)
        self._poller = wiring.poller()
        self._ticks = Ticks(wiring.timeline, wiring.clocks[clock])
        self._prescaler = 0
        self._count = 0
        wiring.clocks.listeners.append(self._clock_changed)

    def reset(self) -> None:
        """Stop and go back to the reset values."""
        super().reset()
        self._alarm.cancel()
        self._prescaler = self._count = 0
        self._ticks.restart()
        self._update_irq()

    def read_word(self, offset: int) -> int:
        """Return a register, counter and flags as of now."""
        if offset == CNT:
            self._settle()
            return self._count
        if offset == SR:
            self._settle()
            if self._counts:
                self._poller.fruitless(self._moment(self._distance()))
        return super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register. Changes count from this moment on."""
        self._poller.progress()
        self._settle()
        if offset == SR:
            self.words[SR] &= value
        elif offset == EGR:
            if value & EGR_UG:
                self._count = 0
                self._ticks.restart()
                self._update(by_software=True)
        elif offset == CNT:
            self._count = value & self._mask
        elif offset in (ARR, *self._channels):
            self.words[offset] = value & self._mask
        else:
            self.words[offset] = value & 0xFFFF
        self._plan()
        self._update_irq()

    # ---- counting --------------------------------------------------------------------------------

    @property
    def _counts(self) -> bool:
        return bool(self.words[CR1] & CR1_CEN and self.words[ARR])

    @property
    def _top(self) -> int:
        """The value after which the counter starts again."""
        reload = self.words[ARR]
        return reload if self._count <= reload else self._mask

    def _moment(self, ticks: int) -> int:
        """Return when ``ticks`` will have passed since the last settling."""
        return self._ticks.moment(ticks, self._prescaler + 1)

    def _distance(self) -> int:
        """Return the ticks to the next compare match or update."""
        targets = [self._top + 1]
        targets += [n for n in map(self.words.__getitem__, self._channels) if n > self._count]
        return min(targets) - self._count

    def _settle(self) -> None:
        """Bring counter and flags up to now."""
        ticks = self._ticks.take(self._prescaler + 1, running=self._counts)
        if ticks:
            self._advance(ticks)

    def _advance(self, ticks: int) -> None:
        top, period = self._top, self.words[ARR] + 1
        reached = self._count + ticks
        self._match(self._count + 1, min(reached, top))
        if reached <= top:
            self._count = reached
            return
        periods, self._count = divmod(reached - top - 1, period)
        self._match(0, period - 1 if periods else self._count)
        self._update(by_software=False)

    def _match(self, first: int, last: int) -> None:
        """Set the compare flags of the counts from ``first`` to ``last``."""
        for number, offset in enumerate(self._channels):
            if first <= self.words[offset] <= last:
                self.words[SR] |= 2 << number

    def _update(self, *, by_software: bool) -> None:
        """Do an update event: the prescaler is taken over, UIF set, a single pulse ends."""
        control = self.words[CR1]
        if control & CR1_OPM and not by_software:
            self.words[CR1] = control & ~CR1_CEN
            self._count = 0
        if control & CR1_UDIS:
            return
        self._prescaler = self.words[PSC]
        if not (by_software and control & CR1_URS):
            self.words[SR] |= SR_UIF

    def _plan(self) -> None:
        """Set the alarm for the next match or update, if anything but a flag hangs on it."""
        self._alarm.cancel()
        pending = self.words[PSC] != self._prescaler or self.words[CR1] & CR1_OPM
        if self._counts and (pending or self.words[DIER] & INTERRUPTS):
            self._alarm.set(self._moment(self._distance()))

    def _due(self) -> None:
        self._settle()
        self._plan()
        self._update_irq()

    def _clock_changed(self) -> None:
        self._settle()
        self._ticks.hz = self._clocks[self._clock]
        self._plan()

    def _update_irq(self) -> None:
        active = self.words[SR] & self.words[DIER] & INTERRUPTS
        for line in self._irqs:
            line.set(level=bool(active))
