"""How a flash job tells its caller where it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["plan", "erase", "program", "verify"]


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` bytes of one phase. Phases without work are not reported."""

    phase: Phase
    done: int
    total: int


ProgressCallback = Callable[[Progress], None]


def silent(_progress: Progress) -> None:
    """Report to nobody."""
