"""Chip files: what is missing or wrong in one is said with its place."""

from __future__ import annotations

import copy
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from onchip.errors import BoardError
from onchip.virtual_board.target.builder import assemble
from onchip.virtual_board.target.description import load_description, read_description
from onchip.virtual_board.timeline import Timeline


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
