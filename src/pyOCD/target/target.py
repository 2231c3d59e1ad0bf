"""The target of a board, under the classic camelCase names.

`Target` is put together from parts, one noun each; all hand everything on to the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyOCD.target.gdb_view import GdbView
from pyOCD.target.memory import Memory
from pyOCD.target.memory_map import MemoryMap, from_session
from pyOCD.target.points import Points
from pyOCD.target.registers import Registers
from pyOCD.target.run_control import RunControl

if TYPE_CHECKING:
    from pyOCD.flash.flash import Flash


class Target(RunControl, Registers, Memory, Points, GdbView):
    """A chip. Addresses and values are plain integers, data lists of integers.

    To add a chip, make a subclass with a ``chip`` or a ``memoryMap`` and put it into ``TARGET``.
    """

    @property
    def part_number(self) -> str:
        """The maker's name for the chip."""
        chip = self.session.chip
        return "" if chip is None else chip.part

    @property
    def has_fpu(self) -> bool:
        return self.session.core.has_fpu

    @property
    def memory_map(self) -> MemoryMap:
        return self.getMemoryMap()

    @property
    def svd_device(self) -> None:
        """Always None: no SVD file is read."""

    @property
    def cores(self) -> dict[int, Target]:
        """The cores by number: one."""
        return {0: self}

    @property
    def selected_core(self) -> Target:
        return self

    def select_core(self, num: int) -> None:
        """Accept 0, the only core.

        Raises:
            ValueError: another number.
        """
        if num != 0:
            raise ValueError(f"there is no core {num}, only core 0")

    def getTargetContext(self, core: int | None = None) -> Target:
        return self

    getRootContext = getTargetContext

    def setFlash(self, flash: Flash) -> None:
        self.flash = flash

    def getMemoryMap(self) -> MemoryMap:
        """Return the regions: the subclass's own, or the chip's."""
        if self._map is None:
            self._map = from_session(self.session.memory_map)
        return self._map

    def readIDCode(self) -> int:
        """Return DPIDR."""
        return int(self.session.dp.idr)

    def info(self, request: int) -> int | str | None:
        """Return what DAP_Info tells under that number."""
        return self.link.identify(request)
