"""Skeleton."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class BreakpointKind(Enum):
    """How a breakpoint is made."""

    AUTO = "auto"
    HARDWARE = "hardware"
    SOFTWARE = "software"


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """A breakpoint that is set; ``kind`` is HARDWARE or SOFTWARE, never AUTO."""

    address: int
    kind: BreakpointKind


class BreakpointManager:
    """The breakpoints of a core, hardware and software."""

    def set(self, address: int, kind: BreakpointKind = BreakpointKind.AUTO) -> Breakpoint:
        """Set a breakpoint; setting it again returns the one that is there.

        Raises:
            BreakpointError: no comparator is left or can reach ``address``, or it is not RAM.
        """
        raise NotImplementedError

    def remove(self, address: int) -> None:
        """Remove the breakpoint at ``address``; BreakpointError if there is none."""
        raise NotImplementedError

    def clear(self) -> None:
        """Remove all."""
        raise NotImplementedError

    @property
    def available(self) -> int:
        """Return how many hardware breakpoints are left."""
        raise NotImplementedError

    def find(self, address: int) -> Breakpoint | None: raise NotImplementedError
    def __iter__(self) -> Iterator[Breakpoint]: raise NotImplementedError
    def __len__(self) -> int: raise NotImplementedError
