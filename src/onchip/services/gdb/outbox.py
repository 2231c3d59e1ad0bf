"""Bytes on their way to a client: put in by whoever serves it, taken out by the sockets' loop."""

from __future__ import annotations

import threading
from collections.abc import Callable

_LONGEST_SEND = 1 << 16


class Outbox:
    """A buffer between two threads; ``on_put`` is told when there is something to send."""

    def __init__(self, on_put: Callable[[], None] = lambda: None) -> None:
        self._on_put = on_put
        self._lock = threading.Lock()
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def __bytes__(self) -> bytes:
        with self._lock:
            return bytes(self._data)

    def put(self, data: bytes) -> None:
        """Add bytes at the end."""
        with self._lock:
            self._data += data
        self._on_put()

    def send(self, send: Callable[[bytes], int]) -> int:
        """Give ``send`` as much as it takes in one go; return how much that was.

        Raises:
            OSError: as ``send`` does.
        """
        with self._lock:
            piece = bytes(self._data[:_LONGEST_SEND])
        sent = send(piece)
        with self._lock:
            del self._data[:sent]
        return sent

    def clear(self) -> None:
        """Forget what was not sent."""
        with self._lock:
            self._data.clear()
