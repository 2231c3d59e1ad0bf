"""Decides what has to be erased and programmed; refuses what cannot be done, before anything is.

Nothing here touches the target. It goes in steps:

1. The image has been laid over the memory map (`placing`): these are its pieces in one region.
2. `RegionPlan.survey` lists the byte ranges whose sums tell what is there already.
3. `RegionPlan.decide` takes those sums; a block is then *same*, *programmable* (blank, all of
   it), or in need of its sector's erase.
4. Where a sector is to be erased, what the image does not cover is kept: `kept_ranges` have to be
   surveyed, those that are not blank have to be read, and `keep` takes them.
5. `writes` and `expected` are the result: what to program, and what has to be there in the end.

A block is the unit of the survey: some pages, at least 1 KiB, and never more than a sector.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from onchip.target.memory_map import FlashRegion, Sector

from ..algorithm import FlashAlgorithm
from ..images.segment import Segment
from ..running.block_run import BlockRun
from ..running.sums import AS_WANTED, TOLD_BLANK, Sums, blank_sums, sums

SMALLEST_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes whose sums are wanted."""

    address: int
    length: int

    @property
    def end(self) -> int:
        """The first address after the range."""
        return self.address + self.length


@dataclass(frozen=True, slots=True)
class Write:
    """A block to be programmed: whole pages, the rest of them filled with the erased value."""

    address: int
    data: bytes


def block_size(
    region: FlashRegion, algorithm: FlashAlgorithm, smallest: int = SMALLEST_BLOCK
) -> int:
    """Return the unit of planning: a divisor of every sector, whole pages where that can be."""
    sizes = [run.size for run in region.sectors]
    page, sector = algorithm.device.page_size, math.gcd(*sizes)
    block = sector if page >= sector else math.gcd(page, sector)
    while block < smallest and all(size % (2 * block) == 0 for size in sizes):
        block *= 2
    return block


def runs_of(ranges: Iterable[Range], block: int, origin: int) -> list[BlockRun]:
    """Cut ranges at block borders and join equal neighbours to runs, in the order of ``ranges``."""
    runs: list[BlockRun] = []
    for item in ranges:
        for part in _cut(item, block, origin):
            last = runs[-1] if runs else None
            joins = (
                last is not None
                and part.length == block == last.block
                and last.address + last.block * last.count == part.address
            )
            if joins and last is not None:
                runs[-1] = BlockRun(last.address, block, last.count + 1)
            else:
                runs.append(BlockRun(part.address, part.length, 1))
    return runs


def _cut(item: Range, block: int, origin: int) -> list[Range]:
    parts = []
    address = item.address
    while address < item.end:
        border = origin + ((address - origin) // block + 1) * block
        end = min(border, item.end)
        parts.append(Range(address, end - address))
        address = end
    return parts


@dataclass(slots=True)
class RegionPlan:
    """What is to happen in one flash region.

    ``keep``: bytes of erased sectors that the image does not cover survive. ``rewrite``: sectors
    are erased and programmed even where they hold the image's bytes already. ``voids`` have to be
    blank. ``wary``: blank flash cannot be read, so the algorithm's BlankCheck is asked; a block is
    then a page, and what the image has is programmed though it be blank.
    """

    region: FlashRegion
    algorithm: FlashAlgorithm
    pieces: tuple[Segment, ...]
    keep: bool = True
    erase_all: bool = False
    rewrite: bool = False
    wary: bool = False
    voids: tuple[Segment, ...] = ()
    erase: list[Sector] = field(default_factory=list)
    _states: dict[int, str] = field(default_factory=dict)
    _kept: list[Segment] = field(default_factory=list)
    _writes: list[Write] | None = None

    @property
    def block(self) -> int:
        """Bytes in a block."""
        return block_size(self.region, self.algorithm, 1 if self.wary else SMALLEST_BLOCK)

    @property
    def image_bytes(self) -> int:
        """Bytes that the image has for this region."""
        return sum(len(piece.data) for piece in self.pieces)

    @property
    def same_bytes(self) -> int:
        """Bytes of the image that are there already and are left alone."""
        return sum(
            part.length
            for piece in self.pieces
            for part in self._parts(piece)
            if self._states.get(self.block_of(part.address)) == "same"
        )

    @property
    def states(self) -> Mapping[int, str]:
        """What `decide` found, by a block's address: same, programmable, erase, or unseen."""
        return self._states

    @property
    def kept(self) -> Sequence[Segment]:
        """The bytes that `keep_bytes` was given."""
        return self._kept

    @property
    def kept_bytes(self) -> int:
        """Bytes that the image does not cover and that were put back after an erase."""
        return sum(len(piece.data) for piece in self._kept)

    def again(self) -> RegionPlan:
        """Return a plan for what this one wants, which `decide` has seen and which was cut short.

        What had to be kept is the plan's own by now: it may be gone from the chip.
        """
        pieces = sorted((*self.pieces, *self._kept), key=lambda piece: piece.address)
        return replace(self.fresh(), pieces=tuple(pieces), voids=(*self.voids, *self._blanks()))

    def fresh(self) -> RegionPlan:
        """Return this plan as it was before `decide`."""
        return RegionPlan(
            *(self.region, self.algorithm, self.pieces, self.keep, self.erase_all, self.rewrite),
            *(self.wary, self.voids),
        )

    def survey(self) -> list[Range]:
        """Return the ranges whose sums `decide` wants: the image's, then what fills its blocks."""
        return [Range(p.address, len(p.data)) for p in self._covering()] + self._fillers()

    def decide(self, found: Mapping[Range, Sums]) -> None:
        """Classify blocks by the sums of the parts that `survey` was cut into."""
        if self.erase_all:
            return
        same: dict[int, bool] = {}
        blank: dict[int, bool] = {}
        for piece in self._covering():
            for part in self._parts(piece):
                block = self.block_of(part.address)
                offset = part.address - piece.address
                data = piece.data[offset : offset + part.length]
                empty = self._is_blank(part, found)
                if found[part] == AS_WANTED:
                    good, empty = True, data == self._blank(part.length)
                elif found[part] == TOLD_BLANK:
                    good = piece in self.voids
                else:
                    good = found[part] == sums(data, part.address)
                same[block] = same.get(block, True) and good
                blank[block] = blank.get(block, True) and empty
        for filler in self._fillers():
            block = self.block_of(filler.address)
            blank[block] = blank[block] and self._is_blank(filler, found)
        for block in same:
            keeps = same[block] and not self.rewrite
            state = "same" if keeps else "programmable" if blank[block] else "erase"
            self._states[block] = state
        starts = sorted(block for block, state in self._states.items() if state == "erase")
        sectors = {self.region.sector_at(start).start: start for start in starts}
        self.erase = [self.region.sector_at(start) for start in sorted(sectors)]

    def decide_unseen(self) -> None:
        """Erase and program all of it: nothing can be said of what is there."""
        if self.erase_all:
            return
        blocks = self.touched()
        self._states.update(dict.fromkeys(blocks, "unseen"))
        starts = {self.region.sector_at(block).start for block in blocks}
        self.erase = [self.region.sector_at(start) for start in sorted(starts)]

    def touched(self) -> set[int]:
        """Return the blocks that image and kept bytes lie in."""
        pieces = (*self.pieces, *self._kept)
        return {self.block_of(part.address) for piece in pieces for part in self._parts(piece)}

    def kept_ranges(self) -> list[Range]:
        """Return what the image leaves uncovered in sectors that will be erased."""
        if not self.keep or self.erase_all:
            return []
        return [gap for sector in self.erase for gap in self._gaps(sector.start, sector.end)]

    def kept_parts(self, found: Mapping[Range, Sums]) -> list[Range]:
        """Return the parts of `kept_ranges` that are not blank: these have to be read."""
        parts = [part for item in self.kept_ranges() for part in self.cut(item)]
        return [part for part in parts if not self._is_blank(part, found)]

    def keep_bytes(self, address: int, data: bytes) -> None:
        """Take the bytes of one of `kept_parts`."""
        self._kept.append(Segment(address, data))
        self._writes = None

    def writes(self) -> list[Write]:
        """Return the blocks to program, in order; those that will be blank anyway are left out."""
        if self._writes is None:
            self._writes = self._find_writes()
        return self._writes

    def _find_writes(self) -> list[Write]:
        blocks: dict[int, bytearray] = {}
        erased = {s.start for s in self.erase}
        for piece in (*self.pieces, *self._kept):
            for part in self._parts(piece):
                start = self.block_of(part.address)
                fresh = self.erase_all or self.region.sector_at(start).start in erased
                if not fresh and self._states[start] == "same":
                    continue
                content = blocks.setdefault(start, bytearray(self._blank(self.block)))
                offset = part.address - piece.address
                at = part.address - start
                content[at : at + part.length] = piece.data[offset : offset + part.length]
        blank = self._blank(self.block)
        return [
            Write(start, bytes(blocks[start]))
            for start in sorted(blocks)
            if self.wary or blocks[start] != blank
        ]

    def expected(self) -> list[Segment]:
        """Return everything that has to be there in the end: image, kept bytes, blank rest."""
        result = [*self.pieces, *self._kept, *self.voids, *self._blanks()]
        return sorted(result, key=lambda s: s.address)

    def _blanks(self) -> list[Segment]:
        """Return what will be blank in sectors that are erased."""
        if self.erase_all:
            return []
        kept = {segment.address for segment in self._kept}
        return [
            Segment(part.address, self._blank(part.length))
            for sector in self.erase
            for gap in self._gaps(sector.start, sector.end)
            for part in self.cut(gap)
            if part.address not in kept
        ]

    def cut(self, item: Range) -> list[Range]:
        """Cut a range at block borders."""
        return _cut(item, self.block, self.region.start)

    def _covering(self) -> Sequence[Segment]:
        """Return the pieces of the image, and what has to be blank, in order."""
        if not self.voids:
            return self.pieces
        return sorted((*self.pieces, *self.voids), key=lambda segment: segment.address)

    def _parts(self, piece: Segment) -> list[Range]:
        return self.cut(Range(piece.address, len(piece.data)))

    def block_of(self, address: int) -> int:
        """Return where the block begins that holds an address."""
        return address - (address - self.region.start) % self.block

    def _blank(self, length: int) -> bytes:
        return bytes([self.algorithm.device.erased_value]) * length

    def _is_blank(self, part: Range, found: Mapping[Range, Sums]) -> bool:
        if self.wary:
            return found[part] == TOLD_BLANK
        return found[part] == blank_sums(
            part.length, part.address & 3, self.algorithm.device.erased_value
        )

    def _fillers(self) -> list[Range]:
        """Return what is uncovered in blocks that the image covers in part."""
        found: list[Range] = []
        seen: set[int] = set()
        for piece in self._covering():
            for part in (self._parts(piece)[0], self._parts(piece)[-1]):
                start = self.block_of(part.address)
                if start not in seen:
                    seen.add(start)
                    found += self._gaps(start, min(start + self.block, self.region.end))
        return found

    def _gaps(self, start: int, end: int) -> list[Range]:
        """Return what the image does not cover between two addresses."""
        gaps = []
        address = start
        for piece in self._covering():
            if piece.end <= address or piece.address >= end:
                continue
            if piece.address > address:
                gaps.append(Range(address, piece.address - address))
            address = piece.end
        if address < end:
            gaps.append(Range(address, end - address))
        return gaps
