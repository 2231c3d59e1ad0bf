"""One board: its target and its flash, under the classic names."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Self

from onchip.session import Session
from pyOCD.flash import FLASH, Flash
from pyOCD.pyDAPAccess.dap_access import DAPAccess
from pyOCD.target.registry import target_class

LOG = logging.getLogger(__name__)


class Board:
    """A board that has been found; `init` connects, `uninit` lets go.

    ``target`` is a name of ``TARGET``; None lets the chip identify itself.

    Raises:
        UsageError: there is no such target.
    """

    def __init__(
        self, link: DAPAccess, target: str | None = None, frequency: int = 1_000_000
    ) -> None:
        self.link = link
        self.debug_clock_frequency = frequency
        self.closed = False
        self._override = target
        self._listed_target: str = getattr(link.interface, "chip", "")
        self.target = target_class(target)(link)
        self.flash = FLASH.get(target or "", Flash)(self.target)
        self.target.setFlash(self.flash)

    @property
    def session(self) -> Session:
        """The connection that everything is handed to."""
        return self.target.session

    @property
    def interface(self) -> object:
        """The way to the probe, as the first versions call it."""
        return self.link.interface

    @property
    def transport(self) -> DAPAccess:
        """The probe, as the first versions call it."""
        return self.link

    @property
    def target_type(self) -> str:
        """The target's name: the one that was asked for, or the chip's own; else ``cortex_m``."""
        if self._override is not None:
            return self._override
        if self.target.connected and self.session.chip is not None:
            return self.session.chip.name
        return self._listed_target or "cortex_m"

    @property
    def native_target(self) -> str:
        return self.target_type

    def init(self) -> None:
        """Connect and halt the core. A board that is connected is left alone."""
        self.link.set_clock(self.debug_clock_frequency)
        self.link.open()
        try:
            self.target.init()
        except BaseException:
            self.link.close()
            raise
        self.link.set_deferred_transfer(True)
        self.closed = False

    def uninit(self, resume: bool = True) -> None:
        """Let the core run, unless ``resume`` is false, and let go of the probe.

        What fails is logged, the rest is still done. Calling it twice is harmless.
        """
        if self.closed:
            return
        self.closed = True
        _guarded(lambda: self.target.disconnect(resume))
        _guarded(self.link.disconnect)
        _guarded(self.link.close)

    def getInfo(self) -> str:
        return f"{self.link.interface.getInfo()} [{self.target_type}]"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.uninit()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.link.get_unique_id()}: {self.getInfo()}>"


def _guarded(step: Callable[[], None]) -> None:
    try:
        step()
    except Exception:
        LOG.error("while letting go of the board:\n%s", traceback.format_exc())
