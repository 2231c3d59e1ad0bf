"""Erases, programs and verifies through flash algorithms that run on the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .image import Image
from .progress import ProgressCallback, silent

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.target.chip import Chip

EraseMode = Literal["sector", "chip"]


@dataclass(frozen=True, slots=True)
class ProgrammingReport:
    """What a job did; byte counts, and ``seconds`` of the link's time."""

    image_bytes: int
    same_bytes: int
    erased_bytes: int
    programmed_bytes: int
    ram_bytes: int
    verified_bytes: int
    seconds: float


class FlashEngine:
    """Programs one chip."""

    def __init__(self, core: Core, chip: Chip, *, algorithm: str | Path | None = None) -> None:
        raise NotImplementedError

    def program(
        self, image: Image, *, erase: EraseMode = "sector", progress: ProgressCallback = silent
    ) -> ProgrammingReport:
        """Make the chip hold ``image``, verified. The core is left halted."""
        raise NotImplementedError

    def erase(
        self,
        what: Literal["chip"] | Sequence[tuple[int, int]],
        *,
        progress: ProgressCallback = silent,
    ) -> ProgrammingReport:
        """Erase the sectors of ranges (address, length), or the whole chip."""
        raise NotImplementedError

    def verify(self, image: Image, *, progress: ProgressCallback = silent) -> ProgrammingReport:
        """Compare the chip with ``image`` by CRC computed on the target."""
        raise NotImplementedError
