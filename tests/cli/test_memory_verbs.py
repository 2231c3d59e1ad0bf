"""`onchip read` and `onchip write`, on a board in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Onchip

BOARD = ("--probe", "virtual:stm32f407")
RAM = "0x2000_0000"


def test_read_shows_a_hexdump(onchip: Onchip) -> None:
    outcome = onchip("read", RAM, 32, *BOARD)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("0x2000_0000  ")
    assert lines[1].startswith("0x2000_0010  ")


def test_read_as_data_gives_units_of_the_width(onchip: Onchip) -> None:
    outcome = onchip("read", "0xE000_ED00", 4, "--width", 32, "--json", *BOARD)
    found = json.loads(outcome.out)
    assert (found["address"], found["width"], found["data"]) == (0xE000_ED00, 32, [0x410F_C241])


def test_read_into_a_file(onchip: Onchip, tmp_path: Path) -> None:
    output = tmp_path / "out.bin"
    outcome = onchip("read", "0x0800_0000", "1K", "--output", output, *BOARD)
    assert outcome.code == 0
    assert output.read_bytes() == b"\xff" * 1024
    assert outcome.out == f"1 KiB from 0x0800_0000 written to {output}\n"


def test_read_into_a_folder_that_is_not_there(onchip: Onchip, tmp_path: Path) -> None:
    outcome = onchip("read", RAM, 4, "-o", tmp_path / "no" / "out.bin", *BOARD)
    assert outcome.code == 1
    assert outcome.err == (f"onchip: error: {tmp_path}/no/out.bin: no such file or directory\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((RAM, 3, "--width", 32), "3 bytes are no whole number of 32-bit units"),
        (("0xffff_ffff", 2), "end beyond 4 GiB"),
        (("main", 2), "'main' is not an address"),
        ((RAM, 0), "0 is not a size"),
    ],
)
def test_read_refuses_what_cannot_be_meant(
    onchip: Onchip, words: tuple[object, ...], message: str
) -> None:
    outcome = onchip("read", *words, *BOARD)
    assert outcome.code == 2
    assert message in outcome.err


def test_reading_where_nothing_is_names_the_address(onchip: Onchip) -> None:
    outcome = onchip("read", "0x6000_0000", 4, *BOARD)
    assert outcome.code == 4
    assert "0x60000000" in outcome.err.lower().replace("_", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--words", "0xDEADBEEF", "42"), "8 bytes written to 0x2000_0000"),
        (("--halfwords", "0x1234"), "2 bytes written to 0x2000_0000"),
        (("--bytes", "1", "2", "-1"), "3 bytes written to 0x2000_0000"),
    ],
)
def test_write_says_what_it_wrote(onchip: Onchip, words: tuple[str, ...], said: str) -> None:
    outcome = onchip("write", RAM, *words, *BOARD)
    assert (outcome.code, outcome.out) == (0, said + "\n")


def test_write_from_a_file(onchip: Onchip, tmp_path: Path) -> None:
    table = tmp_path / "table.bin"
    table.write_bytes(bytes(range(100)))
    assert onchip("write", RAM, "--file", table, *BOARD).out.startswith("100 bytes written")
    table.write_bytes(b"")
    assert onchip("write", RAM, "--file", table, *BOARD).code == 2
    assert onchip("write", RAM, "--file", tmp_path / "none", *BOARD).code == 1


def test_write_refuses_what_does_not_fit(onchip: Onchip) -> None:
    outcome = onchip("write", RAM, "--bytes", "256", *BOARD)
    assert outcome.code == 2
    assert "0x100 does not fit into 8 bits" in outcome.err


def test_write_into_flash_is_sent_to_the_right_verb(onchip: Onchip) -> None:
    outcome = onchip("write", "0x0800_0000", "--words", "1", *BOARD)
    assert outcome.code == 2
    assert "is in flash" in outcome.err
    assert "onchip flash FILE" in outcome.err


def test_write_beyond_the_address_space_is_refused(onchip: Onchip) -> None:
    assert onchip("write", "0xffff_fffc", "--words", "1", "2", *BOARD).code == 2


def test_write_without_data_is_refused(onchip: Onchip) -> None:
    assert onchip("write", RAM, *BOARD).code == 2


def test_ram_of_a_locked_chip_and_what_is_said_of_its_flash(onchip: Onchip) -> None:
    board = ("--probe", "virtual:stm32f407+locked")
    assert onchip("write", RAM, "--words", "1", *board).code == 0
    assert onchip("read", RAM, 4, *board).code == 0
    outcome = onchip("read", "0x0800_0000", 16, *board)
    assert outcome.code == 4
    assert "cannot read 16 bytes from 0x0800_0000: read DRW at 0x08000000" in outcome.err
    assert "hint: stm32f407 is locked: FLASH_OPTCR" in outcome.err


@pytest.mark.parametrize("board", ["virtual:stm32f407", "virtual:stm32f407+locked"])
def test_a_hole_is_not_blamed_on_the_lock(onchip: Onchip, board: str) -> None:
    outcome = onchip("read", "0x6000_0000", 4, "--probe", board)
    assert outcome.code == 4
    assert "cannot read 4 bytes from 0x6000_0000: read DRW at 0x60000000" in outcome.err
    assert "nothing may be there" in outcome.err
    outcome = onchip("write", "0x6000_0000", "--bytes", "1", "--probe", board)
    assert "cannot write 1 byte to 0x6000_0000" in outcome.err
