"""Data watchpoints of a core, by the DWT; what cannot be watched is refused and says why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..arch.dwt import DWT_FUNCTION
from ..coresight import MemAp
from ..coresight.dwt import Dwt
from ..dap import Batch, Element, Transfers
from ..errors import UsageError, WatchpointError


@dataclass(frozen=True, slots=True)
class Watchpoint:
    """A watchpoint that is set. ``access``: "read", "write" or "access" (either)."""

    address: int
    length: int
    access: str


class WatchpointManager:
    """The watchpoints of a core."""

    def __init__(self, ap: MemAp, dwt: Dwt) -> None:
        self._ap = ap
        self._dwt = dwt
        self._watchpoints: list[Watchpoint] = []

    def __repr__(self) -> str:
        return f"<WatchpointManager: {len(self)} set, {self.available} comparators left>"

    def __iter__(self) -> Iterator[Watchpoint]:
        return iter(list(self._watchpoints))

    def __len__(self) -> int:
        return len(self._watchpoints)

    @property
    def available(self) -> int:
        """Return how many watchpoints are left."""
        return self._dwt.available

    def set(self, address: int, length: int, access: str = "write") -> Watchpoint:
        """Watch ``length`` bytes at ``address``; setting it again returns the one that is there.

        Raises:
            UsageError: not an address.
            WatchpointError: ``length`` is no power of two or too long, ``address`` is no multiple
            of
                it, or no comparator is left.
            TransferError: the debug hardware did not answer.
        """
        if not 0 <= address < 1 << 32:
            raise UsageError(f"{address:#x} is not an address")
        watchpoint = Watchpoint(address, length, access)
        for existing in self._watchpoints:
            if existing == watchpoint:
                return existing
        number = self._dwt.allocate(address, length, access)
        try:
            mask = self._write(number)
            if not self._dwt.accepts(number, mask):
                raise WatchpointError(
                    f"no watchpoint on {length} bytes at {address:#010x}: the comparator does not "
                    f"take that length",
                    hint=f"this core watches at most {1 << self._dwt.mask_bits} bytes",
                )
        except BaseException as error:
            self._dwt.release(address, length, access)
            if isinstance(error, WatchpointError):
                self._write(number)
            raise
        self._watchpoints.append(watchpoint)
        return watchpoint

    def _write(self, number: int) -> Element | None:
        batch = self._ap.batch()
        mask: list[Element | None] = []

        def emit(t: Transfers) -> None:
            t.barrier()
            mask.append(self._dwt.emit_comparator(t, number))

        batch.add(emit)
        batch.run()
        return mask[0]

    def remove(self, address: int, length: int, access: str = "write") -> None:
        """Remove a watchpoint, named as it was set.

        Raises:
            WatchpointError: there is none like that.
            TransferError: the debug hardware did not answer.
        """
        watchpoint = Watchpoint(address, length, access)
        if watchpoint not in self._watchpoints:
            raise WatchpointError(
                f"there is no {access} watchpoint on {length} bytes at {address:#010x}"
            )
        number = self._dwt.release(address, length, access)
        assert number is not None
        self._watchpoints.remove(watchpoint)
        self._write(number)

    def clear(self) -> None:
        """Remove all watchpoints, in one batch.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        if not self._watchpoints:
            return
        for watchpoint in self._watchpoints:
            self._dwt.release(watchpoint.address, watchpoint.length, watchpoint.access)
        self._watchpoints.clear()
        batch = self._ap.batch()
        batch.add(self._dwt.emit_clear)
        batch.run()

    def queue_disarm(self, batch: Batch) -> None:
        """Queue: make the comparators match nothing, until `queue_rearm`."""
        batch.add(self._dwt.emit_clear)

    def queue_rearm(self, batch: Batch) -> None:
        """Queue: write the comparators anew after a reset that may have cleared them."""
        batch.add(self._dwt.emit_all)

    def hit(self) -> Watchpoint | None:
        """Return the watchpoint that matched last; reading that makes the comparators forget it.

        Raises:
            TransferError: the debug hardware did not answer.
        """
        if not self._watchpoints:
            return None
        batch = self._ap.batch()
        found: list[tuple[tuple[int, int, str], Element]] = []
        batch.add(lambda t: found.extend(self._dwt.emit_read_matched(t)))
        batch.run()
        for used, element in found:
            if DWT_FUNCTION(element.word()).MATCHED:
                return Watchpoint(*used)
        return None
