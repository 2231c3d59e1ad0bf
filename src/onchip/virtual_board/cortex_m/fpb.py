"""Flash Patch and Breakpoint unit (v1) and the Breakpoint Unit of ARMv6-M.

Sources: DDI 0403 C1.11, DDI 0419 C1.9. Comparators match code below 0x2000_0000 only. Remapping is
not modelled: FP_REMAP reads as unsupported (RMPSPT = 0) and such comparators match nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.arch.fpb import FP_COMP, FP_CTRL

from .profile import CoreProfile


class Fpb:
    """Hardware breakpoints. ``changed`` is called when ``addresses`` may have."""

    def __init__(self, profile: CoreProfile, changed: Callable[[], None]) -> None:
        self._code = profile.fpb_code
        self._literal = 0 if profile.armv6m else profile.fpb_literal
        self._armv6m = profile.armv6m
        self._changed = changed
        self.addresses: frozenset[int] = frozenset()
        """Where the core has to stop, with the unit enabled."""
        self._enabled = False
        self._comparators = [0] * (self._code + self._literal)

    def power_on_reset(self) -> None:
        """Return to the state after power-on; other resets leave the unit alone."""
        self._enabled = False
        self._comparators = [0] * (self._code + self._literal)
        self._refresh()

    def read(self, offset: int) -> int:
        """Return a register of the unit."""
        if offset == 0:
            return FP_CTRL.build(
                ENABLE=self._enabled,
                NUM_CODE1=self._code & 0xF,
                NUM_CODE2=self._code >> 4,
                NUM_LIT=self._literal,
            )
        index = (offset - 8) // 4
        if offset >= 8 and index < len(self._comparators):
            return self._comparators[index]
        return 0

    def write(self, offset: int, value: int) -> None:
        """Write a register of the unit."""
        if offset == 0:
            control = FP_CTRL(value)
            if control.KEY:
                self._enabled = control.ENABLE
                self._refresh()
            return
        index = (offset - 8) // 4
        if offset >= 8 and index < len(self._comparators):
            self._comparators[index] = value & 0xDFFF_FFFD
            self._refresh()

    def _refresh(self) -> None:
        found = set()
        for value in self._comparators[: self._code] if self._enabled else ():
            comparator = FP_COMP(value)
            if comparator.ENABLE:
                address = comparator.COMP << 2
                if comparator.REPLACE & 1:
                    found.add(address)
                if comparator.REPLACE & 2:
                    found.add(address + 2)
        if found != self.addresses:
            self.addresses = frozenset(found)
            self._changed()
