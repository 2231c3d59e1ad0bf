"""How far a flash job is: one number from 0 to 1, and a bar on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol, TextIO

_SHARES = {"plan": (0.0, 0.1), "erase": (0.1, 0.4), "program": (0.4, 0.9), "verify": (0.9, 1.0)}
_WIDTH = 20


class _Progress(Protocol):
    @property
    def phase(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int: ...


def fraction(progress: _Progress) -> float:
    """Return how much of a whole job is done, roughly."""
    low, high = _SHARES[progress.phase]
    return low + (high - low) * progress.done / max(1, progress.total)


def as_fractions(callback: Callable[[float], Any]) -> Callable[[Any], None]:
    """Return what calls ``callback`` with fractions."""
    return lambda progress: callback(fraction(progress))


class ProgressBar:
    """Prints a bar that grows. Call it with fractions; a smaller one than before begins anew."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._shown = 0
        self._open = False

    def __call__(self, amount: float) -> None:
        steps = int(amount * _WIDTH + 1e-9)
        if not self._open or steps < self._shown:
            if amount >= 1.0:
                return  # the end of a job that is told of twice
            self._print("[")
            self._open, self._shown = True, 0
        self._print("=" * (steps - self._shown))
        self._shown = steps
        if amount >= 1.0:
            self._print("] 100%\n")
            self._open = False

    def _print(self, text: str) -> None:
        stream = self._stream or sys.stdout
        stream.write(text)
        stream.flush()
