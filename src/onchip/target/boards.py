"""Boards by the serial number of the probe on them: the table ``boards.toml``.

A probe with the mbed interface has a serial number of at least 16 hexadecimal digits, of which the
first four name the board.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

MBED_VENDOR_ID = 0x0D28
"""Arm's, on whose number most probes with the mbed interface run."""
_MBED_SERIAL = re.compile(r"[0-9A-F]{16,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KnownBoard:
    """A board: its name, and the chip on it as its maker spells it."""

    name: str
    chip: str


def board_id(serial: str, vendor_id: int | None = None) -> str:
    """Return the board id in a probe's serial number; empty if it has none.

    Other makers use long hexadecimal numbers too: unless the probe has Arm's vendor id, the first
    four characters count only where the table knows them.
    """
    if not _MBED_SERIAL.fullmatch(serial):
        return ""
    word = serial[:4].upper()
    return word if vendor_id == MBED_VENDOR_ID or word in known_boards() else ""


def known_board(board_id: str) -> KnownBoard | None:
    """Return the board of that id, None if the table does not have it."""
    return known_boards().get(board_id)


def board_of(serial: str, vendor_id: int | None = None) -> KnownBoard | None:
    """Return the board whose probe has that serial number, None if the table does not have it."""
    return known_board(board_id(serial, vendor_id))


@cache
def known_boards() -> dict[str, KnownBoard]:
    """Return the table, by board id."""
    text = (files("onchip.target") / "boards.toml").read_text("utf-8")
    return {key: KnownBoard(**row) for key, row in tomllib.loads(text)["boards"].items()}
