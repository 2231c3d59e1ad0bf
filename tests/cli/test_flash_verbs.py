"""`onchip flash`, `verify` and `erase`, on boards that keep their flash in a file."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from tests.support.images import FLASH_START, counting_loop, write_bin

from .conftest import Onchip


@pytest.fixture
def board(tmp_path: Path) -> tuple[str, str]:
    return "--probe", f"virtual:stm32f407@{tmp_path / 'board.flash'}"


@pytest.mark.parametrize("chip", ["stm32f407", "nrf52840", "nrf51822", "lpc1768"])
def test_flash_verify_and_read_back(onchip: Onchip, tmp_path: Path, chip: str) -> None:
    board = ("--probe", f"virtual:{chip}@{tmp_path / 'board.flash'}")
    image = write_bin(tmp_path, chip, length=3000)
    outcome = onchip("flash", image, *board)
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith(f"{chip}: 2.9 KiB in place and verified in ")
    assert "the image runs" in outcome.out
    assert onchip("verify", image, *board).code == 0
    copy = tmp_path / "copy.bin"
    onchip("read", hex(FLASH_START[chip]), 3000, "-o", copy, *board)
    assert copy.read_bytes() == counting_loop(chip, length=3000)


def test_flash_again_finds_everything_in_place(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str]
) -> None:
    image = write_bin(tmp_path, "stm32f407", length=4096)
    onchip("flash", image, *board)
    report = json.loads(onchip("flash", image, "--json", *board).out)
    assert report["chip"] == "stm32f407"
    assert report["same_bytes"] == 4096
    assert report["programmed_bytes"] == report["erased_bytes"] == 0
    assert report["verified_bytes"] == 4096


def test_progress_goes_to_standard_error(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str]
) -> None:
    outcome = onchip("flash", write_bin(tmp_path, "stm32f407", length=4096), *board)
    assert "program: 4 KiB" in outcome.err


def test_flash_without_reset_leaves_the_core_halted(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str]
) -> None:
    outcome = onchip("flash", write_bin(tmp_path, "stm32f407"), "--no-reset", *board)
    assert "the core is halted" in outcome.out


def test_flash_at_an_address(onchip: Onchip, tmp_path: Path, board: tuple[str, str]) -> None:
    image = tmp_path / "data.bin"
    image.write_bytes(b"onchip was here.")
    outcome = onchip("flash", image, "--base", "0x0800_4000", *board)
    assert outcome.code == 0, outcome.err
    assert "onchip was here." in onchip("read", "0x0800_4000", 16, *board).out


def test_verify_of_something_else_fails_and_names_the_address(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str]
) -> None:
    image = write_bin(tmp_path, "stm32f407", length=2048)
    onchip("flash", image, *board)
    data = bytearray(image.read_bytes())
    data[0x321] ^= 1
    image.write_bytes(data)
    outcome = onchip("verify", image, *board)
    assert outcome.code == 1
    assert outcome.out == ""
    assert "0x0800" in outcome.err
    assert f"hint: `onchip flash {image}` would program it" in outcome.err


def test_outside_the_memory_map_is_refused_before_erasing(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str]
) -> None:
    good = write_bin(tmp_path, "stm32f407")
    onchip("flash", good, *board)
    outcome = onchip("flash", good, "--base", "0x0900_0000", *board)
    assert outcome.code == 1
    assert onchip("verify", good, *board).code == 0


@pytest.mark.parametrize("verb", ["flash", "verify"])
def test_a_file_that_is_not_there(onchip: Onchip, board: tuple[str, str], verb: str) -> None:
    outcome = onchip(verb, "nothing.elf", *board)
    assert outcome.code == 1
    assert "cannot read nothing.elf" in outcome.err


@pytest.mark.parametrize("data", [b"\x7fELF", b":00", b"S0", b"UF2\n" + bytes(508), b""])
def test_a_damaged_file(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str], data: bytes
) -> None:
    image = tmp_path / "image.hex"
    image.write_bytes(data)
    outcome = onchip("flash", image, *board)
    assert outcome.code == 1
    assert "image.hex" in outcome.err


def test_a_base_for_a_file_that_has_addresses_is_refused(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str]
) -> None:
    image = tmp_path / "image.hex"
    image.write_text(":040000000102030FF7\n:00000001FF\n".replace("0FF7", "04F2"))
    assert onchip("flash", image, "--base", "0", *board).code == 2


def test_erase_a_sector(onchip: Onchip, tmp_path: Path) -> None:
    board = ("--probe", f"virtual:nrf51822@{tmp_path / 'board.flash'}")
    image = write_bin(tmp_path, "nrf51822", length=3000)
    onchip("flash", image, *board)
    outcome = onchip("erase", "0x400", 1, "--json", *board)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["erased_bytes"] == 1024
    copy = tmp_path / "copy.bin"
    onchip("read", "0", 3000, "-o", copy, *board)
    expected = bytearray(image.read_bytes())
    expected[0x400:0x800] = b"\xff" * 0x400
    assert copy.read_bytes() == expected


def test_erase_the_chip(onchip: Onchip, tmp_path: Path, board: tuple[str, str]) -> None:
    onchip("flash", write_bin(tmp_path, "stm32f407"), *board)
    outcome = onchip("erase", "--chip", *board)
    assert outcome.code == 0, outcome.err
    assert "1 MiB erased" in outcome.out
    copy = tmp_path / "copy.bin"
    onchip("read", "0x0800_0000", "64K", "-o", copy, *board)
    assert copy.read_bytes() == b"\xff" * 65536


def test_erasing_the_chip_unlocks_it(onchip: Onchip, tmp_path: Path) -> None:
    file = tmp_path / "flash.bin"
    locked = ("--probe", f"virtual:nrf51822+locked@{file}")
    outcome = onchip("erase", "0", 1, *locked)
    assert outcome.code == 4
    assert "`onchip erase --chip` erases everything" in outcome.err
    outcome = onchip("erase", "--chip", *locked)
    assert outcome.code == 0, outcome.err
    assert "it was locked, and is open now" in outcome.out
    outcome = onchip("erase", "--chip", "--json", "--probe", f"virtual:nrf51822@{file}")
    assert json.loads(outcome.out)["unlocked"] is False


@pytest.mark.parametrize(
    "words", [(), ("0x0800_0000",), ("0x0800_0000", "16K", "--chip"), ("0x0800_0000", "--chip")]
)
def test_erase_does_nothing_that_was_not_named(
    onchip: Onchip, board: tuple[str, str], words: tuple[str, ...]
) -> None:
    outcome = onchip("erase", *words, *board)
    assert outcome.code == 2
    assert "say what to erase" in outcome.err


def test_erase_of_ram_is_refused(onchip: Onchip, board: tuple[str, str]) -> None:
    assert onchip("erase", "0x2000_0000", 4, *board).code in (1, 2)


def test_the_wrong_chip_is_refused(onchip: Onchip, tmp_path: Path, board: tuple[str, str]) -> None:
    outcome = onchip("flash", write_bin(tmp_path, "stm32f407"), "--target", "nrf52840", *board)
    assert outcome.code == 4
    assert "this is no nrf52840" in outcome.err


def test_an_unknown_chip_is_refused_before_connecting(
    onchip: Onchip, board: tuple[str, str]
) -> None:
    outcome = onchip("info", "--target", "z80", *board)
    assert outcome.code == 2
    assert "no chip is named 'z80'" in outcome.err
    assert "stm32f407" in outcome.err


def test_an_algorithm_of_the_users_own(
    onchip: Onchip, tmp_path: Path, board: tuple[str, str]
) -> None:
    image = write_bin(tmp_path, "stm32f407", length=3000)
    own = tmp_path / "own.FLM"
    own.write_bytes(
        resources.files("onchip.flash").joinpath("algorithms/stm32f407.FLM").read_bytes()
    )
    for words in (("flash", image), ("verify", image), ("erase", "--chip")):
        outcome = onchip(*words, "--algorithm", own, *board)
        assert outcome.code == 0, outcome.err
    own.write_bytes(b"rubbish")
    outcome = onchip("flash", image, "--algorithm", own, *board)
    assert outcome.code == 1
    assert "own.FLM" in outcome.err


def test_an_image_for_ram_alone_is_not_said_to_run(onchip: Onchip, tmp_path: Path) -> None:
    path = tmp_path / "ram.hex"
    path.write_text(":020000042000DA\n:0400000001020304F2\n:00000001FF\n")
    outcome = onchip("flash", path, "--probe", "virtual:stm32f407")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("stm32f407: 4 bytes written to RAM and verified")
    assert "the image runs" not in outcome.out
