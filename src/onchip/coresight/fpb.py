"""Drive the Flash Patch and Breakpoint unit (ARMv7-M C1.11), or ARMv6-M's Breakpoint Unit (C1.9).

FPBv1 compares bits [28:2] and chooses the halfwords by REPLACE; it reaches the Code region only.
FPBv2 compares any address. Breakpoints on both halves of a word share one comparator of FPBv1.
"""

from __future__ import annotations

from collections.abc import Collection

from ..arch.fpb import FP_COMP, FP_COMP0, FP_COMP_V2, FP_CTRL
from ..dap import Transfers
from ..errors import BreakpointError
from .mem_ap import MemAp

_CODE_END = 0x2000_0000
_LOWER, _UPPER = 1, 2


class Fpb:
    """The breakpoint comparators of one core.

    Comparators are chosen and remembered here; nothing is sent before it is emitted.
    """

    def __init__(self, ap: MemAp) -> None:
        self.ap = ap
        self.count = 0
        self.version = 1
        self.enabled = False
        self._used: list[set[int]] = []  # the breakpoint addresses on each comparator
        self._others: set[int] = set()  # comparators that other programs have armed

    def configure(self, ctrl: FP_CTRL) -> None:
        """Take in FP_CTRL as it was read: how many comparators, and of which version."""
        self.count = ctrl.NUM_CODE2 << 4 | ctrl.NUM_CODE1
        self.version = 2 if ctrl.REV >= 1 else 1
        self.enabled = bool(ctrl.ENABLE)
        self._used = [set() for _ in range(self.count)]

    @property
    def available(self) -> int:
        """Return how many comparators are unused."""
        return sum(not used for n, used in enumerate(self._used) if n not in self._others)

    def look_around(self) -> None:
        """See, where the probe is shared, which comparators other programs have armed.

        Raises:
            TransferError: the unit did not answer.
        """
        self._others = set()
        if not self.ap.dp.client.has_company:
            return
        batch = self.ap.batch()
        words = [self.ap.queue_read_u32(batch, FP_COMP0 + 4 * n) for n in range(self.count)]
        batch.run()
        for number, word in enumerate(words):
            if word.value & 1 and not self._used[number]:
                self._others.add(number)

    def unreachable(self, address: int) -> str | None:
        """Say why no comparator could ever watch ``address``; None if one can."""
        if self.count == 0:
            return "this core has no breakpoint comparators"
        if self.version == 1 and address >= _CODE_END:
            return (
                f"the comparators of this core (FPB version 1) reach only addresses below "
                f"{_CODE_END:#010x}"
            )
        return None

    def allocate(self, address: int) -> int:
        """Give ``address`` a comparator and return its number.

        Raises:
            BreakpointError: none can watch it, or all are in use.
        """
        reason = self.unreachable(address)
        if reason is not None:
            raise BreakpointError(f"no hardware breakpoint at {address:#010x}: {reason}")
        number = self._number_for(address)
        if number is None:
            raise BreakpointError(
                f"no hardware breakpoint at {address:#010x}: "
                f"all {self.count} comparators are in use",
                hint="remove one first",
            )
        self._used[number].add(address)
        return number

    def has_room(self, address: int) -> bool:
        """Return whether a comparator is left for ``address``."""
        return self._number_for(address) is not None

    def _number_for(self, address: int) -> int | None:
        if self.version == 1:
            for number, used in enumerate(self._used):
                if any(other & ~3 == address & ~3 for other in used):
                    return number
        free = [n for n, used in enumerate(self._used) if not used and n not in self._others]
        if not free:
            return None
        # other debuggers begin with the first, and do not look whose it is
        return free[-1] if self.ap.dp.client.is_shared else free[0]

    def release(self, address: int) -> int:
        """Take ``address`` off its comparator and return the comparator's number."""
        number = self.number(address)
        self._used[number].discard(address)
        return number

    def number(self, address: int) -> int:
        """Return the comparator that watches ``address``."""
        return next(n for n, used in enumerate(self._used) if address in used)

    def emit_enable(self, t: Transfers) -> None:
        """Switch the unit on, if it is not known to be."""
        if not self.enabled:
            self.ap.emit_write_word(t, FP_CTRL.address, FP_CTRL.build(KEY=1, ENABLE=1))
            self.enabled = True

    def emit_disable(self, t: Transfers) -> None:
        """Switch the unit off."""
        self.ap.emit_write_word(t, FP_CTRL.address, FP_CTRL.build(KEY=1))
        self.enabled = False

    def emit_comparator(self, t: Transfers, number: int, *, lifted: Collection[int] = ()) -> None:
        """Write comparator ``number`` as it is used, leaving out the addresses ``lifted``."""
        addresses = self._used[number] - set(lifted)
        self.ap.emit_write_word(t, FP_COMP0 + 4 * number, self._value(addresses))

    def emit_clear(self, t: Transfers) -> None:
        """Clear every comparator, also what another debugger left there."""
        if self.count:
            self.ap.emit_write(t, FP_COMP0, bytes(4 * self.count))

    def emit_all(self, t: Transfers) -> None:
        """Write the unit anew, as after a reset that may have cleared it."""
        if any(self._used):
            self.enabled = False
            self.emit_enable(t)
            for number in range(self.count):
                self.emit_comparator(t, number)

    def _value(self, addresses: set[int]) -> int:
        if not addresses:
            return 0
        address = min(addresses)
        if self.version == 2:
            return FP_COMP_V2(address & ~1 | 1)
        replace = 0
        for each in addresses:
            replace |= _UPPER if each & 2 else _LOWER
        return FP_COMP.build(ENABLE=1, REPLACE=replace) | address & 0x1FFF_FFFC
