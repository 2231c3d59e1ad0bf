"""How much of a stack was ever used, by the fill pattern that a kernel paints it with.

What was never used lies at the low end. It is read in growing pieces, those of all threads in one
round trip, and each no further than to the first byte that is not the pattern.
"""

from __future__ import annotations

from collections.abc import Sequence

from onchip.rtos.memory_view import MemoryView
from onchip.rtos.thread import StackArea, StackUse

_FIRST, _GROWTH, _LONGEST = 256, 4, 64 * 1024
_LOOK = 8
_SENTINEL = 4
"""Some kernels mark the very end of a stack with a word of their own."""


class StackGauge:
    """Measures stacks, and remembers what it found."""

    def __init__(self, view: MemoryView) -> None:
        self._view = view
        self._clean: dict[StackArea, int] = {}

    def measure(
        self, stacks: Sequence[tuple[StackArea, int | None]], *, anew: bool
    ) -> list[StackUse]:
        """Measure stacks; with each comes the thread's stack pointer, None if it is not known.

        Without ``anew``, a stack that was measured before is measured again only where the paint is
        gone at its very end or at the old mark: 16 bytes for each, since GDB asks at every stop.
        """
        known = [] if anew else [area for area, _ in stacks if self._clean.get(area, 0) > _LOOK]
        unpainted = [] if anew else [area for area, _ in stacks if self._clean.get(area) == 0]
        places = [(area, at) for area in known for at in self._marks(area)]
        looks = self._view.read([(at, _LOOK) for _, at in places]) if places else []
        gone = {
            area
            for (area, _), data in zip(places, looks, strict=True)
            if data is None or data.strip(bytes((area.fill,)))
        }
        good = {*known, *unpainted} - gone
        missing = [(area, pointer) for area, pointer in stacks if area not in good]
        for (area, _), clean in zip(missing, _measure(self._view, missing), strict=True):
            self._clean[area] = clean
        return [_use(area, pointer, self._clean[area]) for area, pointer in stacks]

    def _marks(self, area: StackArea) -> tuple[int, int]:
        return area.base + _SENTINEL, area.base + self._clean[area] - _LOOK


def _measure(view: MemoryView, stacks: Sequence[tuple[StackArea, int | None]]) -> list[int]:
    """Return how many bytes of each stack were never used."""
    clean = [0] * len(stacks)
    unfinished = set(range(len(stacks)))
    length = _FIRST
    while unfinished and length <= _LONGEST:
        wanted = sorted(unfinished)
        ranges = [_next(view, *stacks[n], clean[n], length) for n in wanted]
        for n, data in zip(wanted, view.read(ranges), strict=True):
            same = _untouched(data or b"", stacks[n][0].fill, first=not clean[n])
            clean[n] += same
            if not data or same < len(data) or len(data) < length:
                unfinished.discard(n)
        length *= _GROWTH
    return clean


def _next(
    view: MemoryView, area: StackArea, pointer: int | None, done: int, length: int
) -> tuple[int, int]:
    """Return what to read next: not past where the stack is in use, or ends."""
    start = area.base + done
    ends = [end for end in (pointer, area.end) if end is not None and end >= start]
    limit = min([start + length, start + view.room(start), *ends])
    return start, limit - start


def _untouched(data: bytes, fill: int, *, first: bool) -> int:
    """Count the bytes at the start that were never used; a kernel's mark there does not count."""
    pattern = bytes((fill,))
    same = len(data) - len(data.lstrip(pattern))
    if same or not first:
        return same
    rest = data[_SENTINEL:]
    same = len(rest) - len(rest.lstrip(pattern))
    return same + _SENTINEL if same >= _SENTINEL else 0


def _use(area: StackArea, pointer: int | None, clean: int) -> StackUse:
    size = None if area.end is None else area.end - area.base
    untouched = clean or None
    if size is None:
        return StackUse(area.base, None, None, None, untouched)
    used = None if pointer is None else (area.end or 0) - pointer
    most = None if untouched is None else max(size - untouched, used or 0)
    return StackUse(area.base, size, used, most, untouched)
