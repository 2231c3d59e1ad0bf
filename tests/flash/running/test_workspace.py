from itertools import pairwise
from pathlib import Path

import pytest

from onchip.errors import AlgorithmError
from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.running import driver
from onchip.flash.running.workspace import Workspace
from tests.support.elf_builder import flash_device, flm

from ..bench import algorithm, bench

RAM = (0x2000_0000, 0x2_0000)


@pytest.mark.parametrize("length", [0x1800, 0x2000, 0x4000, 0x8000, 0x2_0000])
@pytest.mark.parametrize("page", [0, 4, 64, 256, 264, 1024])
def test_nothing_overlaps(length: int, page: int) -> None:
    parsed = FlashAlgorithm.parse(flm(flash_device(page=page))) if page else None
    space = Workspace.lay_out(0x2000_0001, length, parsed, crcs=not page)
    pieces = [
        (space.algorithm, 0 if parsed is None else len(parsed.blob)),
        (space.start, driver.code_length()),
        (space.crc_table, 0 if page else driver.CRC_TABLE_LENGTH),
        (space.guard, space.stack_top - space.guard),
        (space.window, space.ring - space.window),
        (space.ring, space.end - space.ring),
    ]
    pieces = sorted(piece for piece in pieces if piece[1])
    for (start, size), (following, _) in pairwise(pieces):
        assert start + size <= following
    assert pieces[0][0] >= 0x2000_0001
    assert sum(pieces[-1]) <= 0x2000_0001 + length
    assert space.stack_top % 8 == space.ring % 8 == 0
    assert space.longest <= space.end - space.ring
    assert space.room >= 256
    if page:
        assert space.chunk % page == 0
        assert space.ring == space.window or space.ring - space.window >= space.chunk


def test_pages_larger_than_a_chunk_go_one_by_one() -> None:
    parsed = FlashAlgorithm.parse(flm(flash_device(page=0x2000)))
    assert Workspace.lay_out(*RAM, parsed).chunk == 0x2000


def test_little_ram_holds_few_records_and_too_little_is_refused() -> None:
    parsed = FlashAlgorithm.parse(flm(flash_device(page=1024)))
    space = Workspace.lay_out(0x2000_0000, 0x1000, parsed)
    assert space.chunk == 1024
    assert space.window == space.ring
    with pytest.raises(AlgorithmError, match=r"needs .* bytes of RAM, 2048 may be used"):
        Workspace.lay_out(0x2000_0000, 0x800, parsed)


def test_code_linked_into_the_ram_stays_there() -> None:
    parsed = FlashAlgorithm.parse(flm(code_address=0x2000_0200))
    space = Workspace.lay_out(*RAM, parsed)
    assert space.algorithm == 0x2000_0200
    assert space.start >= 0x2000_0200 + len(parsed.blob)


def test_a_page_larger_than_the_ram_is_refused_before_anything(tmp_path: Path) -> None:
    path = tmp_path / "big.FLM"
    path.write_bytes(algorithm(flash_device(page=0x4_0000, length=0x10_0000)))
    with bench() as b:
        with pytest.raises(AlgorithmError, match="bytes of RAM"):
            b.engine(path).program(b.image(b"1234"))
        assert not b.core.halted
