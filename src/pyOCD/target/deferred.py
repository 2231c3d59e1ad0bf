"""Reads that are begun now and fetched later, so that many share a round trip."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Protocol

from onchip.errors import OnchipError, UsageError


class ReadMode(IntEnum):
    """The modes of versions before 0.6."""

    READ_START = 1
    READ_NOW = 2
    READ_END = 3


READ_START = ReadMode.READ_START
READ_NOW = ReadMode.READ_NOW
READ_END = ReadMode.READ_END


class _Memory(Protocol):
    def batch(self) -> Any: ...
    def queue_read(self, batch: Any, address: int, length: int) -> Any: ...


class DeferredReads:
    """Collects reads of memory; the first that is fetched carries all of them out, in order."""

    def __init__(self, memory: _Memory) -> None:
        self._memory = memory
        self._batch: Any = None
        self._started: deque[tuple[tuple[int, int], Callable[[], int]]] = deque()

    def begin(self, address: int, length: int) -> Callable[[], int]:
        """Begin a read of ``length`` bytes; the function that is returned fetches its value.

        The function raises TransferError if the read failed.
        """
        if self._batch is None:
            self._batch = self._memory.batch()
        mine = self._batch
        result = self._memory.queue_read(mine, address, length)

        def fetch() -> int:
            if self._batch is mine:
                self.flush()
            return int.from_bytes(result.value, "little")

        return fetch

    def start(self, address: int, length: int) -> None:
        """Begin a read that `end` fetches."""
        self._started.append(((address, length), self.begin(address, length)))

    def end(self, address: int, length: int) -> int:
        """Return the value of the read that was started first.

        Raises:
            UsageError: none was started, or another one first.
            TransferError: the read failed.
        """
        if not self._started or self._started[0][0] != (address, length):
            raise UsageError(
                f"READ_END of {length} bytes at 0x{address:08X} without its READ_START",
                hint="reads are ended in the order in which they were started",
            )
        return self._started.popleft()[1]()

    def flush(self) -> None:
        """Carry out what was begun. What fails is raised where it is fetched."""
        batch, self._batch = self._batch, None
        if batch is not None:
            # what fails is kept by the result that it belongs to
            with contextlib.suppress(OnchipError):
                batch.run()
