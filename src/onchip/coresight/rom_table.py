"""Skeleton."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .memory import Memory


@dataclass(slots=True)
class Component:
    """One CoreSight component, or a ROM table with its children."""

    address: int
    cidr: int
    pidr: int
    devarch: int
    devtype: int
    component_class: int
    designer: str
    part: int
    name: str
    children: list[Component] = field(default_factory=list)
    problem: str = ""

    def __iter__(self) -> Iterator[Component]:
        """Go through this component and everything below it, depth first."""
        yield self
        for child in self.children:
            yield from child


def walk(ap: Memory, base: int | None = None) -> Component:
    """Read the ROM table of an AP and everything it names; the root is the AP's own table."""
    raise NotImplementedError
