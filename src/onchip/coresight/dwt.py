"""Drive the data watchpoints of the DWT (ARMv7-M C1.8, ARMv6-M C1.8, ARMv8-M D1.2.68).

Up to ARMv7-M a comparator watches an aligned block of a power-of-two length, by MASK; which lengths
it can do is found out by writing. In ARMv8-M a comparator alone watches 1, 2 or 4 bytes.

A data value is compared by a comparator with DATAVMATCH, which ARMv7-M has and only in some of them
(comparator 1 of Cortex-M3 and M4); the address is compared by another one, which it names.
"""

from __future__ import annotations

from dataclasses import dataclass

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
_USUAL_VALUE_COMPARATOR = 1  # left to the last, since on most cores no other compares values


@dataclass(frozen=True, slots=True)
class Watch:
    """What one comparator watches: an aligned block, or with ``address_of`` a value.

    ``value`` is compared on accesses within the block of comparator ``address_of``; without
    ``access`` a comparator only lends its block to such a one.
    """

    address: int
    length: int
    access: str | None
    value: int | None = None
    address_of: int | None = None


class Dwt:
    """The watchpoint comparators of one core; they need DEMCR.TRCENA."""

    def __init__(self, ap: MemAp) -> None:
        self.ap = ap
        self.count = 0
        self.armv8 = False
        self.mask_bits = _ASSUMED_MASK_BITS
        self._used: list[Watch | None] = []
        self._others: set[int] = set()  # comparators that other programs have armed

    def configure(self, ctrl: DWT_CTRL, *, armv8: bool) -> None:
        """Take in DWT_CTRL as it was read."""
        self.count = ctrl.NUMCOMP
        self.armv8 = armv8
        self._used = [None] * self.count

    @property
    def available(self) -> int:
        """Return how many comparators are unused."""
        return len(self.free())

    def look_around(self) -> None:
        """See, where the probe is shared, which comparators other programs have armed.

        Raises:
            TransferError: the unit did not answer.
        """
        self._others = set()
        if not self.ap.dp.client.has_company:
            return
        batch = self.ap.batch()
        numbers = range(self.count)
        words = [self.ap.queue_read_u32(batch, DWT_FUNCTION0 + DWT_STRIDE * n) for n in numbers]
        batch.run()
        for number, word in enumerate(words):
            function = DWT_FUNCTION(word.value)
            if self._used[number] is not None or not function.FUNCTION:
                continue
            self._others.add(number)
            if function.DATAVMATCH:
                self._others |= {function.DATAVADDR0, function.DATAVADDR1}

    @property
    def longest(self) -> int:
        """Return how many bytes one comparator watches at the most."""
        return 4 if self.armv8 else 1 << self.mask_bits

    def free(self, *, for_value: bool = False) -> list[int]:
        """Return the numbers of the unused comparators, those first that suit best."""
        unused = (number for number, used in enumerate(self._used) if used is None)
        free = [number for number in unused if number not in self._others]
        if self.ap.dp.client.is_shared:
            free.reverse()  # other debuggers begin with the first, and do not look whose it is
        usual = _USUAL_VALUE_COMPARATOR
        return sorted(free, key=lambda number: (number == usual) != for_value)

    def take(self, number: int, watch: Watch) -> None:
        """Give comparator ``number`` something to watch; nothing is sent yet."""
        self._used[number] = watch

    def release(self, number: int) -> None:
        """Free comparator ``number``; nothing is sent yet."""
        self._used[number] = None

    def watch_of(self, number: int) -> Watch | None:
        """Return what comparator ``number`` watches."""
        return self._used[number]

    # ---- emitters

    def emit_comparator(self, t: Transfers, number: int) -> Element | None:
        """Write comparator ``number`` as it is used; return what `accepts` judges by."""
        base = DWT_STRIDE * number
        used = self._used[number]
        self.ap.emit_write_word(t, DWT_FUNCTION0 + base, 0)
        if used is None:
            return None
        if used.address_of is not None:
            return self._emit_value(t, base, used)
        self.ap.emit_write_word(t, DWT_COMP0 + base, used.address)
        size = used.length.bit_length() - 1
        if self.armv8:
            assert used.access is not None
            function = DWT_FUNCTION_V8.build(
                MATCH=_FUNCTION_V8[used.access], ACTION=_ACTION_DEBUG_EVENT, DATAVSIZE=size
            )
            self.ap.emit_write_word(t, DWT_FUNCTION0 + base, function)
            return None
        self.ap.emit_write_word(t, DWT_MASK0 + base, size)
        mask = self.ap.emit_read_word(t, DWT_MASK0 + base)
        if used.access is not None:
            function_v7 = DWT_FUNCTION.build(FUNCTION=_FUNCTION[used.access])
            self.ap.emit_write_word(t, DWT_FUNCTION0 + base, function_v7)
        return mask

    def _emit_value(self, t: Transfers, base: int, used: Watch) -> Element:
        assert used.value is not None
        assert used.address_of is not None
        assert used.access is not None
        lanes = 4 // used.length  # a byte or halfword is compared in every lane
        value = int.from_bytes(used.value.to_bytes(used.length, "little") * lanes, "little")
        self.ap.emit_write_word(t, DWT_COMP0 + base, value)
        function = DWT_FUNCTION.build(
            FUNCTION=_FUNCTION[used.access],
            DATAVMATCH=1,
            DATAVSIZE=used.length.bit_length() - 1,
            DATAVADDR0=used.address_of,
            DATAVADDR1=used.address_of,
        )
        self.ap.emit_write_word(t, DWT_FUNCTION0 + base, function)
        return self.ap.emit_read_word(t, DWT_FUNCTION0 + base)

    def accepts(self, number: int, read_back: Element | None) -> bool:
        """Return whether the comparator took what it was given; remember what it cannot."""
        used = self._used[number]
        if read_back is None or used is None:
            return True
        if used.address_of is not None:
            return bool(DWT_FUNCTION(read_back.word()).DATAVMATCH)
        got = read_back.word() & _MASK_ALL
        if got == used.length.bit_length() - 1:
            return True
        self.mask_bits = min(self.mask_bits, got)
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

    def emit_read_matched(self, t: Transfers) -> list[tuple[int, Element]]:
        """Read DWT_FUNCTIONn of each comparator that halts; MATCHED clears by being read."""
        return [
            (number, self.ap.emit_read_word(t, DWT_FUNCTION0 + DWT_STRIDE * number))
            for number, used in enumerate(self._used)
            if used is not None and used.access is not None
        ]


def check_access(what: str, access: str) -> None:
    """Refuse an access that there is not.

    Raises:
        WatchpointError: it is none of ``ACCESSES``.
    """
    if access not in ACCESSES:
        raise WatchpointError(f"{what}: access is one of {', '.join(ACCESSES)}, not {access!r}")
