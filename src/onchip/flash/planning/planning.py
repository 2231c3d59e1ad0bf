"""Makes the plans of a job out of an image, or of ranges; refuses what has no place on the chip."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from onchip.errors import PlanError, UsageError
from onchip.target.chip import Chip
from onchip.target.memory_map import FlashRegion, Sector

from ..images.image import Image
from ..images.segment import Segment
from ..running.command import hex32
from . import placing
from .planner import RegionPlan
from .regions import Regions

EraseMode = Literal["sector", "chip"]


@dataclass(frozen=True, slots=True)
class Planning:
    """Knows one chip and the flash regions of its jobs."""

    chip: Chip
    regions: Regions

    def for_image(
        self,
        image: Image,
        *,
        erase: EraseMode,
        keep: bool,
        skip_same: bool,
        also: Collection[str],
    ) -> tuple[list[RegionPlan], tuple[Segment, ...]]:
        """Return what concerns each flash region, and what goes to RAM.

        Raises:
            PlanError, AlgorithmError: it cannot be done.
        """
        if erase not in ("sector", "chip"):
            raise UsageError(f"erase={erase!r} cannot be meant", hint="use sector or chip")
        parts = self._split(image)
        # who gives the algorithm for a region has asked for it
        given = self.regions.given
        unasked = [r for r in parts.flash if given is None or r.algorithm != given.source]
        placing.check_named(unasked, also, self.chip)
        plans = [
            RegionPlan(
                region,
                self.regions.algorithm(region),
                pieces,
                keep,
                erase == "chip",
                not skip_same,
            )
            for region, pieces in parts.flash.items()
        ]
        return plans, parts.ram

    def to_compare(self, image: Image) -> tuple[list[RegionPlan], tuple[Segment, ...]]:
        """Return what an image has for each flash region, and for RAM.

        Raises:
            PlanError, AlgorithmError: a byte of it has no place on this chip.
        """
        parts = self._split(image)
        plans = [
            RegionPlan(region, self.regions.algorithm(region), pieces)
            for region, pieces in parts.flash.items()
        ]
        return plans, parts.ram

    def to_erase(self, what: Literal["chip"] | Sequence[tuple[int, int]]) -> list[RegionPlan]:
        """Return what has to be erased of each region: all, or what ranges touch.

        Raises:
            PlanError: a range is not in flash, or there is nothing to erase.
        """
        if what == "chip":
            regions = [r for r in self.regions.all if r.chip_erase and r.algorithm]
            if not regions:
                raise PlanError(f"{self.chip.name} has no flash that could be erased")
            return [RegionPlan(r, self.regions.algorithm(r), (), erase_all=True) for r in regions]
        plans = []
        for region, found in self._sectors(what).items():
            plan = RegionPlan(region, self.regions.algorithm(region), (), keep=False)
            plan.erase = [found[start] for start in sorted(found)]
            plans.append(plan)
        if not plans:
            raise PlanError("there is nothing to erase", hint="give an address and a length")
        return plans

    def check_range(self, address: int, length: int) -> None:
        """Refuse what does not lie in one flash region.

        Raises:
            PlanError: it does not.
        """
        if not any(region.contains(address, length) for region in self.regions.all):
            raise PlanError(
                f"{length} bytes at {hex32(address)} are not in one flash region",
                address=address,
                hint=self._hint(),
            )

    def _split(self, image: Image) -> placing.Split:
        image = placing.without_mirrors(image, self.chip)
        image = placing.with_vector_checksum(image, self.chip)
        return placing.split(image, self.chip, self.regions.all)

    def _sectors(self, ranges: Sequence[tuple[int, int]]) -> dict[FlashRegion, dict[int, Sector]]:
        sectors: dict[FlashRegion, dict[int, Sector]] = {}
        for address, length in ranges:
            at = address
            while at < address + length:
                region = next((r for r in self.regions.all if r.contains(at)), None)
                if region is None:
                    raise PlanError(f"{hex32(at)} is not in flash", address=at, hint=self._hint())
                sector = region.sector_at(at)
                sectors.setdefault(region, {})[sector.start] = sector
                at = sector.end
        return sectors

    def _hint(self) -> str:
        return f"flash is {', '.join(map(str, self.regions.all)) or 'not known of this chip'}"
