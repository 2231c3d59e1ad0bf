"""A breakpoint as it is set: where, how it is made, who wants it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .owners import Holders


class BreakpointKind(Enum):
    """How a breakpoint is made."""

    AUTO = "auto"
    HARDWARE = "hardware"
    SOFTWARE = "software"
    FLASH = "flash"


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """A breakpoint that is set; ``kind`` is HARDWARE, SOFTWARE or FLASH, never AUTO."""

    address: int
    kind: BreakpointKind


@dataclass(slots=True)
class Place:
    """A breakpoint, and who wants it; without holders it is on its way out.

    ``movable``: nobody asked for the way it is made. ``hit`` orders places by when the core last
    stopped there.
    """

    breakpoint: Breakpoint
    movable: bool
    hit: int = 0
    holders: Holders = field(default_factory=Holders)

    @property
    def kind(self) -> BreakpointKind:
        """Return how it is made now."""
        return self.breakpoint.kind
