"""Does a job; after a crash once more, in a way that asks less of algorithm, RAM, and flash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from onchip.errors import AlgorithmCrash, FlashError, VerifyError

from . import job
from .comparing.blankness import is_for_the_wary
from .planning.planner import RegionPlan
from .progress import ProgressCallback
from .running.block_run import READING
from .running.ladder import Ladder
from .second_try import program_again

if TYPE_CHECKING:
    from onchip.dap.client import DapClient

    from .workbench import Workbench

T = TypeVar("T")


def attempt(ladder: Ladder, work: Callable[[], T], plans: Sequence[RegionPlan]) -> T:
    """Do ``work``; when something crashed do it again, in the way that asks least of it.

    That is with single calls; or first, if flash could not be read, with ``plans`` that are wary
    of reading what is blank.

    Raises:
        OnchipError: as ``work``; a failure of a later attempt tells of the crash as well.
    """
    ladder.begin()
    before = ""
    while True:
        try:
            return work()
        except AlgorithmCrash as crash:
            doubtful = [plan for plan in plans if is_for_the_wary(plan, crash)]
            for plan in doubtful:
                plan.wary = True
            if not doubtful:
                if crash.function == READING and any(plan.wary for plan in plans):
                    crash.hint = "blank flash of this chip cannot be read: is all of it there?"
                if not ladder.step_down(crash.message):
                    _tell_too(crash, before)
                    raise
                before = crash.message
        except FlashError as error:
            _tell_too(error, before)
            raise


def _tell_too(error: FlashError, before: str) -> None:
    """Let an error tell of an earlier attempt as well, if that said something else."""
    if before and before != error.message:
        error.message += f"; and before, through the driver: {before}"


def program(
    bench: Workbench,
    client: DapClient,
    plans: list[RegionPlan],
    progress: ProgressCallback,
    *,
    reset: bool,
    read_back: bool,
) -> list[RegionPlan]:
    """Look, erase, program and verify; return the plans as they were decided.

    ``plans`` are replaced by what is left of them to do, should it be cut short. Without ``reset``
    the target is borrowed.

    Raises:
        PlanError, EraseError, ProgramError, VerifyError, AlgorithmError: it failed.
        TransferError, ProbeError, TargetError: the way to the target broke.
    """
    decided: list[RegionPlan] = []

    def work() -> list[RegionPlan]:
        nonlocal decided
        mine = [plan.fresh() for plan in plans]
        with bench.reset_target() if reset else bench.borrowed_target(mine, programs=True):
            job.survey(bench, mine, progress)
            plans[:] = [plan.again() for plan in mine]
            decided = decided or mine
            _carry_out(bench, client, mine, progress, read_back=read_back)
        return decided

    return attempt(bench.ladder, work, plans)


def _carry_out(
    bench: Workbench,
    client: DapClient,
    plans: Sequence[RegionPlan],
    progress: ProgressCallback,
    *,
    read_back: bool,
) -> None:
    """Erase, program and verify; a failure tells whether a slower wire would have helped."""
    changed = [plan for plan in plans if plan.erase_all or plan.erase or plan.writes()]
    try:
        job.carry_out(bench, changed, bench.clock_hz, progress)
        job.check(bench, changed, progress)
        if read_back:
            job.read_back(bench, plans)
    except FlashError as error:
        clock_hz = bench.clock_hz
        helped = isinstance(error, VerifyError) and program_again(
            bench, client, changed, clock_hz, error
        )
        if not helped:
            error.hint = error.hint or "the flash is incomplete now: program it again"
            raise
        if read_back:
            job.read_back(bench, plans)
