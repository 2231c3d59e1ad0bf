"""How the functions of an algorithm are called: the rungs of a ladder, from the fastest down."""

from __future__ import annotations

from enum import Enum


class Rung(Enum):
    """One way to call them; what breaks one may spare the next (ADR 0017)."""

    STREAM = "stream"
    """A driver on the target works off a ring, which the host fills meanwhile."""
    DOUBLE = "double"
    """No driver: one call at a time, and the next page travels while it runs."""
    SINGLE = "single"
    """No driver, and nothing travels while a function runs."""

    @property
    def depth(self) -> int:
        """How far down it is."""
        return list(Rung).index(self)

    def __str__(self) -> str:
        return _WORDS[self]


_WORDS = {
    Rung.STREAM: "a stream of pages to a driver on the chip",
    Rung.DOUBLE: "double-buffered calls",
    Rung.SINGLE: "single calls",
}
