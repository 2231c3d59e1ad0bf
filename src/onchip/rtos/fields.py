"""The members of a control block that a kernel's reader looks at, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onchip.symbols.layouts import Layout

FAR = 640
"""Members further inside a control block are not read with it: newlib's ``_reent`` is long."""


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes from the start of the control block."""

    offset: int
    size: int = 4
    is_signed: bool = False


class Fields:
    """Members by the reader's own names for them."""

    def __init__(self, places: Mapping[str, Place]) -> None:
        self._places = dict(places)

    @classmethod
    def from_layout(
        cls, layout: Layout | None, paths: Mapping[str, str], needed: Iterable[str]
    ) -> Fields | None:
        """Look members up; ``paths`` are like ``base.prio``, or several of them: ``new|old``.

        None if there is no structure, or a ``needed`` one is missing in it.
        """
        if layout is None:
            return None
        places = {}
        for name, path in paths.items():
            found = (layout.find(each) for each in path.split("|"))
            member = next((member for member in found if member is not None), None)
            if member is not None and member.offset < FAR:
                places[name] = Place(member.offset, member.size, member.is_signed)
        return cls(places) if places.keys() >= set(needed) else None

    def __contains__(self, name: str) -> bool:
        return name in self._places

    @property
    def length(self) -> int:
        """The bytes of a control block that have all members."""
        return max((place.offset + place.size for place in self._places.values()), default=0)

    def offset(self, name: str) -> int:
        """Return where the member begins."""
        return self._places[name].offset

    def raw(self, block: bytes, name: str) -> bytes:
        """Return the member's bytes; none if there is no such member."""
        place = self._places.get(name)
        return b"" if place is None else block[place.offset : place.offset + place.size]

    def get(self, block: bytes, name: str) -> int | None:
        """Return the member as a number; None if there is no such member."""
        place = self._places.get(name)
        if place is None or not place.size:
            return None
        data = block[place.offset : place.offset + place.size]
        return int.from_bytes(data, "little", signed=place.is_signed)

    def number(self, block: bytes, name: str) -> int:
        """Return the member as a number; 0 if there is no such member."""
        return self.get(block, name) or 0
