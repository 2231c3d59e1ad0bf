"""Timers of STM32F4 (RM0090, sections 17 to 20): the time base, and compare flags.

TIM1 to TIM14 share this model: prescaler, counter, auto-reload, update event, one-pulse mode, and
the compare flags CC1IF to CC4IF. Capture, PWM pins and chaining are not modelled.
"""

from __future__ import annotations

from typing import ClassVar

from ..wiring import Alarm, Wiring
from .register_block import RegisterBlock

CR1, DIER, SR, EGR = 0x00, 0x0C, 0x10, 0x14
CNT, PSC, ARR = 0x24, 0x28, 0x2C
CCR = (0x34, 0x38, 0x3C, 0x40)
CR1_CEN, CR1_UDIS, CR1_URS, CR1_OPM = 1 << 0, 1 << 1, 1 << 2, 1 << 3
SR_UIF = 1 << 0
EGR_UG = 1 << 0


class Stm32Timer(RegisterBlock):
    """One timer. The counter is not stepped: it is computed from the time when asked for."""

    resets: ClassVar = {ARR: 0xFFFF_FFFF}
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
        self._timeline = wiring.timeline
        self._irqs = [wiring.interrupts.line(number) for number in irqs]
        self._channels = CCR[:channels]
        self._alarm = Alarm(wiring.timeline, self._due)
        self._poller = wiring.poller()
        self._prescaler = 0
        self._period_start_ns = 0
        self._count = 0
        self._hz = wiring.clocks[clock]
        wiring.clocks.listeners.append(self._clock_changed)

    def reset(self) -> None:
        """Stop and go back to the reset values."""
        super().reset()
        self._alarm.cancel()
        self._prescaler = self._count = 0
        self._update_irq()

    def read_word(self, offset: int) -> int:
        """Return a register, the counter as of now."""
        if offset == CNT:
            return self._counter()
        if offset == SR and self._alarm.due_ns is not None:
            self._poller.fruitless(self._alarm.due_ns)
        return super().read_word(offset)

    def write_word(self, offset: int, value: int) -> None:
        """Write a register. Changes count from this moment on."""
        self._poller.progress()
        self._settle()
        if offset == SR:
            self.words[SR] = self.words[SR] & value
        elif offset == EGR:
            if value & EGR_UG:
                self._update(by_software=True)
        elif offset == CNT:
            self._count = value & self._mask
        elif offset in (ARR, *self._channels):
            self.words[offset] = value & self._mask
        else:
            self.words[offset] = value & 0xFFFF
        self._restart()
        self._update_irq()

    # ---- counting --------------------------------------------------------------------------------

    @property
    def _running(self) -> bool:
        return bool(self.words[CR1] & CR1_CEN)

    def _ns(self, ticks: int) -> int:
        """Return the time of ``ticks``, rounded up: a tick is over when it is over."""
        return -(-ticks * (self._prescaler + 1) * 1_000_000_000 // self._hz)

    def _counter(self) -> int:
        if not self._running:
            return self._count
        elapsed = self._timeline.now_ns - self._period_start_ns
        ticks = elapsed * self._hz // ((self._prescaler + 1) * 1_000_000_000)
        return min(self._count + ticks, max(self._reload, self._count)) & self._mask

    @property
    def _reload(self) -> int:
        return self.words.get(ARR, self._mask)

    def _settle(self) -> None:
        """Fix the counter at its value of now."""
        self._count = self._counter()
        self._period_start_ns = self._timeline.now_ns

    def _restart(self) -> None:
        """Set the alarm for whatever comes next: a compare match or the update."""
        self._alarm.cancel()
        if not self._running or self._reload == 0:
            return
        top = self._reload if self._count <= self._reload else self._mask
        targets = [top + 1]
        targets += [
            value for offset in self._channels if self._count < (value := self.words[offset]) <= top
        ]
        self._alarm.set(self._period_start_ns + self._ns(min(targets) - self._count))

    def _due(self) -> None:
        elapsed = self._timeline.now_ns - self._period_start_ns
        ticks = elapsed * self._hz // ((self._prescaler + 1) * 1_000_000_000)
        reached = self._count + ticks
        self._count = reached
        self._period_start_ns = self._timeline.now_ns
        top = self._reload
        if reached > top:
            self._update(by_software=False)
        for number, offset in enumerate(self._channels):
            if self.words[offset] == self._count and self._count:
                self.words[SR] = self.words[SR] | 2 << number
        self._restart()
        self._update_irq()

    def _update(self, *, by_software: bool) -> None:
        """Do an update event: the counter starts again, the prescaler is taken over."""
        self._count = 0
        control = self.words[CR1]
        if control & CR1_UDIS:
            return
        self._prescaler = self.words[PSC]
        if not (by_software and control & CR1_URS):
            self.words[SR] = self.words[SR] | SR_UIF
        if control & CR1_OPM and not by_software:
            self.words[CR1] = control & ~CR1_CEN

    def _clock_changed(self) -> None:
        self._settle()
        self._hz = self._clocks[self._clock]
        self._restart()

    def _update_irq(self) -> None:
        active = self.words[SR] & self.words[DIER] & 0x1F
        for line in self._irqs:
            line.set(level=bool(active))
