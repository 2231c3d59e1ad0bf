"""Memory as a kernel reader sees it: many places in one round trip, and none that bites.

A pointer in a damaged kernel may lead anywhere. Only RAM, ROM and flash are read: a peripheral may
change by being read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from onchip.cortex_m.core import Core
from onchip.dap import Batch
from onchip.errors import TransferError
from onchip.target.memory_map import MemoryMap, RegionKind

Range = tuple[int, int]
"""An address and a length in bytes."""


class MemoryView(Protocol):
    """What kernel readers read through."""

    def read(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range, in one round trip; None for what cannot be read."""

    def room(self, address: int) -> int:
        """Return how many bytes of memory there are from ``address`` on; 0: there is none."""


class CoreView:
    """The memory of a core."""

    def __init__(self, core: Core, memory_map: MemoryMap) -> None:
        self._memory = core.memory
        self._map = memory_map
        self._aboard: Callable[[Batch], None] | None = None

    def take_aboard(self, queue: Callable[[Batch], None]) -> None:
        """Let ``queue`` add what it needs to the batch of the next read."""
        self._aboard = queue

    def read(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range, in one round trip; None for what cannot be read.

        Raises:
            ProbeError: the probe is gone.
        """
        good = [length <= self.room(address) for address, length in ranges]
        batch = self._memory.batch()
        results = [
            self._memory.queue_read(batch, *each) if fine else None
            for each, fine in zip(ranges, good, strict=True)
        ]
        if self._aboard is not None:
            self._aboard(batch)
        if any(good) or self._aboard is not None:
            self._aboard = None
            try:
                batch.run()
            except TransferError:
                return [
                    self._read_one(*each) if fine else None
                    for each, fine in zip(ranges, good, strict=True)
                ]
        return [None if result is None else result.value for result in results]

    def room(self, address: int) -> int:
        """Return how many bytes of memory there are from ``address`` on; 0: there is none."""
        region = self._map.find(address)
        if region is None or region.kind is RegionKind.DEVICE:
            return 0
        return region.end - address

    def _read_one(self, address: int, length: int) -> bytes | None:
        try:
            return self._memory.read(address, length)
        except TransferError:
            return None


_LONGEST_NAME = 32


def read_names(view: MemoryView, addresses: Iterable[int]) -> dict[int, str]:
    """Read the strings at ``addresses`` in one round trip; the null pointer has none."""
    wanted = sorted(set(addresses) - {0})
    ranges = [(at, min(_LONGEST_NAME, view.room(at))) for at in wanted]
    found = view.read(ranges) if ranges else []
    return {at: text(data or b"") for at, data in zip(wanted, found, strict=True)}


def word(data: bytes, offset: int) -> int:
    """Return the little-endian word at ``offset``."""
    return int.from_bytes(data[offset : offset + 4], "little")


def text(data: bytes) -> str:
    """Return the string that ends with a zero byte, or with ``data``; "" if it is not text."""
    name = data.split(b"\0", 1)[0].decode("utf-8", "replace")
    return name if name.isprintable() else ""
