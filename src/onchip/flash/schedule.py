"""How a job is cut into lists: what goes together, how long it may take, how far it has come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onchip.target.memory_map import Sector

from .algorithm import DeviceType, FlashAlgorithm
from .planner import RegionPlan, Write
from .progress import Phase, Progress, ProgressCallback
from .segment import Segment

INIT_TIMEOUT_S = 5.0
FIRST_CHUNK = 1024
"""Bytes that are worth a list of their own, to have the flash at work soon."""
_MARGIN = 2.0
_SLACK_S = 0.5
_SMALL_SECTOR = 8192
_SMALL_SECTORS_A_LIST = 8


class Meter:
    """Counts one phase for the caller's progress callback."""

    def __init__(self, callback: ProgressCallback, phase: Phase, total: int) -> None:
        self._callback, self._phase, self._total = callback, phase, total
        self._done = 0
        if total:
            callback(Progress(phase, 0, total))

    def __call__(self, count: int) -> None:
        """Add ``count`` bytes to what is done."""
        if count:
            self._done = min(self._done + count, self._total)
            self._callback(Progress(self._phase, self._done, self._total))


def uncounted(_count: int) -> None:
    """Count for nobody."""


def readable(algorithm: FlashAlgorithm) -> bool:
    """Say whether the flash can be read without the algorithm's help."""
    return algorithm.device.type in (DeviceType.ON_CHIP, DeviceType.UNKNOWN)


def expected_content(plan: RegionPlan) -> list[Segment]:
    """What has to be there: the plan's own view, or all blank where the job only erases."""
    if plan.pieces or not plan.erase_all:
        return plan.expected()
    blank = bytes([plan.algorithm.device.erased_value])
    return [Segment(s.start, blank * s.size) for s in plan.region.all_sectors()]


def erased_length(plan: RegionPlan) -> int:
    """Return how many bytes the plan erases."""
    return plan.region.length if plan.erase_all else sum(sector.size for sector in plan.erase)


def erase_timeout(algorithm: FlashAlgorithm, sectors: int) -> float:
    """Return how long erasing that many sectors may take, in seconds."""
    return (algorithm.device.erase_timeout_s + _SLACK_S) * _MARGIN * sectors


def groups(sectors: Sequence[Sector]) -> Iterator[list[Sector]]:
    """Put some small sectors, or one large one, into each list: so progress shows now and then."""
    group: list[Sector] = []
    for sector in sectors:
        if group and (sector.size > _SMALL_SECTOR or len(group) == _SMALL_SECTORS_A_LIST):
            yield group
            group = []
        group.append(sector)
    if group:
        yield group


def chunks(writes: Sequence[Write], page: int, most: int) -> Iterator[tuple[int, bytes]]:
    """Join blocks that follow each other, up to ``most`` bytes; cut those that are longer.

    Chunks begin small and end small: the flash has nothing to do until the first one has arrived,
    nor the wire once the last one has. In between each is up to twice as long as the one before,
    and half of what is left. All are cut at multiples of ``page``.
    """
    least = -(-FIRST_CHUNK // page) * page
    left = sum(len(write.data) for write in writes)
    longest = limit = min(least, most)
    start, data = 0, b""
    for write in writes:
        content, address = write.data, write.address
        while content:
            if data and (start + len(data) != address or len(data) >= limit):
                yield start, data
                left -= len(data)
                longest = min(2 * longest, most)
                limit = min(longest, max(least, left // 2 // page * page))
                data = b""
            if not data:
                start = address
            room = limit - len(data)
            data += content[:room]
            address += min(room, len(content))
            content = content[room:]
    if data:
        yield start, data


def program_timeout(algorithm: FlashAlgorithm, pages: int) -> float:
    """Return how long programming that many pages may take, in seconds."""
    return (algorithm.device.program_timeout_s + _SLACK_S) * _MARGIN * pages
