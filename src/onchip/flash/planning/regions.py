"""Which flash regions a job has, and the algorithm of each: the chip's own, or a user's file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

from onchip.errors import AlgorithmError, PlanError
from onchip.target.chip import Chip
from onchip.target.memory_map import FlashRegion, RegionKind, SectorRun

from ..algorithm import FlashAlgorithm


@cache
def built_in(name: str) -> FlashAlgorithm:
    """Return one of our own algorithms, by the file name that chip data give.

    Raises:
        AlgorithmError: there is none of that name.
    """
    entry = resources.files("onchip.flash").joinpath("algorithms").joinpath(name)
    try:
        data = entry.read_bytes()
    except OSError as error:
        raise AlgorithmError(f"no algorithm {name} is built in") from error
    return FlashAlgorithm.parse(data, source=name)


@dataclass(frozen=True, slots=True)
class Regions:
    """The flash regions of a job; ``given`` replaces the chip's algorithm where it applies."""

    all: tuple[FlashRegion, ...]
    given: FlashAlgorithm | None = None

    @classmethod
    def of(cls, chip: Chip, path: str | Path | FlashAlgorithm | None) -> Regions:
        """Take a chip's regions, with those that the algorithm (in ``path``) describes on top.

        Raises:
            AlgorithmError: the file cannot be used.
        """
        if path is None:
            return cls(chip.memory_map.flash)
        given = path if isinstance(path, FlashAlgorithm) else FlashAlgorithm.load(path)
        mine = region_of(given, chip, given.source)
        others = [r for r in chip.memory_map.flash if r.end <= mine.start or r.start >= mine.end]
        return cls(tuple(sorted((*others, mine), key=lambda r: r.start)), given)

    def algorithm(self, region: FlashRegion) -> FlashAlgorithm:
        """Return the algorithm of a region.

        Raises:
            PlanError: the region has none, or one that does not reach all of it.
        """
        if self.given is not None and region.algorithm == self.given.source:
            return self.given
        if not region.algorithm:
            raise PlanError(f"no algorithm is known for {region}", address=region.start)
        if region.algorithm_data:
            algorithm = FlashAlgorithm.parse(region.algorithm_data, source=region.algorithm)
        else:
            algorithm = built_in(region.algorithm)
        device = algorithm.device
        if not device.start <= region.start < region.end <= device.end:
            raise PlanError(
                f"{region.algorithm} is for 0x{device.start:08X}-0x{device.end - 1:08X}, "
                f"not for all of {region}",
                address=region.start,
            )
        return algorithm


def region_of(
    algorithm: FlashAlgorithm, chip: Chip, source: str, *, end: int | None = None
) -> FlashRegion:
    """Describe the flash of an algorithm as a region of the chip.

    One file often serves a whole family, and then names its largest flash: what the chip is known
    to have less, or what lies from ``end`` on, is cut off.
    """
    device = algorithm.device
    known = chip.memory_map.find(device.start)
    end = device.end if end is None else min(device.end, end)
    if known is not None and known.kind is RegionKind.FLASH:
        end = min(end, known.end)
    runs = _clip(device.sectors, end)
    start = runs[0].start if runs else device.start
    end = runs[-1].end if runs else device.start
    region = FlashRegion(
        name=known.name if isinstance(known, FlashRegion) else "flash",
        start=start,
        length=end - start,
        kind=RegionKind.FLASH,
        sectors=runs,
        erased_value=device.erased_value,
        page_size=device.page_size,
        algorithm=source,
    )
    if isinstance(known, FlashRegion):
        return replace(region, chip_erase=known.chip_erase)
    return region


def _clip(runs: Sequence[SectorRun], end: int) -> tuple[SectorRun, ...]:
    """Leave out what lies at or after ``end``; a last sector that straddles it is shortened."""
    kept = []
    for run in runs:
        whole = min(run.count, max(0, end - run.start) // run.size)
        if whole:
            kept.append(SectorRun(run.start, run.size, whole))
        at = run.start + whole * run.size
        if whole < run.count and at < end:
            kept.append(SectorRun(at, end - at, 1))
    return tuple(kept)
