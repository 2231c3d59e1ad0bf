"""A piece of a firmware image."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """``data`` to be placed at ``address``. ``label`` names where it stands in the file."""

    address: int
    data: bytes
    label: str = ""

    @property
    def end(self) -> int:
        """The first address after the segment."""
        return self.address + len(self.data)

    def __str__(self) -> str:
        name = f"{self.label} " if self.label else ""
        return f"{name}0x{self.address:08X}-0x{self.end - 1:08X}"
