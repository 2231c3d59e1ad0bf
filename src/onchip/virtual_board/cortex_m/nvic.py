"""Nested Vectored Interrupt Controller: who is pending, enabled, active, and how urgent.

Exceptions are numbers (``ExceptionNumber``); interrupt *n* is 16 + *n*. A smaller priority is more
urgent; Reset, NMI and HardFault have the fixed priorities -3, -2 and -1. Sources: DDI 0403 B1.5.4
and B3.4, DDI 0419 B1.5.3 and B3.4.
"""

from __future__ import annotations

from onchip.arch import scs
from onchip.arch.scs import ExceptionNumber

from .profile import CoreProfile

_FIXED = {ExceptionNumber.RESET: -3, ExceptionNumber.NMI: -2, ExceptionNumber.HARD_FAULT: -1}
IDLE_PRIORITY = 256
"""Execution priority of thread mode with nothing masked: below every exception."""


class Nvic:
    """Pending, enabled and active exceptions and their priorities."""

    def __init__(self, profile: CoreProfile) -> None:
        self._profile = profile
        self.count = 16 + profile.irqs
        self._lines: set[int] = set()
        self.reset()

    def reset(self) -> None:
        """Return to the state after a system reset; lines that are high pend again."""
        self.pending: set[int] = set()
        self.enabled: set[int] = set(range(16))
        self.active: set[int] = set()
        self.priorities = bytearray(256 + 16)
        self.prigroup = 0
        self._group_mask = 0xFF if self._profile.armv6m else 0xFE
        self.active_priority = IDLE_PRIORITY
        self.pending |= self._lines
        self.newly_pending = False
        """Something became pending since the core looked (SCR.SEVONPEND)."""

    # ---- urgency --------------------------------------------------------------------------------

    def set_prigroup(self, prigroup: int) -> None:
        """Take AIRCR.PRIGROUP: bits above it in a priority decide about preemption."""
        if not self._profile.armv6m:
            self.prigroup = prigroup
            self._group_mask = 0xFF << (prigroup + 1) & 0xFF
            self._refresh()

    def priority(self, exception: int) -> int:
        """Return the whole priority of ``exception``."""
        fixed = _FIXED.get(exception)  # type: ignore[call-overload]
        return self.priorities[exception] if fixed is None else int(fixed)

    def group_priority(self, exception: int) -> int:
        """Return the part of the priority that decides about preemption."""
        priority = self.priority(exception)
        return priority if priority < 0 else priority & self._group_mask

    def masked_priority(self, primask: int, basepri: int, faultmask: int) -> int:
        """Return the execution priority: that of the active exceptions, raised by the masks."""
        priority = self.active_priority
        basepri &= self._profile.priority_mask
        if basepri:
            priority = min(priority, basepri & self._group_mask)
        if primask & 1:
            priority = min(priority, 0)
        if faultmask & 1:
            priority = min(priority, -1)
        return priority

    def best_pending(self) -> int | None:
        """Return the most urgent exception that is pending and enabled, or None."""
        best, best_priority = None, IDLE_PRIORITY
        for exception in self.pending:
            if exception in self.enabled:
                priority = self.priority(exception)
                if priority < best_priority or (priority == best_priority and exception < best):  # type: ignore[operator]
                    best, best_priority = exception, priority
        return best

    # ---- transitions ----------------------------------------------------------------------------

    def set_line(self, exception: int, *, level: bool) -> bool:
        """Drive an interrupt line; return whether the exception became pending just now."""
        if not level:
            self._lines.discard(exception)
            return False
        if exception in self._lines:
            return False
        self._lines.add(exception)
        return self.pend(exception)

    def pend(self, exception: int) -> bool:
        """Make ``exception`` pending; return whether it was not before."""
        if exception >= self.count or exception in self.pending:
            return False
        self.pending.add(exception)
        self.newly_pending = True
        return True

    def unpend(self, exception: int) -> None:
        """Clear the pending state; a line that is still high keeps an inactive one pending."""
        if exception not in self._lines or exception in self.active:
            self.pending.discard(exception)

    def activate(self, exception: int) -> None:
        """Note that the handler of ``exception`` begins."""
        self.pending.discard(exception)
        self.active.add(exception)
        self._refresh()

    def deactivate(self, exception: int) -> None:
        """Note that the handler of ``exception`` has ended; a high line pends it again."""
        self.active.discard(exception)
        if exception in self._lines:
            self.pend(exception)
        self._refresh()

    def clear_active(self) -> None:
        """Forget every active exception (VECTCLRACTIVE)."""
        self.active.clear()
        self._refresh()

    def set_active(self, exception: int, *, active: bool) -> None:
        """Change one active bit (SHCSR)."""
        if active:
            self.active.add(exception)
        else:
            self.active.discard(exception)
        self._refresh()

    def _refresh(self) -> None:
        self.active_priority = min((self.group_priority(e) for e in self.active), default=256)

    # ---- registers ------------------------------------------------------------------------------

    def read(self, address: int) -> int:
        """Return a word of the NVIC's registers (0xE000_E100 to 0xE000_E7FF)."""
        if address >= scs.NVIC_IPR:
            first = 16 + (address - scs.NVIC_IPR)
            return int.from_bytes(self.priorities[first : first + 4], "little")
        bank = address & 0x380
        first = 16 + (address & 0x3C) * 8
        chosen = {0x100: self.enabled, 0x180: self.enabled, 0x200: self.pending}
        chosen |= {0x280: self.pending, 0x300: self.active}
        members = chosen.get(bank, set())
        if address & 0x40 or (bank == 0x300 and self._profile.armv6m):
            return 0
        return sum(1 << i for i in range(32) if first + i in members)

    def write(self, address: int, value: int) -> None:
        """Write a word of the NVIC's registers."""
        if address >= scs.NVIC_IPR:
            for i in range(4):
                self.write_priority(16 + address - scs.NVIC_IPR + i, value >> 8 * i)
            return
        if address & 0x40:
            return
        first = 16 + (address & 0x3C) * 8
        chosen = [first + i for i in range(32) if value >> i & 1 and first + i < self.count]
        match address & 0x380:
            case 0x100:
                self.enabled.update(chosen)
            case 0x180:
                self.enabled.difference_update(chosen)
            case 0x200:
                for exception in chosen:
                    self.pend(exception)
            case 0x280:
                for exception in chosen:
                    self.unpend(exception)

    def write_priority(self, exception: int, value: int) -> None:
        """Set the priority byte of one exception; bits that do not exist stay 0."""
        if exception < self.count:
            self.priorities[exception] = value & self._profile.priority_mask
            self._refresh()
