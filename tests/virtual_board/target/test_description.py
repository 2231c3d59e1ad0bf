"""Chip files: what is missing or wrong in one is said with its place."""

from __future__ import annotations

import copy
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from onchip.errors import BoardError
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.target.builder import assemble
from onchip.virtual_board.target.description import load_description, read_description
from onchip.virtual_board.timeline import Timeline

SMALL_CHIP = """
name = "mine"
part = "mine"
[core]
family = "plain"
cpu = "cortex-m4"
clock_hz = 16_000_000
[debug_port]
dpidr = 0x2BA0_1477
[[access_port]]
index = 0
idr = 0x2477_0011
base = 0xE00F_F003
[[memory]]
name = "ram"
base = 0x2000_0000
size = 0x1000
kind = "ram"
"""


@pytest.fixture
def content() -> dict[str, Any]:
    folder = files("onchip.virtual_board.target") / "chips"
    return copy.deepcopy(tomllib.loads((folder / "stm32f407.toml").read_text("utf-8")))


def test_the_file_is_the_chip(content: dict[str, Any]) -> None:
    chip = read_description("stm32f407.toml", content)
    assert chip == load_description("stm32f407")
    assert chip.part == "STM32F407VG"
    assert chip.flash.numbers("sector_sizes").count(0x2_0000) == 7
    assert chip.debug_port.protocol == "swj"


def test_missing_name(content: dict[str, Any]) -> None:
    del content["name"]
    with pytest.raises(BoardError, match=r"x\.toml: name must be a string"):
        read_description("x.toml", content)


def test_wrong_type_names_the_entry(content: dict[str, Any]) -> None:
    content["memory"][1]["base"] = "0x1000_0000"
    with pytest.raises(BoardError, match=r"x\.toml\.memory\[1\]: base must be a number"):
        read_description("x.toml", content)


def test_unknown_model(content: dict[str, Any]) -> None:
    content["peripheral"][0]["model"] = "flux-capacitor"
    with pytest.raises(BoardError, match=r"peripheral\[0\]: no model is called 'flux-capacitor'"):
        assemble(read_description("x.toml", content), Timeline(), locked=False)


def test_unknown_family(content: dict[str, Any]) -> None:
    content["core"]["family"] = "z80"
    with pytest.raises(BoardError, match="no family is called 'z80'"):
        assemble(read_description("x.toml", content), Timeline(), locked=False)


def test_unknown_core_option(content: dict[str, Any]) -> None:
    content["core"]["turbo"] = True
    with pytest.raises(BoardError, match="turbo"):
        assemble(read_description("x.toml", content), Timeline(), locked=False)


def test_a_chip_from_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMALL_CHIP)
    with VirtualBoard(str(path)) as board:
        assert board.chip.name == "mine"
        assert board.bus.read(0x2000_0000, 4) == 0


def test_a_file_that_describes_no_chip(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(BoardError, match=r"mine\.toml does not describe a chip: .*No such file"):
        load_description(str(path))
    path.write_text("name = ")
    with pytest.raises(BoardError, match=r"mine\.toml does not describe a chip"):
        load_description(str(path))


def test_a_plain_chip_cannot_be_locked(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMALL_CHIP)
    with pytest.raises(BoardError, match="mine has no read-out protection"):
        VirtualBoard(str(path), locked=True)
