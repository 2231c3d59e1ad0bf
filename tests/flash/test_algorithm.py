import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import AlgorithmError
from onchip.flash.algorithm import FlashAlgorithm, FlashDevice
from onchip.target.memory_map import Sector, SectorRun
from tests.support.elf_builder import (
    FUNCTION_OFFSETS,
    SHT_NOBITS,
    A,
    ElfBuilder,
    W,
    X,
    flash_device,
    flm,
)

CODE = b"\x00\x20\x70\x47" * 64


def test_reads_an_flm_as_armclang_lays_it_out() -> None:
    algorithm = FlashAlgorithm.parse(flm(code=CODE, data=b"\1\2\3\4", zeroed=12))
    assert algorithm.blob == CODE + b"\1\2\3\4" + bytes(12)
    assert algorithm.static_base == len(CODE)
    assert algorithm.link_address == 0
    assert algorithm.functions == {
        name: FUNCTION_OFFSETS[name]
        for name in ("Init", "UnInit", "EraseChip", "EraseSector", "ProgramPage")
    }
    assert not algorithm.has("Verify")


def test_the_device_description() -> None:
    device = FlashDevice.parse(
        flash_device(name="STM32", length=0x4_0000, sectors=((0x4000, 0), (0x1_0000, 0x1_0000)))
    )
    assert device.name == "STM32"
    assert (device.start, device.end, device.page_size, device.erased_value) == (
        0x0800_0000,
        0x0804_0000,
        1024,
        0xFF,
    )
    assert (device.program_timeout_s, device.erase_timeout_s) == (0.1, 0.5)
    assert device.sectors == (
        SectorRun(0x0800_0000, 0x4000, 4),
        SectorRun(0x0801_0000, 0x1_0000, 3),
    )
    assert device.sector_at(0x0801_0004) == Sector(0x0801_0000, 0x1_0000)
    assert device.sector_at(0x0900_0000) is None


def test_sector_offsets_that_are_addresses() -> None:
    device = FlashDevice.parse(
        flash_device(start=0x0100_0000, length=0x4_0000, sectors=((0x800, 0x0100_0000),))
    )
    assert device.sectors == (SectorRun(0x0100_0000, 0x800, 128),)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        (flash_device()[:100], "100 of"),
        (flash_device()[:165], "no end"),
        (flash_device(page=0), "pages of 0"),
        (flash_device(page=1 << 30), "pages of"),
        (flash_device(length=0), "0 bytes"),
        (flash_device(start=0xFFFF_0000, length=0x2_0000), "bytes from"),
        (flash_device(sectors=()), "empty"),
        (flash_device(sectors=((0, 0),)), "entry 0"),
        (flash_device(sectors=((0x1000, 0), (0x1000, 0))), "entry 1"),
        (flash_device(sectors=((0x3000, 0),)), "do not fill"),
        (flash_device(sectors=((1, 0),) * 1000), "entry 1"),
    ],
)
def test_descriptions_that_cannot_be(device: bytes, message: str) -> None:
    with pytest.raises(AlgorithmError, match=message):
        FlashAlgorithm.parse(flm(device))


def test_descriptor_without_symbols_of_its_own_section_name() -> None:
    builder = ElfBuilder()
    text = builder.section("PrgCode", 0, CODE, A | X)
    builder.section("DevDscr", 0x200, flash_device(), A)
    builder.symbol("ProgramPage", 0x41, text)
    algorithm = FlashAlgorithm.parse(builder.build())
    assert algorithm.blob == CODE
    assert algorithm.static_base == len(CODE)


def test_descriptor_inside_the_code_section_is_loaded_with_it() -> None:
    device = flash_device()
    builder = ElfBuilder()
    text = builder.section("PrgCode", 0, CODE + device, A | X)
    builder.symbol("ProgramPage", 0x41, text)
    builder.symbol("FlashDevice", len(CODE), text, info=0x11)
    algorithm = FlashAlgorithm.parse(builder.build())
    assert algorithm.blob[: len(CODE)] == CODE
    assert algorithm.device.name == "test flash"


def test_sections_of_other_names_are_loaded_too() -> None:
    builder = ElfBuilder()
    text = builder.section("PrgCode", 0, CODE, A | X)
    builder.section(".rodata", len(CODE), b"constant", A)
    builder.section(".got", len(CODE) + 8, b"table...", W | A)
    builder.section(".bss", len(CODE) + 16, b"", W | A, SHT_NOBITS, 8)
    builder.section("DeviceData", 0x1000, flash_device(), A)
    builder.symbol("ProgramPage", 0x41, text)
    algorithm = FlashAlgorithm.parse(builder.build())
    assert algorithm.blob == CODE + b"constanttable..." + bytes(8)
    assert algorithm.static_base == len(CODE) + 8


def test_data_linked_far_away_is_placed_behind_the_code() -> None:
    algorithm = FlashAlgorithm.parse(
        flm(code=CODE + b"12", data=b"\1\2\3\4", code_address=0, data_address=0x2000_0000)
    )
    assert algorithm.blob == CODE + b"12" + bytes(6) + b"\1\2\3\4"
    assert algorithm.static_base == len(CODE) + 8
    assert algorithm.functions["ProgramPage"] == 0x40


def test_code_linked_for_a_ram_address() -> None:
    algorithm = FlashAlgorithm.parse(flm(code=CODE, code_address=0x2000_0020))
    assert algorithm.link_address == 0x2000_0020
    assert algorithm.functions["ProgramPage"] == 0x40


def test_a_global_function_wins_over_a_local_of_the_same_name() -> None:
    builder = ElfBuilder()
    text = builder.section("PrgCode", 0, CODE, A | X)
    builder.section("DevDscr", 0x200, flash_device(), A)
    builder.symbol("ProgramPage", 0x41, text, info=0x12)
    builder.symbol("ProgramPage", 0x21, text, info=0x02)
    assert FlashAlgorithm.parse(builder.build()).functions["ProgramPage"] == 0x40


def test_files_that_are_no_algorithm() -> None:
    for data, message in [
        (b"", "not an ELF"),
        (ElfBuilder().segment(0, b"firmware").build(), "no FlashDevice"),
        (flm(functions=("Init",)), "no function ProgramPage"),
    ]:
        with pytest.raises(AlgorithmError, match=message):
            FlashAlgorithm.parse(data, source="x.FLM")
    builder = ElfBuilder()
    builder.section("DevDscr", 0, flash_device(), A)
    with pytest.raises(AlgorithmError, match="no code"):
        FlashAlgorithm.parse(builder.build())
    builder.section("PrgData", 0x1000, b"1234", W | A)
    with pytest.raises(AlgorithmError, match="no PrgCode"):
        FlashAlgorithm.parse(builder.build())


def test_huge_sections_are_refused() -> None:
    builder = ElfBuilder()
    text = builder.section("PrgCode", 0, CODE, A | X)
    builder.section("PrgData", 0x2000_0000, b"", W | A, SHT_NOBITS, 0x4000_0000)
    builder.section("DevDscr", 0x200, flash_device(), A)
    builder.symbol("ProgramPage", 0x41, text)
    with pytest.raises(AlgorithmError, match="spread"):
        FlashAlgorithm.parse(builder.build())


def test_load_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.FLM"
    path.write_bytes(flm())
    assert FlashAlgorithm.load(path).source == str(path)
    with pytest.raises(AlgorithmError, match="cannot read"):
        FlashAlgorithm.load(tmp_path / "missing.FLM")


@given(st.data())
def test_any_mutation_is_an_algorithm_or_an_algorithm_error(data: st.DataObject) -> None:
    damaged = bytearray(flm(zeroed=16))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(AlgorithmError):
        FlashAlgorithm.parse(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))
