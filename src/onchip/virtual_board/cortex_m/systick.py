"""SysTick: a 24-bit down counter. Sources: DDI 0403 B3.3, DDI 0419 B3.3.

The counter is not counted: what is kept is the cycle at which it reaches 0 next.
"""

from __future__ import annotations

from .profile import CoreProfile

ENABLE, TICKINT, CLKSOURCE, COUNTFLAG = 1 << 0, 1 << 1, 1 << 2, 1 << 16


class SysTick:
    """The system timer of a core. All times are cycles of the core."""

    def __init__(self, profile: CoreProfile) -> None:
        self._calibration = profile.systick_calibration
        self._divider = profile.systick_reference_divider
        self.reset()

    def reset(self) -> None:
        """Return to the state after a system reset."""
        self._control = 0 if self._divider else CLKSOURCE
        self._reload = 0
        self._counted_to_zero = False
        self.deadline: int | None = None
        """Cycle of the next 1 -> 0 transition, or None if there will be none."""
        self._held = 0  # counter value while there is no deadline
        self._frozen: int | None = None

    def _scale(self) -> int:
        return 1 if self._control & CLKSOURCE else max(1, self._divider)

    def poll(self, now: int) -> bool:
        """Take note of transitions up to ``now``; return whether the exception becomes pending."""
        if self.deadline is None or now < self.deadline:
            return False
        self._counted_to_zero = True
        if self._reload:
            period = (self._reload + 1) * self._scale()
            self.deadline += (now - self.deadline) // period * period + period
        else:
            self.deadline = None
            self._held = 0
        return bool(self._control & TICKINT)

    def freeze(self, now: int) -> None:
        """Stop counting: the core enters Debug state. ``poll`` comes first."""
        if self.deadline is not None:
            self._frozen = self.deadline - now
            self.deadline = None

    def thaw(self, now: int) -> None:
        """Count on: the core leaves Debug state."""
        if self._frozen is not None:
            self.deadline = now + self._frozen
            self._frozen = None

    def value(self, now: int) -> int:
        """Return SYST_CVR."""
        if self._frozen is not None:
            left = self._frozen
        elif self.deadline is not None:
            left = self.deadline - now
        else:
            return self._held
        ticks = -(-left // self._scale())
        return 0 if ticks > self._reload else ticks

    def read(self, offset: int, now: int, *, debugger: bool) -> int:
        """Return SYST_CSR, RVR, CVR or CALIB (offset 0, 4, 8, 12)."""
        match offset:
            case 0:
                value = self._control | (COUNTFLAG if self._counted_to_zero else 0)
                if not debugger:  # C1.3.1: a debugger's read leaves COUNTFLAG alone
                    self._counted_to_zero = False
                return value
            case 4:
                return self._reload
            case 8:
                return self.value(now)
            case _:
                return self._calibration

    def write(self, offset: int, value: int, now: int) -> None:
        """Write SYST_CSR, RVR or CVR."""
        match offset:
            case 0:
                self._write_control(value, now)
            case 4:
                self._reload = value & 0xFF_FFFF
            case 8:
                self._counted_to_zero = False
                self._held = 0
                if self._control & ENABLE:
                    self._start(0, now)

    def _write_control(self, value: int, now: int) -> None:
        new = value & (ENABLE | TICKINT | CLKSOURCE)
        if not self._divider:
            new |= CLKSOURCE
        if (new ^ self._control) & (ENABLE | CLKSOURCE):
            current = self.value(now)
            self._control = new
            self._held = current
            self.deadline = self._frozen = None
            if new & ENABLE:
                self._start(current, now)
        self._control = new

    def _start(self, current: int, now: int) -> None:
        """Count down from ``current``; 0 reloads at the next tick."""
        self._frozen = None
        ticks = current if current else self._reload + 1
        if not current and not self._reload:
            self.deadline = None
            return
        self.deadline = now + ticks * self._scale()
