"""Memory as a kernel reader sees it: many places in one round trip, and none that bites.

A pointer in a damaged kernel may lead anywhere. Only RAM, ROM and flash are read: a peripheral may
change by being read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Protocol

from onchip.cortex_m.core import Core
from onchip.dap import Batch
from onchip.errors import TransferError
from onchip.target.memory_map import MemoryMap, RegionKind

Range = tuple[int, int]
"""An address and a length in bytes."""

_GAP = 16
_MOST = 32 * 1024
"""Bytes that are fetched ahead at most."""


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
        good = [(address, n) for address, n in ranges if 0 < n <= self.room(address)]
        pieces = self._read_pieces(_joined(good))
        return [_cut(pieces, address, length) for address, length in ranges]

    def _read_pieces(self, pieces: Sequence[Range]) -> dict[int, bytes]:
        """Read a few long pieces; where one does not answer, each by itself."""
        if not pieces and self._aboard is None:
            return {}
        batch = self._memory.batch()
        results = [self._memory.queue_read(batch, *piece) for piece in pieces]
        if self._aboard is not None:  # behind the reads: what follows registers waits for them
            self._aboard(batch)
            self._aboard = None
        try:
            batch.run()
            found = [result.value for result in results]
        except TransferError:
            found = [self._read_one(*piece) for piece in pieces]
        return {address: data for (address, _), data in zip(pieces, found, strict=True) if data}

    def room(self, address: int) -> int:
        """Return how many bytes of memory there are from ``address`` on; 0: there is none."""
        region = self._map.find(address)
        if region is None or region.kind is RegionKind.DEVICE:
            return 0
        return region.end - address

    def _read_one(self, address: int, length: int) -> bytes:
        """Read what can be read from ``address`` on."""
        try:
            return self._memory.read(address, length)
        except TransferError as error:
            answered = 0 if error.address is None else error.address - address
            return self._memory.read(address, answered) if 0 < answered < length else b""


def _joined(ranges: Sequence[Range]) -> list[Range]:
    """Make one range of those that overlap, or lie so near that two cost more than the gap."""
    joined: list[Range] = []
    for address, length in sorted(set(ranges)):
        start, known = joined[-1] if joined else (0, -_GAP - 1)
        if address <= start + known + _GAP:
            joined[-1] = (start, max(known, address + length - start))
        else:
            joined.append((address, length))
    return joined


def _cut(pieces: Mapping[int, bytes], address: int, length: int) -> bytes | None:
    if length <= 0:
        return None
    for start, data in pieces.items():
        if start <= address and address + length <= start + len(data):
            return data[address - start : address - start + length]
    return None


class RepeatedView:
    """A view for walks that are much like the last one: its first read fetches what that one read.

    A kernel's threads seldom change, so the second walk takes one round trip, and one more for what
    is new. What was fetched is good until `begin` is called again.
    """

    def __init__(self, view: MemoryView) -> None:
        self._view = view
        self._known: dict[int, bytes | None] = {}
        self._wanted: dict[int, int] = {}
        self._ahead: list[Range] = []

    def begin(self, ranges: Sequence[Range] = ()) -> None:
        """Begin a walk that will need ``ranges`` too."""
        ahead = [*ranges, *self._wanted.items()]
        lengths = accumulate(length for _, length in ahead)
        self._ahead = [each for each, sum_ in zip(ahead, lengths, strict=True) if sum_ <= _MOST]
        self._known, self._wanted = {}, {}

    def read(self, ranges: Sequence[Range]) -> list[bytes | None]:
        """Return the bytes of each range, in one round trip at most."""
        for address, length in ranges:
            self._wanted[address] = max(length, self._wanted.get(address, 0))
        if any(self._lacks(*each) for each in ranges):
            fresh = {a: n for a, n in [*self._ahead, *ranges] if self._lacks(a, n)}
            self._ahead = []
            data = self._view.read(list(fresh.items()))
            self._known.update(zip(fresh, data, strict=True))
        found = [self._known[address] for address, _ in ranges]
        return [
            None if data is None else data[:length]
            for data, (_, length) in zip(found, ranges, strict=True)
        ]

    def room(self, address: int) -> int:
        """Return how many bytes of memory there are from ``address`` on; 0: there is none."""
        return self._view.room(address)

    def _lacks(self, address: int, length: int) -> bool:
        data = self._known.get(address, b"")
        return address not in self._known or (data is not None and len(data) < length)


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
