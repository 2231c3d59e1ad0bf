"""A stop that was asked for (Ctrl-C) and not made yet."""

from __future__ import annotations

import time

CROSSING_S = 1.0
"""A Ctrl-C to a stopped core is for what is resumed so soon; later it is another command's turn."""


class Interrupt:
    """At most one; ``signal`` is what the stop is to be told as, None while none is wanted.

    A client that asks a stopped core to stop had not heard of the stop: GDB stops many times
    within one ``next`` and goes on by itself. So the request holds for what comes soon.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._asked_at = 0.0

    def __bool__(self) -> bool:
        return self.signal is not None

    def ask(self, signal: int) -> None:
        """Ask for a stop."""
        self.signal, self._asked_at = signal, time.monotonic()

    def forget(self) -> None:
        """Ask no more."""
        self.signal = None

    def forget_if_old(self) -> None:
        """Forget what was asked before the core was last resumed."""
        if time.monotonic() - self._asked_at >= CROSSING_S:
            self.signal = None
