"""The chip's serial lines as its board sees them: the pins that lead to the probe."""

from __future__ import annotations

from collections.abc import Callable


class UartPort:
    """Every UART of the chip is wired to this one port, as a board with one console has it."""

    def __init__(self) -> None:
        self.output: Callable[[bytes], None] | None = None
        self.receivers: list[Callable[[bytes], None]] = []

    def transmit(self, data: bytes) -> None:
        """Pass on what the chip sent."""
        if self.output is not None:
            self.output(data)

    def feed(self, data: bytes) -> None:
        """Send ``data`` to the chip; it arrives byte by byte at the line's speed.

        A UART whose receiver is off does not hear it, as on the wire.
        """
        for receiver in self.receivers:
            receiver(data)
