"""Which algorithms are known not to bear the stream: the rows of ``overlap.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import PurePath

from ..algorithm import FlashAlgorithm
from .rung import Rung


@dataclass(frozen=True, slots=True)
class Row:
    """One row; see the head of ``overlap.toml``."""

    name: str
    why: str
    source: str
    rung: Rung = Rung.SINGLE


@cache
def known_rows() -> tuple[Row, ...]:
    """Return the rows of ``overlap.toml``."""
    return rows_of((files("onchip.flash.running") / "overlap.toml").read_text("utf-8"))


def rows_of(text: str) -> tuple[Row, ...]:
    """Return the rows of a text like that of ``overlap.toml``."""
    rows = tomllib.loads(text)["algorithm"]
    return tuple(Row(**row | {"rung": Rung(row.get("rung", "single"))}) for row in rows)


def breaks_when_overlapped(
    algorithm: FlashAlgorithm, rows: Iterable[Row] | None = None
) -> Row | None:
    """Return the row that says so, or None."""
    names = (algorithm.device.name.lower(), PurePath(algorithm.source).name.lower())
    for row in known_rows() if rows is None else rows:
        if any(fnmatchcase(name, row.name) for name in names):
            return row
    return None
