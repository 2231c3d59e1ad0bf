"""Data watchpoints of a core, by the DWT; what cannot be watched is refused and says why.

A comparator watches an aligned power of two; any other range is split over several. Each watchpoint
has owners, as breakpoints do: see there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..arch.dwt import DWT_FUNCTION
from ..coresight import MemAp
from ..coresight.dwt import Dwt, Watch, check_access
from ..dap import Batch, Element, Transfers
from ..errors import UsageError, WatchpointError
from .owners import PYTHON, Condition, Holders, PointOwner, Wish, tally

_MOST_LENGTHS = 32
"""How often comparators can turn out to do shorter blocks only."""


@dataclass(frozen=True, slots=True)
class Watchpoint:
    """A watchpoint that is set. ``access``: "read", "write" or "access" (either).

    With ``value`` only accesses that move that value halt.
    """

    address: int
    length: int
    access: str
    value: int | None = None

    def __str__(self) -> str:
        what = f"{self.access} watchpoint on {self.length} bytes at {self.address:#010x}"
        return what if self.value is None else f"{what} for the value {self.value:#x}"

    def __repr__(self) -> str:
        return f"<{str(self).capitalize()}>"


@dataclass(slots=True)
class _Place:
    """Who wants a watchpoint, and which comparators it has; without holders it is on its way out.

    Comparators are shared: watchpoints that overlap may need the same block.
    """

    watchpoint: Watchpoint
    numbers: list[int]
    holders: Holders = field(default_factory=Holders)


def blocks(address: int, length: int, longest: int) -> list[tuple[int, int]]:
    """Cut a range into aligned powers of two of at most ``longest``, as few as will do."""
    end = address + length
    found: list[tuple[int, int]] = []
    while address < end:
        size = min(longest, 1 << ((end - address).bit_length() - 1))
        if address:
            size = min(size, address & -address)
        found.append((address, size))
        address += size
    return found


class WatchpointManager:
    """The watchpoints of a core."""

    def __init__(self, ap: MemAp, dwt: Dwt) -> None:
        self._ap = ap
        self._dwt = dwt
        self._places: dict[Watchpoint, _Place] = {}

    def __repr__(self) -> str:
        return f"<WatchpointManager: {len(self)} set, {self.available} comparators left>"

    def __iter__(self) -> Iterator[Watchpoint]:
        return iter([w for w, place in self._places.items() if place.holders])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def available(self) -> int:
        """Return how many comparators are left."""
        return self._dwt.available

    @property
    def armed(self) -> bool:
        """Return whether anything is in the chip, wanted or not."""
        return bool(self._places)

    # ---- setting

    def set(
        self,
        address: int,
        length: int,
        access: str = "write",
        *,
        value: int | None = None,
        owner: PointOwner = PYTHON,
        condition: Condition | None = None,
        ignore_count: int = 0,
        temporary: bool = False,
    ) -> Watchpoint:
        """Watch ``length`` bytes at ``address``; setting it again replaces what ``owner`` wants.

        Args:
            address: where, of any alignment; several comparators may be needed.
            length: how many bytes.
            access: "read", "write" or "access".
            value: halt only when it is read or written; ``length`` is then 1, 2 or 4, and aligned.
            owner: who wants it.
            condition: called with the halted core; False lets it run on.
            ignore_count: how many hits (that meet the condition) to pass first.
            temporary: once only; it goes when it has stopped the core.

        Raises:
            UsageError: not an address, or a count below 0.
            WatchpointError: it cannot be watched, or too few comparators are left.
            TransferError: the debug hardware did not answer.
        """
        if not 0 <= address < 1 << 32:
            raise UsageError(f"{address:#x} is not an address")
        watchpoint = Watchpoint(address, length, access, value)
        wish = Wish(condition, ignore_count, temporary)
        place = self._places.get(watchpoint)
        if place is None:
            self._check(watchpoint)
            self._dwt.look_around()
            place = self._places[watchpoint] = _Place(watchpoint, self._arm(watchpoint))
        place.holders.add(owner, wish)
        return place.watchpoint

    def _check(self, wanted: Watchpoint) -> None:
        """Refuse what no comparators could watch."""
        what = f"no watchpoint on {wanted.length} bytes at {wanted.address:#010x}"
        check_access(what, wanted.access)
        if self._dwt.count == 0:
            raise WatchpointError(f"{what}: this core has no watchpoint comparators")
        if wanted.length < 1 or wanted.address + wanted.length > 1 << 32:
            raise WatchpointError(f"{what}: it is not a range of addresses")
        if wanted.value is None:
            return
        if self._dwt.armv8:
            raise WatchpointError(f"{what}: values are not compared by this core's DWT")
        if wanted.length not in (1, 2, 4) or wanted.address % wanted.length:
            raise WatchpointError(f"{what}: a value is one aligned byte, halfword or word")
        if not 0 <= wanted.value < 1 << 8 * wanted.length:
            raise WatchpointError(f"{what}: the value {wanted.value:#x} does not fit it")

    def _arm(self, wanted: Watchpoint) -> list[int]:
        """Arm what is needed of comparators, or nothing; return their numbers."""
        numbers: list[int] = []
        try:
            if wanted.value is not None:
                self._arm_value(wanted, numbers)
            else:
                self._arm_range(wanted, numbers)
        except BaseException as error:
            self._free(numbers, send=isinstance(error, WatchpointError))
            raise
        return numbers

    def _arm_range(self, wanted: Watchpoint, numbers: list[int]) -> None:
        for _ in range(_MOST_LENGTHS):
            parts = blocks(wanted.address, wanted.length, self._dwt.longest)
            watches = [Watch(address, size, wanted.access) for address, size in parts]
            if self.available < len(watches) - len(self._shared(watches)):
                self.settle()
            shared = self._shared(watches)
            self._need(wanted, len(watches) - len(shared), of=len(watches))
            numbers += shared
            for watch in watches:
                if self._number_of(watch) is None and not self._try(watch, numbers):
                    break  # the comparators do shorter blocks only, which is known now
            else:
                return
            self._free(numbers, send=True)
            numbers.clear()
        raise WatchpointError(f"no {wanted}: the comparators do not take what they are given")

    def _arm_value(self, wanted: Watchpoint, numbers: list[int]) -> None:
        assert wanted.value is not None
        if self.available < 2:
            self.settle()
        self._need(wanted, 2, of=2)
        block = Watch(wanted.address, wanted.length, None)
        for number in self._dwt.free(for_value=True):
            of = next(n for n in self._dwt.free() if n != number)
            self._dwt.take(of, block)
            watch = Watch(wanted.address, wanted.length, wanted.access, wanted.value, of)
            self._dwt.take(number, watch)
            numbers += [of, number]
            if all(self._dwt.accepts(each, self._write(each)) for each in (of, number)):
                return
            self._free(numbers, send=True)
            numbers.clear()
        raise WatchpointError(
            f"no {wanted}: no free comparator of this core compares values",
            hint="watch without a value, under a condition",
        )

    def _need(self, wanted: Watchpoint, count: int, *, of: int) -> None:
        """Refuse what takes more comparators than there are left."""
        if self.available >= count:
            return
        needs = "" if of == 1 else f"it needs {of} comparators, "
        why = "since each watches an aligned power of two" if wanted.value is None else ""
        if of > self._dwt.count:
            limit = f"and this core has {self._dwt.count}"
            why = ", ".join(filter(None, (why, limit)))
            raise WatchpointError(f"no {wanted}: {needs}{why}", hint="watch less")
        held = tally(place.holders for place in self._places.values() for _ in place.numbers)
        left = f"all {self._dwt.count} comparators are in use"
        if self.available:
            left = f"{self.available} of {self._dwt.count} comparators are left"
        raise WatchpointError(f"no {wanted}: {needs}{left}, {held}", hint="remove one first")

    def _try(self, watch: Watch, numbers: list[int]) -> bool:
        """Give ``watch`` a comparator, and return whether it took the length."""
        number = self._dwt.free()[0]
        self._dwt.take(number, watch)
        numbers.append(number)
        return self._dwt.accepts(number, self._write(number))

    def _number_of(self, watch: Watch) -> int | None:
        """Return the comparator that watches just that already."""
        numbers = range(self._dwt.count)
        return next((n for n in numbers if self._dwt.watch_of(n) == watch), None)

    def _shared(self, watches: list[Watch]) -> list[int]:
        """Return the comparators that watch some of ``watches`` already."""
        return [number for number in map(self._number_of, watches) if number is not None]

    def _free(self, numbers: list[int], *, send: bool) -> None:
        """Free the comparators of ``numbers`` that no watchpoint has; ``send`` writes them too."""
        held = {number for place in self._places.values() for number in place.numbers}
        freed = [number for number in numbers if number not in held]
        for number in freed:
            self._dwt.release(number)
        if freed and send:
            batch = self._ap.batch()

            def emit(t: Transfers) -> None:
                t.barrier()
                for number in freed:
                    self._dwt.emit_comparator(t, number)

            batch.add(emit)
            batch.run()

    def _write(self, number: int) -> Element | None:
        batch = self._ap.batch()
        answer: list[Element | None] = []

        def emit(t: Transfers) -> None:
            t.barrier()
            answer.append(self._dwt.emit_comparator(t, number))

        batch.add(emit)
        batch.run()
        return answer[-1]

    # ---- removing

    def remove(
        self,
        address: int,
        length: int,
        access: str = "write",
        *,
        value: int | None = None,
        owner: PointOwner = PYTHON,
    ) -> None:
        """Remove a watchpoint of ``owner``, named as it was set; others keep theirs.

        Raises:
            WatchpointError: there is none like that of this owner.
            TransferError: the debug hardware did not answer.
        """
        watchpoint = Watchpoint(address, length, access, value)
        place = self._places.get(watchpoint)
        if place is None or place.holders.wish_of(owner) is None:
            raise WatchpointError(f"there is no {watchpoint}")
        place.holders.discard(owner)
        self.settle()

    def let_go(
        self,
        address: int,
        length: int,
        access: str = "write",
        *,
        value: int | None = None,
        owner: PointOwner = PYTHON,
    ) -> None:
        """Want the watchpoint no more; it leaves the chip when the core runs on without it."""
        place = self._places.get(Watchpoint(address, length, access, value))
        if place is not None:
            place.holders.discard(owner)

    def let_go_all(self, owner: PointOwner) -> None:
        """Want none of the watchpoints of ``owner`` any more."""
        for place in self._places.values():
            place.holders.discard(owner)

    def settle(self) -> None:
        """Take comparators back that nobody wants any more, in one batch.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        gone = [w for w, place in self._places.items() if not place.holders]
        if gone:
            self._free([n for w in gone for n in self._places.pop(w).numbers], send=True)

    def clear(self) -> None:
        """Remove all watchpoints of all owners, in one batch.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        if not self._places:
            return
        self._free([n for w in list(self._places) for n in self._places.pop(w).numbers], send=False)
        batch = self._ap.batch()
        batch.add(self._dwt.emit_clear)
        batch.run()

    # ---- for run control

    def queue_disarm(self, batch: Batch) -> None:
        """Queue: make the comparators match nothing, until `queue_rearm`."""
        batch.add(self._dwt.emit_clear)

    def queue_rearm(self, batch: Batch) -> None:
        """Queue: write the comparators anew after a reset that may have cleared them."""
        batch.add(self._dwt.emit_all)

    def hit(self) -> tuple[Watchpoint, Holders] | None:
        """Return the watchpoint that matched last, and who wants it.

        Reading that makes the comparators forget it. One that somebody wants comes first.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        if not self._places:
            return None
        batch = self._ap.batch()
        found: list[tuple[int, Element]] = []
        batch.add(lambda t: found.extend(self._dwt.emit_read_matched(t)))
        batch.run()
        matched = {number for number, element in found if DWT_FUNCTION(element.word()).MATCHED}
        hits = [(w, p.holders) for w, p in self._places.items() if matched & set(p.numbers)]
        return min(hits, key=lambda hit: not hit[1], default=None)
