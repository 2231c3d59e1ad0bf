"""Drive the data watchpoints of the DWT (ARMv7-M C1.8, ARMv6-M C1.8, ARMv8-M D1.2.68).

Up to ARMv7-M a comparator watches an aligned block of a power-of-two length, by MASK; which lengths
it can do is found out by writing. In ARMv8-M a comparator alone watches 1, 2 or 4 bytes.
"""

from __future__ import annotations

from ..arch.dwt import (
    DWT_COMP0,
    DWT_CTRL,
    DWT_FUNCTION,
    DWT_FUNCTION0,
    DWT_FUNCTION_V8,
    DWT_MASK0,
    DWT_STRIDE,
    Function,
)
from ..dap import Element, Transfers
from ..errors import WatchpointError
from .mem_ap import MemAp

ACCESSES = ("read", "write", "access")
_FUNCTION = {"read": Function.READ, "write": Function.WRITE, "access": Function.READ_WRITE}
_FUNCTION_V8 = {"access": 0b0100, "write": 0b0101, "read": 0b0110}
_ACTION_DEBUG_EVENT = 0b01
_MASK_ALL = 0x1F
_ASSUMED_MASK_BITS = 15  # 32 KiB, what ARMv7-M parts commonly have


class Dwt:
    """The watchpoint comparators of one core; they need DEMCR.TRCENA."""

    def __init__(self, ap: MemAp) -> None:
        self.ap = ap
        self.count = 0
        self.armv8 = False
        self.mask_bits = _ASSUMED_MASK_BITS
        self._used: list[tuple[int, int, str] | None] = []

    def configure(self, ctrl: DWT_CTRL, *, armv8: bool) -> None:
        """Take in DWT_CTRL as it was read."""
        self.count = ctrl.NUMCOMP
        self.armv8 = armv8
        self._used = [None] * self.count

    @property
    def available(self) -> int:
        """Return how many comparators are unused."""
        return self._used.count(None)

    def check(self, address: int, length: int, access: str) -> None:
        """Refuse what no comparator could watch.

        Raises:
            WatchpointError: with the reason.
        """
        what = f"no watchpoint on {length} bytes at {address:#010x}"
        if access not in ACCESSES:
            raise WatchpointError(f"{what}: access is one of {', '.join(ACCESSES)}, not {access!r}")
        if self.count == 0:
            raise WatchpointError(f"{what}: this core has no watchpoint comparators")
        if length < 1 or length & (length - 1):
            raise WatchpointError(
                f"{what}: a comparator watches a power of two",
                hint=f"watch {1 << max(length, 1).bit_length()} bytes, or use several",
            )
        if address % length:
            raise WatchpointError(
                f"{what}: the address must be a multiple of the length",
                hint=f"the block around it starts at {address & ~(length - 1):#010x}",
            )
        largest = 4 if self.armv8 else 1 << self.mask_bits
        if length > largest:
            raise WatchpointError(f"{what}: a comparator of this core watches at most {largest}")

    def allocate(self, address: int, length: int, access: str) -> int:
        """Give the watchpoint a comparator and return its number.

        Raises:
            WatchpointError: it cannot be watched, or all comparators are in use.
        """
        self.check(address, length, access)
        for number, used in enumerate(self._used):
            if used is None:
                self._used[number] = address, length, access
                return number
        raise WatchpointError(
            f"no watchpoint at {address:#010x}: all {self.count} comparators are in use",
            hint="remove one first",
        )

    def release(self, address: int, length: int, access: str) -> int | None:
        """Free the watchpoint's comparator and return its number; None if there is none."""
        wanted = address, length, access
        if wanted not in self._used:
            return None
        number = self._used.index(wanted)
        self._used[number] = None
        return number

    def emit_comparator(self, t: Transfers, number: int) -> Element | None:
        """Write comparator ``number`` as it is used; return what to read MASK back from."""
        base = DWT_STRIDE * number
        used = self._used[number]
        self.ap.emit_write_word(t, DWT_FUNCTION0 + base, 0)
        if used is None:
            return None
        address, length, access = used
        self.ap.emit_write_word(t, DWT_COMP0 + base, address)
        if self.armv8:
            function = DWT_FUNCTION_V8.build(
                MATCH=_FUNCTION_V8[access],
                ACTION=_ACTION_DEBUG_EVENT,
                DATAVSIZE=length.bit_length() - 1,
            )
            self.ap.emit_write_word(t, DWT_FUNCTION0 + base, function)
            return None
        self.ap.emit_write_word(t, DWT_MASK0 + base, length.bit_length() - 1)
        mask = self.ap.emit_read_word(t, DWT_MASK0 + base)
        function_v7 = DWT_FUNCTION.build(FUNCTION=_FUNCTION[access])
        self.ap.emit_write_word(t, DWT_FUNCTION0 + base, function_v7)
        return mask

    def accepts(self, number: int, mask: Element | None) -> bool:
        """Return whether the comparator took the length; remember what it cannot."""
        used = self._used[number]
        if mask is None or used is None:
            return True
        wanted = used[1].bit_length() - 1
        got = mask.word() & _MASK_ALL
        if got == wanted:
            return True
        self.mask_bits = min(self.mask_bits, max(got, 0))
        return False

    def emit_clear(self, t: Transfers) -> None:
        """Disable every comparator, also what another debugger left there.

        Until it is known how many there are, four are written: ARMv7-M has no more, and writes to
        what is not there are ignored.
        """
        for number in range(self.count or 4):
            self.ap.emit_write_word(t, DWT_FUNCTION0 + DWT_STRIDE * number, 0)

    def emit_all(self, t: Transfers) -> None:
        """Write all comparators anew, as after a reset that may have cleared them."""
        for number, used in enumerate(self._used):
            if used is not None:
                self.emit_comparator(t, number)

    def emit_read_matched(self, t: Transfers) -> list[tuple[tuple[int, int, str], Element]]:
        """Read DWT_FUNCTIONn of each watchpoint; MATCHED clears by being read."""
        return [
            (used, self.ap.emit_read_word(t, DWT_FUNCTION0 + DWT_STRIDE * number))
            for number, used in enumerate(self._used)
            if used is not None
        ]
