"""Erases, programs and verifies through flash algorithms that run on the target.

A job is: plan (refuse what cannot be done; see what is there already, by sums), erase as little as
possible, program while the next pages travel, verify always. Everything runs with the core halted
right after a reset, so that nothing of the program (clocks, watchdog, interrupts, write protection)
is in the way; it is left halted, and its RAM is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from onchip.errors import EraseError, PlanError, VerifyError
from onchip.target.memory_map import FlashRegion

from . import job
from .attempts import attempt, program
from .comparing import verify
from .comparing.blocks import block_crcs
from .images.image import Image
from .images.segment import Segment
from .planning import placing
from .planning.outline import SectorOutline, outline
from .planning.planner import RegionPlan
from .planning.planning import EraseMode, Planning
from .planning.regions import Regions
from .progress import ProgressCallback, silent
from .report import ProgrammingReport, report_of
from .running.block_run import BlockRun
from .second_try import compare_again
from .workbench import Workbench

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.client import DapClient
    from onchip.target.chip import Chip

    from .algorithm import FlashAlgorithm

T = TypeVar("T")


class FlashEngine:
    """Programs one chip.

    ``algorithm`` is an FLM file to use instead of the chip's own; ``ram`` (address, length) is
    where algorithms may run, when the chip's data do not say. Without ``stream`` nothing is written
    to the target while an algorithm runs, for those that cannot bear it, and no driver is there.

    Raises:
        AlgorithmError: the FLM file cannot be used.
    """

    def __init__(
        self,
        core: Core,
        chip: Chip,
        *,
        algorithm: str | Path | FlashAlgorithm | None = None,
        ram: tuple[int, int] | None = None,
        stream: bool = True,
    ) -> None:
        self._core = core
        self._chip = chip
        self._planning = Planning(chip, Regions.of(chip, algorithm))
        if ram is None and chip.work_ram is not None:
            ram = (chip.work_ram.start, chip.work_ram.length)
        self._bench = Workbench(core, chip, ram, stream=stream)

    @property
    def regions(self) -> tuple[FlashRegion, ...]:
        """The flash regions that can be programmed, in order of address."""
        return self._planning.regions.all

    # -- verbs -------------------------------------------------------------------------------------

    def program(
        self,
        image: Image,
        *,
        erase: EraseMode = "sector",
        keep: bool = True,
        allow_lock: bool = False,
        skip_same: bool = True,
        also: Collection[str] = (),
        read_back: bool = False,
        reset: bool = True,
        progress: ProgressCallback = silent,
    ) -> ProgrammingReport:
        """Make the chip hold ``image``, verified. The core is left halted after a reset.

        Segments in RAM are written to RAM, last.

        Args:
            image: what to program.
            erase: ``sector`` erases only sectors whose contents must change, ``chip`` all flash
                of the regions that the image touches.
            keep: bytes of erased sectors that the image does not cover are put back.
            allow_lock: program words that turn read-out protection on.
            skip_same: leave sectors alone that hold the image's bytes already.
            also: names of regions of options (UICR) that the image may write to.
            read_back: verify by reading every byte too, not only by the target's sums.
            reset: begin with a reset; else the core is halted where it is, and its registers and
                the RAM that the algorithm takes are put back, so that the program can go on.
            progress: called with a `Progress` now and then.

        Raises:
            PlanError: refused; nothing was erased.
            EraseError, ProgramError, VerifyError, AlgorithmError: failed; ``address`` says where.
            TransferError, ProbeError, TargetError: the way to the target broke.
        """
        started = self._now()
        if not allow_lock:
            placing.check_guards(image, self._chip)
        plans, in_ram = self._planning.for_image(
            image, erase=erase, keep=keep, skip_same=skip_same, also=also
        )
        self._check_fits(plans)
        if not plans:
            self._core.halt()
        else:
            if not reset:
                self._core.halt()
            plans = program(
                self._bench, self._client, plans, progress, reset=reset, read_back=read_back
            )
        self._load_ram(in_ram)
        return self._report(plans, in_ram, started)

    def plan(
        self,
        image: Image,
        *,
        erase: EraseMode = "sector",
        keep: bool = True,
        skip_same: bool = True,
        also: Collection[str] = (),
        progress: ProgressCallback = silent,
    ) -> list[SectorOutline]:
        """Say what `program` would do to each sector, and do nothing.

        The core is left halted, its registers and RAM as found.

        Raises:
            PlanError: `program` would refuse.
            AlgorithmError, TransferError, ProbeError, TargetError: as `program`.
        """
        placing.check_guards(image, self._chip)
        plans, _ = self._planning.for_image(
            image, erase=erase, keep=keep, skip_same=skip_same, also=also
        )
        self._check_fits(plans)
        self._core.halt()

        def look() -> list[RegionPlan]:
            fresh = [plan.fresh() for plan in plans]
            with self._bench.borrowed_target(fresh):
                job.survey(self._bench, fresh, progress)
            return fresh

        decided = self._attempt(look, plans) if plans else []
        return [sector for plan in decided for sector in outline(plan)]

    def erase(
        self,
        what: Literal["chip"] | Sequence[tuple[int, int]],
        *,
        progress: ProgressCallback = silent,
    ) -> ProgrammingReport:
        """Erase the sectors that ranges (address, length) touch, or the whole chip.

        The core is left halted after a reset.

        Raises:
            PlanError: a range is not in flash; nothing was erased.
            EraseError: it was not erased, or is not blank; ``address`` says where.
            AlgorithmError, TransferError, ProbeError, TargetError: as `program`.
        """
        started = self._now()
        plans = self._planning.to_erase(what)
        self._check_fits(plans)

        def work() -> None:
            with self._bench.reset_target():
                job.carry_out(self._bench, plans, self._chip.clock_hz, progress)
                job.check(self._bench, plans, progress)

        try:
            self._attempt(work, plans)
        except VerifyError as error:
            raise EraseError(
                f"not blank after erasing: {error.message}", address=error.address
            ) from error
        return self._report(plans, (), started)

    def verify(self, image: Image, *, progress: ProgressCallback = silent) -> ProgrammingReport:
        """Compare the chip with ``image``. The core is left halted, its registers and RAM as found.

        Raises:
            PlanError: a byte of the image has no place on this chip.
            VerifyError: with the first address that differs.
            AlgorithmError, TransferError, ProbeError, TargetError: as `program`.
        """
        started = self._now()
        plans, in_ram = self._planning.to_compare(image)
        self._check_fits(plans)
        self._core.halt()
        verify.compare_memory(self._core.memory, in_ram)

        def work() -> None:
            with self._bench.borrowed_target(plans):
                try:
                    job.check(self._bench, plans, progress)
                except VerifyError as error:
                    compare_again(self._bench, self._client, plans, error)
                    raise

        if plans:
            self._attempt(work, plans)
        return ProgrammingReport(
            image_bytes=image.length,
            same_bytes=image.length,
            verified_bytes=image.length,
            seconds=self._now() - started,
            mode=self._bench.ladder.rung.value,
            mode_because=self._bench.ladder.because,
        )

    def checksums(self, ranges: Sequence[tuple[int, int]]) -> list[int]:
        """Return the CRC-32 of each range (address, length) of flash, computed by the target.

        The core is left halted, its registers and RAM as found.

        Raises:
            PlanError: a range is not in flash, or no RAM is known.
            AlgorithmError, TransferError, ProbeError, TargetError: as `program`.
        """
        for address, length in ranges:
            self._planning.check_range(address, length)
        if not self._bench.has_ram:
            raise PlanError(f"where code may run in the RAM of {self._chip.name} is not known")
        self._core.halt()
        runs = [BlockRun(address, length, 1) for address, length in ranges]

        def work() -> list[int]:
            with self._bench.borrowed_target(()):
                return block_crcs(self._bench.crc_runner(), runs)

        return self._attempt(work, ())

    # -- within ------------------------------------------------------------------------------------

    def _check_fits(self, plans: Sequence[RegionPlan]) -> None:
        """Refuse before anything is touched what could not be run.

        Raises:
            PlanError: no RAM is known, or the algorithm given is for other addresses.
            AlgorithmError: an algorithm does not fit it, or lacks a function that is needed.
        """
        given = self._planning.regions.given
        if given is not None and plans and all(plan.algorithm is not given for plan in plans):
            device = given.device
            raise PlanError(
                f"{given.source} is for 0x{device.start:08X}-0x{device.end - 1:08X}, "
                "where this job has nothing to do",
                hint="leave it out to use the chip's own algorithm",
            )
        self._bench.check_fits(plans)

    def _attempt(self, work: Callable[[], T], plans: Sequence[RegionPlan]) -> T:
        return attempt(self._bench.ladder, work, plans)

    def _load_ram(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            self._core.memory.write(segment.address, segment.data)
        verify.compare_memory(self._core.memory, segments)

    @property
    def _client(self) -> DapClient:
        return self._core.ap.dp.client

    def _now(self) -> float:
        return self._core.now()

    def _report(
        self, plans: Sequence[RegionPlan], ram: Sequence[Segment], started: float
    ) -> ProgrammingReport:
        ladder = self._bench.ladder
        seconds = self._now() - started
        return report_of(plans, ram, seconds, ladder.rung.value, ladder.because)
