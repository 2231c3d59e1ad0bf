"""Skeleton."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watchpoint:
    """A watchpoint that is set. ``access``: "read", "write" or "access"."""

    address: int
    length: int
    access: str


class WatchpointManager:
    """The data watchpoints of a core (DWT)."""

    def set(self, address: int, length: int, access: str = "write") -> Watchpoint:
        """Set a watchpoint; WatchpointError says why it cannot be."""
        raise NotImplementedError

    def remove(self, address: int, length: int, access: str = "write") -> None: raise NotImplementedError
    def clear(self) -> None: raise NotImplementedError

    @property
    def available(self) -> int: raise NotImplementedError
    def __iter__(self) -> Iterator[Watchpoint]: raise NotImplementedError
    def __len__(self) -> int: raise NotImplementedError
