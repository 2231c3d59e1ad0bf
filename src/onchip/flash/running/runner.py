"""What all ways to run functions of a flash algorithm on the target have in common.

`RingRunner` has a driver on the target call them, `CallRunner` calls each itself.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from onchip.errors import AlgorithmError

from ..algorithm import FlashAlgorithm
from . import driver
from .command import Command
from .rung import Rung

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.batch import Batch

Done = Callable[[Command], None]


def nothing(_command: Command) -> None:
    """Tell nobody."""


class Runner(ABC):
    """Calls functions on a core. Not to be used once a call has failed.

    ``place`` is where the algorithm lies in RAM. Records of ``chunk`` bytes of pages serve best;
    ``capacity`` bytes of records may be given to `call`. Packed pages are unpacked into the
    ``window`` (its first address, and the one behind it), which may be empty.
    """

    rung: Rung
    chunk: int
    capacity: int
    window: tuple[int, int]
    crc_table = 0
    """Where the table goes that CRCs need, if `room` has any for them."""

    def __init__(self, core: Core, algorithm: FlashAlgorithm | None, place: int) -> None:
        self.core = core
        # Not core.memory: that would leave the opcodes of breakpoints where our code has to go.
        self.memory = core.ap
        self.algorithm = algorithm
        self.starved = False
        """Whether the target had nothing left to do when it was last looked at."""
        self._place_of_algorithm = place
        self._opening: Batch | None = None
        self._uploaded = False

    # -- what is called ----------------------------------------------------------------------------

    def function(
        self,
        name: str,
        *arguments: int,
        address: int | None = None,
        expected: int = 0,
        timeout_s: float = 1.0,
        progress: int = 0,
    ) -> Command:
        """Return a call of the algorithm's function ``name``.

        Raises:
            AlgorithmError: the algorithm has no such function.
        """
        entry = self.entry(name, address)
        return Command(entry, arguments, name, address, expected, timeout_s, progress=progress)

    def entry(self, name: str, address: int | None = None) -> int:
        """Return where a function of the algorithm is in RAM.

        Raises:
            AlgorithmError: the algorithm has no such function.
        """
        algorithm = self.algorithm
        if algorithm is None or not algorithm.has(name):
            source = "no algorithm" if algorithm is None else algorithm.source
            raise AlgorithmError(f"{source} has no function {name}", address=address)
        if not self._uploaded:
            self._uploaded = True
            self._upload(self._place_of_algorithm, algorithm.blob)
        return self._place_of_algorithm + algorithm.functions[name]

    @abstractmethod
    def part(self, offset: int) -> int:
        """Return where the driver's function at ``offset`` is in RAM: `SUM_BLOCKS`, `UNPACK` ..."""

    @abstractmethod
    def room(self, offset: int) -> int:
        """Return how many bytes a record may have for that function; 0: it cannot be called."""

    # -- doing -------------------------------------------------------------------------------------

    @abstractmethod
    def run(self, commands: Iterable[Command], done: Done = nothing) -> None:
        """Have commands carried out, in order; return when all are on their way.

        ``done`` is told of each that is known to be done. A failure is raised here, by the next
        `run`, or by `finish`.

        Raises:
            EraseError, ProgramError, AlgorithmError: a call failed, crashed, or did not return.
            TransferError, ProbeError: the way to the target broke.
        """

    @abstractmethod
    def finish(self, done: Done = nothing) -> None:
        """Wait until everything is done.

        Raises:
            EraseError, ProgramError, AlgorithmError: as `run`.
            TransferError, ProbeError: the way to the target broke.
        """

    @abstractmethod
    def call(self, commands: Sequence[Command], done: Done = nothing) -> list[bytes]:
        """Carry commands out to the end; return what each left in the room behind its data.

        Raises:
            EraseError, ProgramError, AlgorithmError: as `run`.
            TransferError, ProbeError: the way to the target broke.
        """

    @abstractmethod
    def check(self) -> None:
        """Make sure that nothing has happened to the target.

        Raises:
            AlgorithmError: it crashed, or was reset.
            TransferError, ProbeError: the way to the target broke.
        """

    def stop(self) -> None:
        """Halt the core, wherever it is.

        Raises:
            CoreTimeout: it did not halt.
            TransferError, ProbeError: the way to the target broke.
        """
        self.core.halt()

    # -- within ------------------------------------------------------------------------------------

    @property
    def _static_base(self) -> int:
        offset = 0 if self.algorithm is None else self.algorithm.static_base
        return self._place_of_algorithm + offset

    def _code(self, offset: int) -> bytes:
        return driver.part(offset, baseline=self.core.identity.baseline)

    def _upload(self, address: int, code: bytes) -> None:
        """Have bytes in RAM before the next record."""
        self._opening = self._opening or self.memory.batch()
        self.memory.queue_write(self._opening, address, code, free=True)

    def _batch(self) -> Batch:
        """Return a batch that begins with what has to be there first."""
        batch, self._opening = self._opening or self.memory.batch(), None
        return batch


def page_size(algorithm: FlashAlgorithm) -> int:
    """Return what one call of ProgramPage gets: a page, but no more than a sector."""
    device = algorithm.device
    return min(device.page_size, math.gcd(*(run.size for run in device.sectors)))
