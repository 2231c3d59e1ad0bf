"""The board's serial port, as whoever sits at the board sees it."""

from __future__ import annotations

from collections.abc import Callable

_LIMIT = 1 << 20


class Console:
    """The board's serial port: what the chip's UART sends and receives.

    ``on_output`` is called with every piece of output, besides keeping it for ``read``.
    """

    def __init__(self, feed: Callable[[bytes], None]) -> None:
        self.on_output: Callable[[bytes], None] | None = None
        self._feed = feed
        self._received = bytearray()

    def read(self) -> bytes:
        """Take what the chip has sent since the last call (the last MiB of it)."""
        data = bytes(self._received)
        self._received.clear()
        return data

    def write(self, data: bytes) -> None:
        """Send ``data`` to the chip; it arrives at the line's speed as time passes."""
        self._feed(data)

    def take(self, data: bytes) -> None:
        """Receive from the chip. Called by the board."""
        self._received += data
        del self._received[:-_LIMIT]
        if self.on_output is not None:
            self.on_output(data)
