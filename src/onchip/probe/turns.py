"""Turns at one probe: a batch at a time, first come, first served.

A script and a GDB server may share a session from two threads. The lock lives here because no layer
above may import threads before the services do. Two processes may share a probe through `onchip
serve`: then whoever takes the lock asks the server for the probe, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from .link import SharedLink


class Turns:
    """A lock that its holder may take again: ``with turns: ...``."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()


class SharedTurns(Turns):
    """The same for a link that other processes share; ``on_disturbed`` is called where they have
    driven the core since the last turn.
    """

    __slots__ = ("_depth", "_link", "_on_disturbed")

    def __init__(self, link: SharedLink, on_disturbed: Callable[[], None]) -> None:
        super().__init__()
        self._link = link
        self._on_disturbed = on_disturbed
        self._depth = 0

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._depth == 0:
            try:
                if self._link.take_turn():
                    self._on_disturbed()
            except BaseException:
                self._lock.release()
                raise
        self._depth += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._link.end_turn()
        self._lock.release()
