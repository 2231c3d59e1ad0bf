"""The target as a place to run algorithms: where its RAM is, which runner is in it.

A runner stays in RAM until another algorithm is wanted. While a job holds the target nothing else
touches it: `reset_target` for one that programs, `borrowed_target` for one that only looks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onchip.errors import AlgorithmError, OnchipError, PlanError

from .algorithm import FlashAlgorithm
from .hold import borrow, reset_and_hold
from .planning.planner import RegionPlan
from .planning.schedule import FOR_VERIFY, init, uninit
from .running.ladder import Ladder
from .running.runner import Runner
from .running.workspace import Workspace

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.target.chip import Chip

_RAM_FOR_SUMS, _RAM_FOR_CRCS = 0x800, 0xC00
"""Bytes of RAM that looking needs: what is saved before, and put back afterwards."""
_RAM_FOR_PROGRAMMING = 0x4000
"""Bytes of RAM that programming in place takes, if the algorithm fits."""
_RAM_FOR_LITTLE = (0x1000, 0x1800, 0x2000)
_LITTLE = 0x2000
"""... and where no more than so many bytes of sectors may change: to save more costs more time."""


class Workbench:
    """Runs algorithms on the core of one chip; ``ram`` (address, length) None: it is not known."""

    def __init__(
        self, core: Core, chip: Chip, ram: tuple[int, int] | None, *, stream: bool
    ) -> None:
        self._core = core
        self._chip = chip
        self._ram = ram
        self.ladder = Ladder(core, stream=stream)
        self._current: Runner | None = None
        self._small = False

    @property
    def clock_hz(self) -> int:
        """The chip's clock after a reset."""
        return self._chip.clock_hz

    @property
    def has_ram(self) -> bool:
        """Whether it is known where algorithms may run."""
        return self._ram is not None

    def check_fits(self, plans: Sequence[RegionPlan]) -> None:
        """Refuse before anything is touched what could not be run.

        Raises:
            PlanError: no RAM is known.
            AlgorithmError: an algorithm does not fit it, or lacks a function that is needed.
        """
        if plans and self._ram is None:
            raise PlanError(
                f"where algorithms may run in the RAM of {self._chip.name} is not known",
                hint="name the chip, or give ram=(address, length)",
            )
        for plan in plans:
            assert self._ram is not None
            self.ladder.check_fits(self._ram, plan.algorithm)

    def runner(self, algorithm: FlashAlgorithm) -> Runner:
        """Return the runner of an algorithm; one for another algorithm is stopped.

        Raises:
            AlgorithmError: it does not fit.
            TransferError, ProbeError: the way to the target broke.
        """
        current = self._current
        if current is not None and current.algorithm is algorithm:
            return current
        return self._make(algorithm)

    def any_runner(self, algorithm: FlashAlgorithm | None = None) -> Runner:
        """Return the runner that is in RAM, if one is: all can compute sums.

        Else one is made, for ``algorithm`` unless only little RAM is borrowed.

        Raises:
            AlgorithmError, TransferError, ProbeError: as `runner`.
        """
        return self._current or self._make(None if self._small else algorithm)

    def crc_runner(self) -> Runner:
        """Return a runner that can compute CRCs too, where the RAM allows that.

        Raises:
            AlgorithmError, TransferError, ProbeError: as `runner`.
        """
        return self._make(None, crcs=True)

    def _make(self, algorithm: FlashAlgorithm | None, *, crcs: bool = False) -> Runner:
        assert self._ram is not None  # check_fits
        self.stop()
        self._current = self.ladder.runner(self._ram, algorithm, crcs=crcs)
        return self._current

    def step_down(self, because: str) -> bool:
        """Go on with single calls; False: that is what there was.

        Raises:
            TransferError, ProbeError: the way to the target broke.
        """
        if not self.ladder.step_down(because):
            return False
        self.stop()
        return True

    def stop(self) -> None:
        """Halt the core and forget the runner.

        Raises:
            TransferError, ProbeError: the way to the target broke.
        """
        if self._current is not None:
            current, self._current = self._current, None
            current.stop()

    def runners(self, plans: Sequence[RegionPlan]) -> Iterator[tuple[RegionPlan, Runner]]:
        """Give each plan a runner that can read its flash.

        On-chip flash can be read as it is; other flash only while its algorithm is initialised for
        verifying.
        """
        for plan in plans:
            if plan.algorithm.is_readable:
                one = self.runner if plan.wary else self.any_runner
                yield plan, one(plan.algorithm)
                continue
            runner = self.runner(plan.algorithm)
            runner.run(init(runner, plan, self._chip.clock_hz, FOR_VERIFY))
            yield plan, runner
            runner.run(uninit(runner, plan, FOR_VERIFY))
            runner.finish()

    @contextlib.contextmanager
    def reset_target(self) -> Iterator[None]:
        """Reset and halt the target for a job; its program and RAM are lost.

        Raises:
            TargetError: the core did not come to a halt.
            TransferError, ProbeError: the way to the target broke.
        """
        with reset_and_hold(self._core, self._chip), self._at_work(small=False):
            yield

    @contextlib.contextmanager
    def borrowed_target(
        self, plans: Sequence[RegionPlan], *, programs: bool = False
    ) -> Iterator[None]:
        """Put back registers and RAM afterwards: the program goes on, even if flash was changed."""
        assert self._ram is not None  # check_fits
        before = self._ram
        small = not programs and all(p.algorithm.is_readable and not p.wary for p in plans)
        if small:
            self._ram = (before[0], min(before[1], _RAM_FOR_SUMS if plans else _RAM_FOR_CRCS))
        elif programs:
            self._ram = self._ram_for(plans)
            self._core.errand = "and the firmware has to be programmed again"
        try:
            with borrow(self._core, *self._ram), self._at_work(small=small):
                yield
        finally:
            self._ram = before
            self._core.errand = ""

    def _ram_for(self, plans: Sequence[RegionPlan]) -> tuple[int, int]:
        """Return as much of the RAM as programming takes, since all of it is put back."""
        assert self._ram is not None  # check_fits
        start, most = self._ram
        touched = {
            (sector.start, sector.size)
            for plan in plans
            for piece in plan.pieces
            for sector in plan.region.sectors_covering(piece.address, len(piece.data))
        }
        little = sum(size for _, size in touched) <= _LITTLE
        for length in (*(_RAM_FOR_LITTLE if little else ()), _RAM_FOR_PROGRAMMING):
            with contextlib.suppress(AlgorithmError):
                for plan in plans:
                    Workspace.lay_out(start, min(most, length), plan.algorithm)
                return start, min(most, length)
        return self._ram

    @contextlib.contextmanager
    def _at_work(self, *, small: bool) -> Iterator[None]:
        self._current, self._small = None, small
        try:
            yield
        except BaseException:
            with contextlib.suppress(OnchipError):  # what went wrong first is what matters
                self.stop()
            self._current = None
            raise
        self.stop()
