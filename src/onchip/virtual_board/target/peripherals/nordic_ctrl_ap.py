"""CTRL-AP of nRF52: the access port that still answers when APPROTECT has closed the other one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

RESET, ERASEALL, ERASEALLSTATUS, APPROTECTSTATUS, IDR = 0x00, 0x04, 0x08, 0x0C, 0xFC


class Eraser(Protocol):
    """The flash controller, from here."""

    @property
    def busy(self) -> bool:
        """Whether it still erases."""
        ...

    def erase_all(self) -> None:
        """Erase flash and UICR."""
        ...


class HoldReset(Protocol):
    """The chip's reset line."""

    def __call__(self, *, asserted: bool) -> None:
        """Hold or release the reset."""
        ...


class CtrlAp:
    """Registers of the CTRL-AP, at AP 1."""

    def __init__(
        self,
        idr: int,
        eraser: Eraser,
        hold_reset: HoldReset,
        is_open: Callable[[], bool],
        unlock: Callable[[], None],
    ) -> None:
        self._idr = idr
        self._eraser = eraser
        self._hold_reset = hold_reset
        self._is_open = is_open
        self._unlock = unlock
        self._reset = 0

    def read_register(self, offset: int) -> int:
        """Return the register at ``offset``."""
        if offset == IDR:
            return self._idr
        if offset == RESET:
            return self._reset
        if offset == ERASEALLSTATUS:
            return int(self._eraser.busy)
        if offset == APPROTECTSTATUS:
            return int(self._is_open())
        return 0

    def write_register(self, offset: int, value: int) -> None:
        """Hold or release the reset, or erase everything, which opens the other access port."""
        if offset == RESET and value & 1 != self._reset:
            self._reset = value & 1
            self._hold_reset(asserted=bool(self._reset))
        elif offset == ERASEALL and value & 1:
            self._eraser.erase_all()
            self._unlock()
