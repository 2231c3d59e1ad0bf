"""Asks the algorithm's BlankCheck what is blank, where that cannot be told by reading.

Erased flash with ECC may fault when it is read, or read as anything. Algorithms for it bring a
BlankCheck; but so do many for flash that reads as it should, and Nordic's take "not blank" for an
error that UnInit then writes somewhere into RAM. So it is asked only when something points to it:
a check sum that faulted, or what has to be blank and does not read so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from onchip.errors import AlgorithmCrash, AlgorithmError, PlanError, VerifyError

from ..images.segment import Segment
from ..planning.planner import Range, RegionPlan, runs_of
from ..planning.schedule import FOR_ERASE, init, uninit
from ..running.block_run import READING
from ..running.command import hex32
from ..running.runner import Runner
from .blocks import blank_blocks
from .verify import content


def told_blank(
    runner: Runner, plan: RegionPlan, clock_hz: int, blocks: Iterable[int]
) -> frozenset[int]:
    """Return those of the blocks (by address) that BlankCheck calls blank.

    Raises:
        PlanError: the RAM is too small to ask.
        AlgorithmError: the algorithm crashed.
        TransferError, ProbeError: the way to the target broke.
    """
    wanted = sorted(blocks)
    if not wanted:
        return frozenset()
    runs = runs_of((Range(at, plan.block) for at in wanted), plan.block, plan.region.start)
    by_itself = plan.algorithm.is_readable  # else the algorithm is initialised already
    if by_itself:
        runner.run(init(runner, plan, clock_hz, FOR_ERASE))
    found = blank_blocks(runner, runs, plan.algorithm.device.erased_value)
    if by_itself:
        runner.run(uninit(runner, plan, FOR_ERASE))
        runner.finish()
    if found is None:
        raise PlanError(
            "blank flash of this chip cannot be read, and there is no RAM to ask BlankCheck",
            address=wanted[0],
        )
    return frozenset(at for at, blank in zip(wanted, found, strict=True) if blank)


def doubt(plan: RegionPlan, error: VerifyError, segments: Sequence[Segment]) -> None:
    """Take a difference to what has to be blank for noise, if BlankCheck has not been asked yet.

    Raises:
        AlgorithmCrash: so it is.
    """
    if plan.wary or not plan.algorithm.has("BlankCheck") or error.address is None:
        return
    wanted = content(segments, Range(error.address, 1))
    if wanted == bytes([plan.algorithm.device.erased_value]):
        raise AlgorithmCrash(error.message, address=error.address, function=READING) from error


def check_blank(runner: Runner, plan: RegionPlan, clock_hz: int, blocks: Sequence[int]) -> None:
    """Make sure that blocks are blank.

    Raises:
        VerifyError: one is not.
        AlgorithmError, TransferError, ProbeError: as `told_blank`.
    """
    told = told_blank(runner, plan, clock_hz, blocks)
    for address in blocks:
        if address not in told:
            raise VerifyError(
                f"{hex32(address)} is not blank, says the algorithm's BlankCheck", address=address
            )


def is_for_the_wary(plan: RegionPlan, error: AlgorithmError) -> bool:
    """Say whether an error may come from reading blank flash, and BlankCheck could help."""
    reading = isinstance(error, AlgorithmCrash) and error.function == READING
    return reading and not plan.wary and plan.algorithm.has("BlankCheck")


def split_warily(plan: RegionPlan, segments: Sequence[Segment]) -> tuple[list[Segment], list[int]]:
    """Return what can be read of ``segments``, and the blocks that have to be blank."""
    touched = plan.touched()
    read: list[Segment] = []
    blank: dict[int, None] = {}
    for segment in segments:
        for part in plan.cut(Range(segment.address, len(segment.data))):
            block = plan.block_of(part.address)
            if block not in touched:
                blank[block] = None
                continue
            offset = part.address - segment.address
            read.append(Segment(part.address, segment.data[offset : offset + part.length]))
    return read, list(blank)
