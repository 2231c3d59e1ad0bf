"""Stops in non-stop mode: one is told as a notification, the others wait for ``vStopped``.

Source: Debugging with GDB, appendix E.10.
"""

from __future__ import annotations

from collections import deque

from onchip.services.gdb.run.stops import Stop


class StopQueue:
    """Stops that a client was told or is to be told; ``on``: the client is in non-stop mode."""

    def __init__(self) -> None:
        self.on = False
        self._pending: deque[Stop] = deque()

    def add(self, stop: Stop) -> bool:
        """Take a stop; return whether it is to be told now, because no other waits."""
        self._pending.append(stop)
        return len(self._pending) == 1

    def start(self, stop: Stop) -> None:
        """Begin anew with a stop that the client is being told in answer to ``?``."""
        self._pending.clear()
        if self.on:
            self._pending.append(stop)

    def acknowledge(self) -> Stop | None:
        """Take note that the client got the last one; return the next."""
        if self._pending:
            self._pending.popleft()
        return self._pending[0] if self._pending else None

    def clear(self) -> None:
        """Forget all that were not told."""
        self._pending.clear()
