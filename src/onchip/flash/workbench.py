"""The target as a place to run algorithms: where its RAM is, which runner is in it.

A runner stays in RAM until another algorithm is wanted. While a job holds the target nothing else
touches it: `reset_target` for one that programs, `borrowed_target` for one that only looks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from onchip.errors import PlanError
from onchip.target.memory_map import FlashRegion

from . import verify
from .algorithm import FlashAlgorithm
from .hold import borrow, reset_and_hold
from .planner import Range, RegionPlan
from .runner import Command, Runner, Workspace
from .schedule import INIT_TIMEOUT_S, readable
from .sums import Sums

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.target.chip import Chip

FOR_ERASE, FOR_PROGRAM, FOR_VERIFY = 1, 2, 3
_RAM_FOR_VERIFYING = 0x1400
"""Bytes of RAM that summing needs: what is saved before, and put back afterwards."""


class Workbench:
    """Runs algorithms on the core of one chip; ``ram`` (address, length) None: it is not known."""

    def __init__(
        self, core: Core, chip: Chip, ram: tuple[int, int] | None, *, stream: bool
    ) -> None:
        self._core = core
        self._chip = chip
        self._ram = ram
        self._stream = stream
        self._current: Runner | None = None

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
            Workspace.lay_out(*self._ram, plan.algorithm)

    def sums(
        self,
        runner: Runner,
        plan: RegionPlan,
        ranges: Sequence[Range],
        meter: Callable[[int], None],
        block: int | None = None,
    ) -> dict[Range, Sums]:
        """Return the sums of what ``ranges`` are cut into: ``block`` bytes, or the plan's blocks.

        Raises:
            AlgorithmError: a range cannot be read by the target.
            TransferError, ProbeError: the way to the target broke.
        """
        if not ranges:
            return {}
        erased = plan.algorithm.device.erased_value
        return verify.survey(
            runner, ranges, block or plan.block, plan.region.start, erased_value=erased, done=meter
        )

    def runner(self, algorithm: FlashAlgorithm | None) -> Runner:
        """Return the runner that is in RAM if it will do, else a new one.

        Any runner can compute sums, so None is satisfied by all.
        """
        assert self._ram is not None  # check_fits
        current = self._current
        if current is None or algorithm not in (None, current.algorithm):
            current = self._current = Runner(self._core, self._ram, algorithm, stream=self._stream)
        return current

    def runners(self, plans: Sequence[RegionPlan]) -> Iterator[tuple[RegionPlan, Runner]]:
        """Give each plan a runner that can read its flash.

        On-chip flash can be read as it is; other flash only while its algorithm is initialised for
        verifying.
        """
        for plan in plans:
            if readable(plan.algorithm):
                yield plan, self.runner(None)
                continue
            runner = self.runner(plan.algorithm)
            before = self.init(runner, plan.region, FOR_VERIFY)
            if before:
                runner.call(before, INIT_TIMEOUT_S)
            yield plan, runner
            self.uninit(runner, FOR_VERIFY)

    def init(self, runner: Runner, region: FlashRegion, function: int) -> list[Command]:
        """Return the calls that have to come before those of the algorithm for ``function``."""
        algorithm = runner.algorithm
        if algorithm is None or not algorithm.has("Init"):
            return []
        start = algorithm.device.start
        arguments = (start, self._chip.clock_hz, function)
        return [runner.function("Init", *arguments, address=region.start)]

    def uninit(self, runner: Runner, function: int) -> None:
        """Wait for what still runs, and end this use of the algorithm."""
        if runner.algorithm is not None and runner.algorithm.has("UnInit"):
            runner.call([runner.function("UnInit", function)], INIT_TIMEOUT_S)
        else:
            runner.finish()

    @contextlib.contextmanager
    def reset_target(self) -> Iterator[None]:
        """Reset and halt the target for a job; its program and RAM are lost.

        Raises:
            TargetError: the core did not come to a halt.
            TransferError, ProbeError: the way to the target broke.
        """
        self._current = None
        with reset_and_hold(self._core, self._chip):
            yield

    @contextlib.contextmanager
    def borrowed_target(self, plans: Sequence[RegionPlan]) -> Iterator[None]:
        """Put back registers and RAM afterwards: the program goes on."""
        assert self._ram is not None  # check_fits
        before = self._ram
        if all(readable(plan.algorithm) for plan in plans):
            self._ram = (before[0], min(before[1], _RAM_FOR_VERIFYING))
        self._current = None
        try:
            with borrow(self._core, *self._ram):
                yield
        finally:
            self._ram, self._current = before, None
