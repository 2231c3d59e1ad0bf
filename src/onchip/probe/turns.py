"""Turns at one probe: a batch at a time, first come, first served.

A script and a GDB server may share a session from two threads. The lock lives here because no layer
above may import threads before the services do.
"""

from __future__ import annotations

import threading
from types import TracebackType


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
