import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.images.image import Segment
from onchip.flash.planning.planner import (
    Range,
    RegionPlan,
    block_size,
    runs_of,
)
from onchip.flash.running.block_run import BlockRun
from onchip.flash.running.sums import Sums, sums
from onchip.target.memory_map import FlashRegion, RegionKind, SectorRun
from tests.support.elf_builder import flash_device, flm

START = 0x0800_0000


def made(
    page: int = 256, runs: tuple[tuple[int, int], ...] = ((4, 0x1000), (2, 0x4000))
) -> tuple[FlashRegion, FlashAlgorithm]:
    sectors, at = [], START
    for count, size in runs:
        sectors.append(SectorRun(at, size, count))
        at += count * size
    region = FlashRegion(
        name="flash",
        start=START,
        length=at - START,
        kind=RegionKind.FLASH,
        sectors=tuple(sectors),
        algorithm="x.FLM",
    )
    rows = tuple((run.size, run.start - START) for run in sectors)
    device = flash_device(start=START, length=at - START, page=page, sectors=rows)
    return region, FlashAlgorithm.parse(flm(device))


class Chip:
    """The chip's side of a plan: flash that is erased and programmed as a plan says."""

    def __init__(self, region: FlashRegion, content: bytes) -> None:
        self.region = region
        self.data = bytearray(content)

    def found(self, plan: RegionPlan, ranges: list[Range]) -> dict[Range, Sums]:
        return {
            part: sums(self.read(part.address, part.length), part.address)
            for item in ranges
            for part in plan.cut(item)
        }

    def read(self, address: int, length: int) -> bytes:
        at = address - self.region.start
        return bytes(self.data[at : at + length])

    def carry_out(self, plan: RegionPlan) -> None:
        found = self.found(plan, plan.survey())
        plan.decide(found)
        found |= self.found(plan, plan.kept_ranges())
        for part in plan.kept_parts(found):
            plan.keep_bytes(part.address, self.read(part.address, part.length))
        if plan.erase_all:
            self.data[:] = b"\xff" * len(self.data)
        for sector in plan.erase:
            at = sector.start - self.region.start
            self.data[at : at + sector.size] = b"\xff" * sector.size
        for write in plan.writes():
            at = write.address - self.region.start
            for i, byte in enumerate(write.data):
                self.data[at + i] &= byte


def pieces(*items: tuple[int, bytes]) -> tuple[Segment, ...]:
    return tuple(Segment(START + offset, data) for offset, data in items)


@pytest.mark.parametrize(
    ("page", "runs", "block"),
    [
        (256, ((4, 0x1000),), 1024),
        (4096, ((16, 0x4000),), 4096),
        (4096, ((256, 0x400),), 0x400),
        (0x308, ((1, 0x308),), 0x308),
        (4096, ((1, 0x308),), 0x308),
        (64, ((8, 128),), 128),
        (512, ((4, 768),), 256),
    ],
)
def test_block_sizes(page: int, runs: tuple[tuple[int, int], ...], block: int) -> None:
    region, algorithm = made(page, runs)
    assert block_size(region, algorithm) == block


def test_runs_join_equal_neighbours_only() -> None:
    ranges = [Range(0x10, 0x1000 - 0x10), Range(0x1000, 0x800), Range(0x2000, 0x410)]
    assert runs_of(ranges, 0x400, 0) == [
        BlockRun(0x10, 0x3F0, 1),
        BlockRun(0x400, 0x400, 5),
        BlockRun(0x2000, 0x400, 1),
        BlockRun(0x2400, 0x10, 1),
    ]


def test_onto_blank_flash_nothing_is_erased() -> None:
    region, algorithm = made()
    chip = Chip(region, b"\xff" * region.length)
    plan = RegionPlan(region, algorithm, pieces((0x10, b"hello")))
    chip.carry_out(plan)
    assert plan.erase == []
    assert [write.address for write in plan.writes()] == [START]
    assert chip.read(START + 0x10, 5) == b"hello"


def test_what_is_there_is_left_alone() -> None:
    region, algorithm = made()
    chip = Chip(region, bytes(range(256)) * (region.length // 256))
    plan = RegionPlan(region, algorithm, pieces((0x10, bytes(range(0x10, 0x50)))))
    chip.carry_out(plan)
    assert (plan.erase, plan.writes(), plan.same_bytes) == ([], [], 0x40)


def test_a_blank_hole_beside_other_data_costs_an_erase() -> None:
    """Flash with ECC cannot take a page twice, so a page that holds anything is not added to."""
    region, algorithm = made()
    chip = Chip(region, b"\xff" * 512 + b"old data" + b"\xff" * (region.length - 520))
    plan = RegionPlan(region, algorithm, pieces((0, b"new")))
    chip.carry_out(plan)
    assert [sector.start for sector in plan.erase] == [START]
    assert chip.read(START, 3) == b"new"
    assert chip.read(START + 512, 8) == b"old data"
    assert plan.kept_bytes == 1021


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_any_image_on_any_content_ends_as_it_should(data: st.DataObject) -> None:
    page = data.draw(st.sampled_from([64, 256, 1024, 4096]))
    region, algorithm = made(page)
    region_length = region.length
    filler = data.draw(st.sampled_from([b"\xff", b"\x00", b"ab"]))
    before = bytearray((filler * region_length)[:region_length])
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, region_length - 1))
        before[at : at + 5000] = b"\xff" * len(before[at : at + 5000])
    items: list[tuple[int, bytes]] = []
    at = 0
    for _ in range(data.draw(st.integers(1, 4))):
        at += data.draw(st.integers(1, 6000))
        length = data.draw(st.integers(1, 6000))
        if at + length > region_length:
            break
        content = data.draw(st.sampled_from([b"\xff", b"\x55", bytes(before[at : at + length])]))
        items.append((at, (content * length)[:length]))
        at += length
    if not items:
        return
    keep, erase_all = data.draw(st.booleans()), data.draw(st.booleans())
    chip = Chip(region, bytes(before))
    plan = RegionPlan(region, algorithm, pieces(*items), keep, erase_all)
    chip.carry_out(plan)
    for offset, content in items:
        assert chip.read(START + offset, len(content)) == content
    for segment in plan.expected():
        assert chip.read(segment.address, len(segment.data)) == segment.data
    if keep and not erase_all:
        wanted = bytearray(before)
        for offset, content in items:
            wanted[offset : offset + len(content)] = content
        assert chip.data == wanted
