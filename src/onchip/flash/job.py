"""What is done to the target for a plan: look, erase and program, verify."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from onchip.errors import PlanError, VerifyError

from .comparing import verify
from .comparing.blankness import check_blank, doubt, split_warily, told_blank
from .planning.planner import Range, RegionPlan
from .planning.schedule import commands, erased_length, expected_content, verifying
from .progress import Meter, Phases, ProgressCallback, uncounted
from .running.command import Command
from .running.runner import Runner
from .running.sums import AS_WANTED, TOLD_BLANK, Sums, blank_sums
from .running.sums import sums as image_sums

if TYPE_CHECKING:
    from .workbench import Workbench


def survey(bench: Workbench, plans: Sequence[RegionPlan], progress: ProgressCallback) -> None:
    """Find out what is there, decide, and read what has to survive an erase.

    Raises:
        PlanError: a sector has to be erased, and the algorithm cannot.
        AlgorithmError: the flash cannot be read by the target.
        TransferError, ProbeError: the way to the target broke.
    """
    wanted = [plan for plan in plans if not plan.erase_all]
    for plan in wanted:
        if plan.algorithm.is_only_verifier:
            _decide_unseen(plan)
    wanted = [plan for plan in wanted if not plan.algorithm.is_only_verifier]
    meter = Meter(progress, "plan", sum(r.length for p in wanted for r in p.survey()))
    meter(0)
    for plan, runner in bench.runners(wanted):
        if plan.wary:
            sums = _look_warily(runner, plan, bench.clock_hz, plan.survey())
        else:
            sums = _look_over(runner, plan, meter)
        plan.decide(sums)
        kept = plan.kept_ranges()
        missing = [r for r in kept if any(part not in sums for part in plan.cut(r))]
        if plan.wary:
            sums |= _look_warily(runner, plan, bench.clock_hz, missing)
        else:
            sums |= _sums(runner, plan, missing, uncounted)
        parts = plan.kept_parts(sums)
        for part in parts:
            plan.keep_bytes(part.address, runner.memory.read(part.address, part.length))
        if parts:
            runner.check()  # what was read must not be what a reset maps over the flash
        if plan.erase and not plan.algorithm.has("EraseSector"):
            raise PlanError(
                f"{plan.algorithm.source} cannot erase sectors, and {plan.region} is not blank",
                address=plan.erase[0].start,
                hint="erase the whole chip",
            )


def _decide_unseen(plan: RegionPlan) -> None:
    plan.decide_unseen()
    kept = plan.kept_ranges()
    if kept:
        raise PlanError(
            f"what {plan.region} holds beside the image cannot be read, and so cannot be kept",
            address=kept[0].address,
            hint="--no-keep (keep=False) drops it",
        )


def _look_over(runner: Runner, plan: RegionPlan, meter: Meter) -> dict[Range, Sums]:
    """Return the sums that `RegionPlan.decide` wants, by few large blocks where these suffice.

    A large block that is right, or blank, needs no closer look; so an image that is there already
    costs few answers.
    """
    found: dict[Range, Sums] = {}
    closer: list[Range] = []
    blank = plan.algorithm.device.erased_value
    for part, answer in _sums(runner, plan, plan.survey(), meter, _large_block(plan)).items():
        wanted = verify.content(plan.pieces, part)
        if wanted is None:
            found[part] = answer  # beside the image: a part of a block
        elif answer == blank_sums(part.length, part.address & 3, blank):
            for piece in plan.cut(part):
                found[piece] = blank_sums(piece.length, piece.address & 3, blank)
        elif answer == image_sums(wanted, part.address):
            found.update(dict.fromkeys(plan.cut(part), AS_WANTED))
        else:
            closer.append(part)
    return found | _sums(runner, plan, closer, uncounted)


def _look_warily(
    runner: Runner, plan: RegionPlan, clock_hz: int, ranges: Sequence[Range]
) -> dict[Range, Sums]:
    """Return the sums of what is not blank, once BlankCheck has told that of each block."""
    parts = [part for item in ranges for part in plan.cut(item)]
    blocks = {plan.block_of(part.address) for part in parts}
    blank = told_blank(runner, plan, clock_hz, blocks)
    found = {part: TOLD_BLANK for part in parts if plan.block_of(part.address) in blank}
    rest = [part for part in parts if part not in found]
    return found | _sums(runner, plan, rest, uncounted)


def _large_block(plan: RegionPlan) -> int:
    return max(plan.block, verify.BLOCK // plan.block * plan.block)


def carry_out(
    bench: Workbench, plans: Sequence[RegionPlan], clock_hz: int, progress: ProgressCallback
) -> None:
    """Erase and program what the plans ask for.

    Raises:
        EraseError, ProgramError, AlgorithmError: a call failed, crashed, or did not return.
        TransferError, ProbeError: the way to the target broke.
    """
    phases = Phases(
        progress,
        sum(erased_length(plan) for plan in plans),
        sum(len(write.data) for plan in plans for write in plan.writes()),
    )

    def done(command: Command) -> None:
        if command.name == "ProgramPage":
            phases.programmed(command.progress)
        else:
            phases.erased(command.progress)

    for plan in plans:
        if plan.erase or plan.erase_all or plan.writes():
            runner = bench.runner(plan.algorithm)
            runner.run(commands(runner, plan, clock_hz), done)
            runner.finish(done)


def check(bench: Workbench, plans: Sequence[RegionPlan], progress: ProgressCallback) -> None:
    """Compare what is there with what has to be, by the target's sums over all of it.

    Flash that cannot be read is compared by the algorithm's own Verify, which wants all data again.

    Raises:
        VerifyError: with the first address that differs.
        AlgorithmError: the flash cannot be read by the target.
        TransferError, ProbeError: the way to the target broke.
    """
    expected = [(plan, expected_content(plan)) for plan in plans]
    total = sum(len(s.data) for _, segments in expected for s in segments)
    meter = Meter(progress, "verify", total)
    meter(0)
    for (plan, runner), (_, segments) in zip(bench.runners(plans), expected, strict=True):
        if plan.algorithm.is_only_verifier:
            runner.run(verifying(runner, plan), lambda command: meter(command.progress))
            runner.finish(lambda command: meter(command.progress))
            continue
        if plan.wary:
            segments, blank = split_warily(plan, segments)
            check_blank(runner, plan, bench.clock_hz, blank)
        ranges = [Range(segment.address, len(segment.data)) for segment in segments]
        sums = _sums(runner, plan, ranges, meter, _large_block(plan))
        try:
            verify.compare(runner.memory, segments, sums)
        except VerifyError as error:
            doubt(plan, error, segments)
            raise


def read_back(bench: Workbench, plans: Sequence[RegionPlan]) -> None:
    """Read what the image asks for, byte by byte.

    Raises:
        VerifyError: with the first address that differs.
        TransferError, ProbeError: the way to the target broke.
    """
    for plan, runner in bench.runners(plans):
        verify.compare_memory(runner.memory, plan.pieces)


def _sums(
    runner: Runner,
    plan: RegionPlan,
    ranges: Sequence[Range],
    meter: Callable[[int], None],
    block: int | None = None,
) -> dict[Range, Sums]:
    """Return the sums of what ``ranges`` are cut into: ``block`` bytes, or the plan's blocks."""
    if not ranges:
        return {}
    erased = plan.algorithm.device.erased_value
    return verify.survey(
        runner, ranges, block or plan.block, plan.region.start, erased_value=erased, done=meter
    )
