"""A firmware image: bytes and where they go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Format = Literal["elf", "hex", "srec", "uf2", "bin"]


@dataclass(frozen=True, slots=True)
class Segment:
    """``data`` to be placed at ``address``."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """The first address after the segment."""
        return self.address + len(self.data)


@dataclass(frozen=True, slots=True)
class Image:
    """Segments, sorted and not overlapping; touching ones are joined."""

    segments: tuple[Segment, ...]
    entry: int | None
    source: str
    format: Format

    @classmethod
    def load(
        cls, path: str | Path, *, base: int | None = None, format: Format | None = None
    ) -> Image:
        """Read a firmware file."""
        raise NotImplementedError
