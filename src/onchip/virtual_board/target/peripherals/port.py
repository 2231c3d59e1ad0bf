"""A port of pins that something outside the chip may drive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from .register_block import RegisterBlock


class PinChange(Protocol):
    """Whoever wants to know that a pin has changed."""

    def __call__(self, pin: int, *, level: bool) -> None:
        """Note that ``pin`` is at ``level`` now."""
        ...


class Port(RegisterBlock):
    """A GPIO port; ``on_change`` is told of every pin that is driven to another level."""

    def __init__(self, resets: Mapping[int, int]) -> None:
        super().__init__(resets)
        self._driven: dict[int, bool] = {}
        self.on_change: PinChange | None = None

    def drive_pin(self, pin: int, *, level: bool) -> None:
        """Drive ``pin`` from outside, as a button does; of the nRF5, P1.00 is pin 32."""
        if self._driven.get(pin) is not level:
            self._driven[pin] = level
            if self.on_change is not None:
                self.on_change(pin, level=level)
