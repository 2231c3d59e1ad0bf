"""Boards by the id in their probe's serial number."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

import pytest

from onchip.target.boards import (
    MBED_VENDOR_ID,
    KnownBoard,
    board_id,
    board_of,
    known_board,
    known_boards,
)

K64F = "0240000034544e45001a00018aa9001b4091000097969900"


def test_a_board_is_told_by_its_id() -> None:
    assert board_of(K64F) == board_of(K64F.upper()) == KnownBoard("FRDM-K64F", "K64F")
    assert known_board("1010") is not None
    assert known_board("") is None


@pytest.mark.parametrize("serial", ["", "1010", "E6614103E7452D2F", "0240@1-1.2", "1010" + "x" * 9])
def test_other_serial_numbers_hold_no_id(serial: str) -> None:
    assert board_id(serial) == ""
    assert board_of(serial) is None


def test_an_id_that_nobody_knows_counts_with_the_vendor_of_mbed_only() -> None:
    serial = "FFEE" + K64F[4:]
    assert board_id(serial) == ""
    assert board_id(serial, MBED_VENDOR_ID) == "FFEE"
    assert board_of(serial, MBED_VENDOR_ID) is None


def test_the_table_is_in_form() -> None:
    table = tomllib.loads((files("onchip.target") / "boards.toml").read_text("utf-8"))["boards"]
    assert known_boards().keys() == table.keys()
    assert all(re.fullmatch("[0-9A-F]{4}", id_) for id_ in table)
