"""The committed driver and algorithms are what their sources make."""

import subprocess
from pathlib import Path

import pytest

from onchip.errors import AlgorithmError
from onchip.flash.planning.regions import built_in
from onchip.flash.running import driver
from tests.support.tools import require


@pytest.mark.tools
def test_committed_binaries_are_what_the_sources_make(tmp_path: Path) -> None:
    require("arm-none-eabi-gcc")
    source = Path(driver.__file__).parent.parent / "algorithms"
    subprocess.run(
        ["make", "-s", f"DIR={tmp_path}"], cwd=source, check=True, capture_output=True, text=True
    )
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {
        path.name: path.read_bytes() for path in source.iterdir() if path.suffix in (".FLM", ".bin")
    }
    assert sorted(built) == sorted(committed)
    for name, data in committed.items():
        assert built[name] == data, f"{name} is not what its source makes"


@pytest.mark.tools
def test_offsets_are_those_of_the_source(tmp_path: Path) -> None:
    gcc, nm = require("arm-none-eabi-gcc"), require("arm-none-eabi-nm")
    source = Path(driver.__file__).parent.parent / "algorithms" / "driver.S"
    target = tmp_path / "driver.o"
    subprocess.run(
        [gcc, "-c", "-x", "assembler-with-cpp", source, "-o", target],
        check=True,
        capture_output=True,
    )
    listing = subprocess.run([nm, target], check=True, capture_output=True, text=True).stdout
    symbols = {line.split()[2]: int(line.split()[0], 16) for line in listing.splitlines()}
    assert symbols["driver_start"] == driver.ENTRY
    assert symbols["mailbox"] == driver.MAILBOX
    assert symbols["sum_blocks"] == driver.SUM_BLOCKS == driver.MAILBOX + 52
    assert symbols["crc_table"] == driver.CRC_TABLE
    assert symbols["crc_blocks"] == driver.CRC_BLOCKS
    assert symbols["unpack"] == symbols["crc_end"] == driver.UNPACK
    assert symbols["unpack_end"] == symbols["check_blank"] == driver.CHECK_BLANK
    assert symbols["check_blank_end"] == symbols["sum_blocks_7"] == driver.SUM_BLOCKS_7
    assert symbols["unpack_end"] - symbols["unpack"] <= 400
    assert symbols["sum_blocks_7_end"] - driver.SUM_BLOCKS_7 <= driver.CRC_TABLE - driver.SUM_BLOCKS


@pytest.mark.parametrize("name", ["lpc1768", "stm32f407", "nrf52840", "nrf51822"])
def test_our_own_algorithms_keep_no_variables(name: str) -> None:
    parsed = built_in(f"{name}.FLM")
    assert parsed.static_base == len(parsed.blob) - 4
    assert set(parsed.functions) == {"Init", "UnInit", "EraseChip", "EraseSector", "ProgramPage"}


def test_an_algorithm_that_is_not_built_in() -> None:
    with pytest.raises(AlgorithmError, match=r"no algorithm none\.FLM"):
        built_in("none.FLM")
