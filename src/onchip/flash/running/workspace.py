"""Where everything lies in the target's RAM while algorithms run."""

from __future__ import annotations

from dataclasses import dataclass

from onchip.errors import AlgorithmError

from ..algorithm import FlashAlgorithm
from . import driver
from .command import HEADER_LENGTH

PREFERRED_CHUNK = 4096
"""Bytes that one record programs: much less than the RAM holds, much more than its header."""
_RECORDS_WANTED = 4
_OUR_STACK = 128
"""Bytes of stack, if only our own functions are called."""
_LEAST_ROOM = 256
"""Bytes that a record can hold, however small the pages: answers of sums have to get on."""
_WINDOWS = (0x8000, 0x4000, 0x2000, 0x1000)


@dataclass(frozen=True, slots=True)
class Workspace:
    """The places of driver, algorithm, guarded stack, CRC table, window and ring.

    ``chunk`` bytes, a multiple of the algorithm's page, are programmed by one record; the longest
    record has ``longest`` bytes. Packed pages are unpacked into the ``window``, which may be empty.
    """

    start: int
    algorithm: int
    crc_table: int
    guard: int
    stack_top: int
    window: int
    ring: int
    end: int
    chunk: int
    longest: int

    @property
    def mailbox(self) -> int:
        """Address of the mailbox."""
        return self.start + driver.MAILBOX

    @property
    def room(self) -> int:
        """Bytes of payload that every record may have."""
        return self.longest - HEADER_LENGTH

    @property
    def capacity(self) -> int:
        """Bytes of records, however long each, that fit the ring together; one always does."""
        return max(0, self.end - self.ring - 2 * self.longest)

    @classmethod
    def lay_out(
        cls, start: int, length: int, algorithm: FlashAlgorithm | None, *, crcs: bool = False
    ) -> Workspace:
        """Divide ``length`` bytes of RAM from ``start``; ``crcs``: with a table for these.

        Raises:
            AlgorithmError: it does not fit.
        """
        end = (start + length) & ~7
        page = 256 if algorithm is None else algorithm.device.page_size
        at = _align(start, 16)
        place = at
        if algorithm is not None:
            if start <= algorithm.link_address < end:
                place = algorithm.link_address  # linked for this very place: perhaps not movable
            at = _align(place + len(algorithm.blob), 16)
        table = _align(at + driver.code_length(), 16)
        guard = table + (driver.CRC_TABLE_LENGTH if crcs else 0)
        stack = 2048 if length >= 0x8000 else 1024 if length >= 0x2000 else 512
        if algorithm is None:
            stack = _OUR_STACK
        stack_top = guard + driver.GUARD_LENGTH + stack
        free = end - stack_top
        fitting = (w for w in _WINDOWS if 2 * page <= w <= free // 3)
        window = 0 if algorithm is None else next(fitting, 0)
        free -= window
        chunk = _chunk(page, free)
        longest = _align(HEADER_LENGTH + max(chunk, _LEAST_ROOM), 8)
        if longest > free:
            raise AlgorithmError(
                f"an algorithm with pages of {page} bytes needs "
                f"{stack_top - start + longest} bytes of RAM, {length} may be used"
            )
        return cls(
            start=at,
            algorithm=place,
            crc_table=table,
            guard=guard,
            stack_top=stack_top,
            window=stack_top,
            ring=stack_top + window,
            end=end,
            chunk=chunk,
            longest=longest,
        )


def _chunk(page: int, free: int) -> int:
    """Return the bytes of one record: whole pages, and several such records in the ring."""
    most = max(1, PREFERRED_CHUNK // page)
    for pages in range(most, 1, -1):
        if _RECORDS_WANTED * (HEADER_LENGTH + pages * page) <= free:
            return pages * page
    return page


def _align(value: int, to: int) -> int:
    return (value + to - 1) // to * to
