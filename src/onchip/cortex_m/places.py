"""A breakpoint as it is set: where, how it is made, who wants it; and all of one core."""

from __future__ import annotations

from collections.abc import Iterator
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

    def __repr__(self) -> str:
        return f"<Breakpoint {self.address:#010x}, {self.kind.value}>"


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
    def address(self) -> int:
        """Return where it is."""
        return self.breakpoint.address

    @property
    def kind(self) -> BreakpointKind:
        """Return how it is made now."""
        return self.breakpoint.kind

    def move(self, kind: BreakpointKind) -> None:
        """Take note that it is made in another way now."""
        self.breakpoint = Breakpoint(self.address, kind)


class Places:
    """The breakpoints of one core by address, those among them that are on their way out."""

    def __init__(self) -> None:
        self._by_address: dict[int, Place] = {}

    def __len__(self) -> int:
        return len(self._by_address)

    def __iter__(self) -> Iterator[Place]:
        return iter(list(self._by_address.values()))

    def __getitem__(self, address: int) -> Place:
        return self._by_address[address]

    def get(self, address: int) -> Place | None:
        """Return the place at ``address``, if there is one; bit 0, the Thumb bit, is dropped."""
        return self._by_address.get(address & ~1)

    def add(self, breakpoint: Breakpoint, *, movable: bool) -> Place:
        """Take in a breakpoint that nobody holds yet."""
        place = self._by_address[breakpoint.address] = Place(breakpoint, movable)
        return place

    def drop(self, address: int) -> None:
        """Take note that there is none at ``address`` any more."""
        del self._by_address[address]

    def made(self, kind: BreakpointKind) -> list[Place]:
        """Return those made in that way, wanted or not."""
        return [place for place in self if place.kind is kind]
