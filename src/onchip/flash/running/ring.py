"""The ring of records in the target's RAM: which places are taken, where the next record goes.

Records follow each other. Where there is no room for the longest one before the end, the next one
starts from the beginning again; so each record knows at once where its successor will be.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .command import Command


@dataclass(frozen=True, slots=True)
class Record:
    """A command with its place, the place of the next, and its number since the upload."""

    number: int
    command: Command
    address: int
    following: int

    @property
    def payload(self) -> int:
        """Address of what follows the header."""
        return self.address + self.command.header_length

    @property
    def end(self) -> int:
        """Address behind the record."""
        return self.address + self.command.length

    def encode(self) -> bytes:
        """Return what has to be written at ``address``."""
        return self.command.encode(self.address, self.following)


class Ring:
    """Places records between ``start`` and ``end``; none is longer than ``longest``."""

    def __init__(self, start: int, end: int, longest: int) -> None:
        self._start, self._end, self._longest = start, end, longest
        self._next = start
        self._placed = 0
        self.outstanding: deque[Record] = deque()

    @property
    def placed(self) -> int:
        """How many records have ever been placed."""
        return self._placed

    @property
    def next(self) -> int:
        """Where the next record will be."""
        return self._next

    def place(self, command: Command) -> Record | None:
        """Give a command its place, or None while that is still taken.

        Raises:
            ValueError: the record is longer than any may be.
        """
        if command.length > self._longest:
            raise ValueError(f"a record of {command.length} bytes in a ring for {self._longest}")
        address = self._next
        end = address + command.length
        following = end if self._end - end >= self._longest else self._start
        if self.outstanding:
            oldest = self.outstanding[0].address
            if address <= oldest and (end > oldest or following == self._start):
                return None
        record = Record(self._placed, command, address, following)
        self._placed += 1
        self._next = following
        self.outstanding.append(record)
        return record

    def release(self, done: int) -> list[Record]:
        """Free the places of all records below number ``done``, and return these."""
        freed = []
        while self.outstanding and self.outstanding[0].number < done:
            freed.append(self.outstanding.popleft())
        return freed
