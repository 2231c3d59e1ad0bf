"""Erases, programs and verifies through flash algorithms that run on the target.

A job is: plan (refuse what cannot be done; see what is there already, by sums), erase as little as
possible, program while the next pages travel, verify always. Everything runs with the core halted
right after a reset, so that nothing of the program (clocks, watchdog, interrupts, write protection)
is in the way; it is left halted, and its RAM is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from onchip.errors import EraseError, FlashError, PlanError, UsageError, VerifyError
from onchip.target.memory_map import FlashRegion, Sector

from . import job, placing, verify
from .block_run import BlockRun
from .blocks import block_crcs
from .command import hex32
from .image import Image
from .outline import SectorOutline, outline
from .planner import RegionPlan
from .progress import ProgressCallback, silent
from .regions import Regions
from .schedule import erased_length, expected_content
from .second_try import compare_again, program_again
from .segment import Segment
from .workbench import Workbench

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.client import DapClient
    from onchip.target.chip import Chip

    from .algorithm import FlashAlgorithm

EraseMode = Literal["sector", "chip"]


@dataclass(frozen=True, slots=True)
class ProgrammingReport:
    """What a job did; byte counts, and ``seconds`` of the link's time."""

    image_bytes: int = 0
    same_bytes: int = 0
    erased_bytes: int = 0
    programmed_bytes: int = 0
    kept_bytes: int = 0
    ram_bytes: int = 0
    verified_bytes: int = 0
    seconds: float = 0.0


class FlashEngine:
    """Programs one chip.

    ``algorithm`` is an FLM file to use instead of the chip's own; ``ram`` (address, length) is
    where algorithms may run, when the chip's data do not say. Without ``stream`` nothing is written
    to the target while an algorithm runs, for those that cannot bear it.

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
        self._regions = Regions.of(chip, algorithm)
        if ram is None and chip.work_ram is not None:
            ram = (chip.work_ram.start, chip.work_ram.length)
        self._bench = Workbench(core, chip, ram, stream=stream)

    @property
    def regions(self) -> tuple[FlashRegion, ...]:
        """The flash regions that can be programmed, in order of address."""
        return self._regions.all

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
        plans, in_ram = self._plans(image, erase=erase, keep=keep, skip_same=skip_same, also=also)
        if not plans:
            self._core.halt()
            self._load_ram(in_ram)
            return self._report(plans, in_ram, started)
        if not reset:
            self._core.halt()
        bench = self._bench
        with bench.reset_target() if reset else bench.borrowed_target(plans, programs=True):
            job.survey(self._bench, plans, progress)
            changed = [plan for plan in plans if plan.erase_all or plan.erase or plan.writes()]
            self._carry_out(changed, progress, read_back=plans if read_back else ())
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
        plans, _ = self._plans(image, erase=erase, keep=keep, skip_same=skip_same, also=also)
        self._core.halt()
        if plans:
            with self._bench.borrowed_target(plans):
                job.survey(self._bench, plans, progress)
        return [sector for plan in plans for sector in outline(plan)]

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
        plans = self._erase_plans(what)
        self._check_fits(plans)
        with self._bench.reset_target():
            job.carry_out(self._bench, plans, self._chip.clock_hz, progress)
            try:
                job.check(self._bench, plans, progress)
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
        parts = self._split(image)
        plans = [
            RegionPlan(region, self._regions.algorithm(region), pieces)
            for region, pieces in parts.flash.items()
        ]
        self._check_fits(plans)
        self._core.halt()
        verify.compare_memory(self._core.memory, parts.ram)
        if plans:
            with self._bench.borrowed_target(plans):
                try:
                    job.check(self._bench, plans, progress)
                except VerifyError as error:
                    compare_again(self._bench, self._client, plans, error)
                    raise
        return ProgrammingReport(
            image_bytes=image.length,
            same_bytes=image.length,
            verified_bytes=image.length,
            seconds=self._now() - started,
        )

    def checksums(self, ranges: Sequence[tuple[int, int]]) -> list[int]:
        """Return the CRC-32 of each range (address, length) of flash, computed by the target.

        The core is left halted, its registers and RAM as found.

        Raises:
            PlanError: a range is not in flash, or no RAM is known.
            AlgorithmError, TransferError, ProbeError, TargetError: as `program`.
        """
        for address, length in ranges:
            if not any(r.contains(address, length) for r in self._regions.all):
                raise PlanError(
                    f"{length} bytes at {hex32(address)} are not in one flash region",
                    address=address,
                    hint=self._flash_hint(),
                )
        if not self._bench.has_ram:
            raise PlanError(f"where code may run in the RAM of {self._chip.name} is not known")
        self._core.halt()
        with self._bench.borrowed_target(()):
            runs = [BlockRun(address, length, 1) for address, length in ranges]
            return block_crcs(self._bench.any_runner(), runs)

    # -- planning ----------------------------------------------------------------------------------

    def _split(self, image: Image) -> placing.Split:
        image = placing.without_mirrors(image, self._chip)
        image = placing.with_vector_checksum(image, self._chip)
        return placing.split(image, self._chip, self._regions.all)

    def _plans(
        self,
        image: Image,
        *,
        erase: EraseMode,
        keep: bool,
        skip_same: bool,
        also: Collection[str],
    ) -> tuple[list[RegionPlan], tuple[Segment, ...]]:
        """Return what concerns each flash region, and what goes to RAM; refuse what cannot be."""
        if erase not in ("sector", "chip"):
            raise UsageError(f"erase={erase!r} cannot be meant", hint="use sector or chip")
        parts = self._split(image)
        # who gives the algorithm for a region has asked for it
        given = self._regions.given
        unasked = [r for r in parts.flash if given is None or r.algorithm != given.source]
        placing.check_named(unasked, also, self._chip)
        plans = [
            RegionPlan(
                region,
                self._regions.algorithm(region),
                pieces,
                keep,
                erase == "chip",
                not skip_same,
            )
            for region, pieces in parts.flash.items()
        ]
        self._check_fits(plans)
        return plans, parts.ram

    def _erase_plans(self, what: Literal["chip"] | Sequence[tuple[int, int]]) -> list[RegionPlan]:
        if what == "chip":
            regions = [r for r in self._regions.all if r.chip_erase and r.algorithm]
            if not regions:
                raise PlanError(f"{self._chip.name} has no flash that could be erased")
            return [RegionPlan(r, self._regions.algorithm(r), (), erase_all=True) for r in regions]
        sectors: dict[FlashRegion, dict[int, Sector]] = {}
        for address, length in what:
            at = address
            while at < address + length:
                region = next((r for r in self._regions.all if r.contains(at)), None)
                if region is None:
                    raise PlanError(
                        f"{hex32(at)} is not in flash", address=at, hint=self._flash_hint()
                    )
                sector = region.sector_at(at)
                sectors.setdefault(region, {})[sector.start] = sector
                at = sector.end
        plans = []
        for region, found in sectors.items():
            plan = RegionPlan(region, self._regions.algorithm(region), (), keep=False)
            plan.erase = [found[start] for start in sorted(found)]
            plans.append(plan)
        if not plans:
            raise PlanError("there is nothing to erase", hint="give an address and a length")
        return plans

    def _flash_hint(self) -> str:
        return f"flash is {', '.join(map(str, self._regions.all)) or 'not known of this chip'}"

    def _check_fits(self, plans: Sequence[RegionPlan]) -> None:
        """Refuse before anything is touched what could not be run.

        Raises:
            PlanError: no RAM is known, or the algorithm given is for other addresses.
            AlgorithmError: an algorithm does not fit it, or lacks a function that is needed.
        """
        given = self._regions.given
        if given is not None and plans and all(plan.algorithm is not given for plan in plans):
            device = given.device
            raise PlanError(
                f"{given.source} is for 0x{device.start:08X}-0x{device.end - 1:08X}, "
                "where this job has nothing to do",
                hint="leave it out to use the chip's own algorithm",
            )
        self._bench.check_fits(plans)

    # -- the end ---------------------------------------------------------------------------------

    def _carry_out(
        self,
        changed: Sequence[RegionPlan],
        progress: ProgressCallback,
        *,
        read_back: Sequence[RegionPlan],
    ) -> None:
        """Erase, program and verify; a failure tells whether a slower wire would have helped."""
        try:
            job.carry_out(self._bench, changed, self._chip.clock_hz, progress)
            job.check(self._bench, changed, progress)
            if read_back:
                job.read_back(self._bench, read_back)
        except FlashError as error:
            if isinstance(error, VerifyError):
                program_again(self._bench, self._client, changed, self._chip.clock_hz, error)
            error.hint = error.hint or "the flash is incomplete now: program it again"
            raise

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
        image_bytes = sum(plan.image_bytes for plan in plans)
        ram_bytes = sum(len(segment.data) for segment in ram)
        return ProgrammingReport(
            image_bytes=image_bytes + ram_bytes,
            same_bytes=sum(plan.same_bytes for plan in plans),
            erased_bytes=sum(erased_length(plan) for plan in plans),
            programmed_bytes=sum(len(w.data) for plan in plans for w in plan.writes()),
            kept_bytes=sum(plan.kept_bytes for plan in plans),
            ram_bytes=ram_bytes,
            verified_bytes=sum(len(s.data) for p in plans for s in expected_content(p)) + ram_bytes,
            seconds=self._now() - started,
        )
