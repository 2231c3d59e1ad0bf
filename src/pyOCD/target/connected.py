"""What all parts of a target share: the session, and the reads that may wait for it."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from onchip.errors import UsageError
from onchip.session import (
    Chip,
    ConnectMode,
    Session,
    WhenLocked,
    WorkRam,
    generic_chip,
    load_chip,
    session_of,
)
from pyOCD.target.constants import Constants
from pyOCD.target.deferred import DeferredReads
from pyOCD.target.memory_map import MemoryMap, to_session

if TYPE_CHECKING:
    from pyOCD.flash.flash import Flash
    from pyOCD.pyDAPAccess.dap_access import DAPAccess


LOG = logging.getLogger(__name__)


class Connected(Constants):
    """A target behind a link; `init` connects, `disconnect` lets go.

    ``chip`` is the name of a chip that onchip knows; None lets the chip identify itself. A subclass
    for a chip that it does not know gives a ``memoryMap``, and for its flash the file of a CMSIS
    ``flash_algorithm`` (FLM), which runs in the first RAM region; or as ``chip`` a relative whose
    flash it shares.
    """

    chip: ClassVar[str | None] = None
    memoryMap: ClassVar[MemoryMap | None] = None
    flash_algorithm: ClassVar[str | Path | None] = None

    def __init__(self, link: DAPAccess, memoryMap: MemoryMap | None = None) -> None:
        self.link = link
        self.flash: Flash | None = None
        self.halt_on_connect = True
        self.auto_unlock = False
        self.elf: str | None = None
        """The program's ELF file, with which GDB's monitor commands name things."""
        self._own_map = memoryMap or type(self).memoryMap
        self._map: MemoryMap | None = self._own_map
        self._connection: Session | None = None
        self._deferred: DeferredReads | None = None

    @property
    def session(self) -> Session:
        """The session that everything is handed to; what was begun is finished first."""
        if self._connection is None:
            raise UsageError("this board is not connected", hint="call board.init() first")
        self.flush()
        return self._connection

    @property
    def deferred(self) -> DeferredReads:
        """The reads that were begun and not fetched."""
        if self._connection is None:
            raise UsageError("this board is not connected", hint="call board.init() first")
        if self._deferred is None:
            self._deferred = DeferredReads(self._connection.memory)
        return self._deferred

    @property
    def connected(self) -> bool:
        """Whether there is a session."""
        return self._connection is not None

    def init(self) -> None:
        """Connect, and halt the core unless ``halt_on_connect`` is false."""
        if self._connection is not None:
            return
        self.link.open()
        mode = ConnectMode.HALT if self.halt_on_connect else ConnectMode.ATTACH
        locked = WhenLocked.ERASE if self.auto_unlock else WhenLocked.REFUSE
        self._connection = session_of(
            self.link.client, chip=self._chip(), mode=mode, when_locked=locked
        )
        if self._connection.was_unlocked:
            LOG.warning("the chip was locked: it was unlocked, and all of it erased")
        self._connection.algorithm = self.flash_algorithm
        self._connection.flash_breakpoints = "off"  # scripts count on running out of them
        if self._own_map is not None:
            self._connection.chip = self._described(self._connection, self._own_map)

    def _described(self, session: Session, own_map: MemoryMap) -> Chip:
        """Return the chip that was found, with the subclass's memory in the place of its own."""
        base = session.chip or generic_chip(session.core.name)
        memory_map = to_session(own_map, base.memory_map, str(self.flash_algorithm or ""))
        ram = next((WorkRam(r.start, r.length) for r in own_map if r.isRam), base.work_ram)
        return replace(base, memory_map=memory_map, work_ram=ram)

    def disconnect(self, resume: bool = True) -> None:
        """Take out what is armed, let the core run unless ``resume`` is false, let go."""
        session, self._connection, self._deferred = self._connection, None, None
        self._map = self._own_map
        if session is not None:
            session.resume_on_close = resume
            session.close()

    def flush(self) -> None:
        """Carry out the reads that were begun."""
        if self._deferred is not None:
            self._deferred.flush()

    def _chip(self) -> Chip | None:
        if self.chip is None:
            return None
        return generic_chip("Cortex-M") if self.chip == "cortex_m" else load_chip(self.chip)
