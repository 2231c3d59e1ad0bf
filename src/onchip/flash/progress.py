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


class Meter:
    """Counts one phase for the caller's progress callback."""

    def __init__(self, callback: ProgressCallback, phase: Phase, total: int) -> None:
        self._callback, self._phase, self._total = callback, phase, total
        self._done = 0
        self._begun = False

    @property
    def full(self) -> bool:
        """Whether all is done."""
        return self._done >= self._total

    def __call__(self, count: int) -> None:
        """Add ``count`` bytes to what is done; 0 tells that the phase begins."""
        self._done = min(self._done + count, self._total)
        if self._total and not self._begun:
            self._begun = True
            self._callback(Progress(self._phase, 0, self._total))
        if count and self._total:
            self._callback(Progress(self._phase, self._done, self._total))


class Phases:
    """Counts erasing and programming, which alternate; told in this order, one phase at a time."""

    def __init__(self, callback: ProgressCallback, erase: int, program: int) -> None:
        self._erase = Meter(callback, "erase", erase)
        self._program = Meter(callback, "program", program)
        self._held_back = 0
        self._erase(0)

    def erased(self, count: int) -> None:
        """Add bytes that were erased."""
        self._erase(count)
        if self._erase.full:
            held, self._held_back = self._held_back, 0
            self._program(held)

    def programmed(self, count: int) -> None:
        """Add bytes that were programmed."""
        if self._erase.full:
            self._program(count)
        else:
            self._held_back += count


def uncounted(_count: int) -> None:
    """Count for nobody."""
