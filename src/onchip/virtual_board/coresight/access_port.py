"""What the debug port sees of an access port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class AccessFault(Exception):
    """The access port ends an access with an error: the DP sets STICKYERR."""


class AccessPort(Protocol):
    """An access port behind the DP: 64 word registers, addressed by APBANKSEL and A[3:2]."""

    def read_register(self, offset: int) -> int:
        """Return the register at ``offset`` (0x00-0xFC).

        Raises:
            AccessFault: the access failed.
        """
        ...

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at ``offset`` (0x00-0xFC).

        Raises:
            AccessFault: the access failed.
        """
        ...


class TimedAccessPort:
    """An access port that is no MEM-AP, with the chip brought to the moment of each access."""

    def __init__(self, device: AccessPort, before_access: Callable[[], None]) -> None:
        self._device = device
        self._before_access = before_access

    def read_register(self, offset: int) -> int:
        """Return the register at ``offset``. Raises AccessFault as the device does."""
        self._before_access()
        return self._device.read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at ``offset``. Raises AccessFault as the device does."""
        self._before_access()
        self._device.write_register(offset, value)
