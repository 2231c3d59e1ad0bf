"""A chip as data: ``chips/*.toml`` read into frozen records.

The keys of the files are explained in ``chips/README.md``. Facts stand there, sequences in code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, cast

from onchip.errors import BoardError
from onchip.virtual_board.bus import MemoryKind

Value = object


@dataclass(frozen=True, slots=True)
class Settings:
    """One table of the file, with typed access. ``where`` names it in messages."""

    where: str
    values: Mapping[str, Value]

    def number(self, key: str, default: int | None = None) -> int:
        """Return an integer.

        Raises:
            BoardError: there is none under ``key``, and no default.
        """
        value = self.values.get(key, default)
        if not isinstance(value, int):
            raise BoardError(f"{self.where}: {key} must be a number, not {value!r}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string.

        Raises:
            BoardError: there is none under ``key``, and no default.
        """
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise BoardError(f"{self.where}: {key} must be a string, not {value!r}")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        return bool(self.values.get(key, default))

    def numbers(self, key: str) -> tuple[int, ...]:
        """Return a list of integers, empty if it is missing."""
        return tuple(cast("Sequence[int]", self.values.get(key, ())))

    def pairs(self, key: str) -> dict[int, int]:
        """Return a list of alternating keys and values as a dictionary."""
        flat = iter(self.numbers(key))
        return dict(zip(flat, flat, strict=True))

    def table(self, key: str) -> Settings:
        """Return a table within, empty if it is missing."""
        return Settings(
            f"{self.where}.{key}", cast("Mapping[str, Value]", self.values.get(key, {}))
        )

    def tables(self, key: str) -> tuple[Settings, ...]:
        """Return a list of tables, empty if it is missing."""
        found = cast("Sequence[Mapping[str, Value]]", self.values.get(key, ()))
        return tuple(
            Settings(f"{self.where}.{key}[{index}]", table) for index, table in enumerate(found)
        )


@dataclass(frozen=True, slots=True)
class MemoryEntry:
    """A memory of the chip. ``words`` are runs of 32-bit words that the factory wrote."""

    name: str
    base: int
    size: int
    kind: MemoryKind
    fill: int
    mapped: bool
    nonvolatile: bool
    words: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class PeripheralEntry:
    """A block of registers: where it is, which model plays it, and the model's settings."""

    name: str
    model: str
    base: int
    size: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class DebugPortDescription:
    """The identification registers of the SW-DP; None where the DP is older than the register."""

    dpidr: int
    targetid: int | None = None
    dlpidr: int | None = None
    protocol: Literal["swj", "swd", "dormant"] = "swj"


@dataclass(frozen=True, slots=True)
class ChipDescription:
    """Everything that the file says."""

    name: str
    part: str
    aliases: tuple[str, ...]
    core: Settings
    debug_port: DebugPortDescription
    access_ports: tuple[Settings, ...]
    memories: tuple[MemoryEntry, ...]
    peripherals: tuple[PeripheralEntry, ...]
    clocks: Mapping[str, int]
    flash: Settings
    lock: Settings


def chip_names() -> tuple[str, ...]:
    """Return the names of all virtual chips, aliases excluded."""
    return tuple(sorted(_index()[1]))


def load_description(name: str) -> ChipDescription:
    """Return the chip called ``name``, or one of whose aliases is ``name``; case is ignored.

    A name that ends in ``.toml`` is a file of the caller's own.

    Raises:
        BoardError: there is no such chip, or its file cannot be read.
    """
    if name.endswith(".toml"):
        return _read_file(Path(name))
    aliases, chips = _index()
    wanted = name.lower()
    known = aliases.get(wanted, wanted)
    if known not in chips:
        raise BoardError(
            f"there is no virtual chip called {name!r}", hint=f"there are {', '.join(chip_names())}"
        )
    return chips[known]


def _read_file(path: Path) -> ChipDescription:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BoardError(f"{path} does not describe a chip: {error}") from error
    return read_description(path.name, content)


@cache
def _index() -> tuple[dict[str, str], dict[str, ChipDescription]]:
    chips = {}
    aliases = {}
    for entry in (files(__package__) / "chips").iterdir():
        if entry.name.endswith(".toml"):
            chip = read_description(entry.name, tomllib.loads(entry.read_text("utf-8")))
            chips[chip.name] = chip
            aliases.update({alias.lower(): chip.name for alias in chip.aliases})
    return aliases, chips


def read_description(file: str, content: Mapping[str, Value]) -> ChipDescription:
    """Return what a parsed TOML file says; ``file`` names it in messages.

    Raises:
        BoardError: a key is missing or of the wrong type.
    """
    root = Settings(file, content)
    port = root.table("debug_port")
    optional = {key: port.number(key) for key in ("targetid", "dlpidr") if key in port.values}
    return ChipDescription(
        name=root.text("name"),
        part=root.text("part"),
        aliases=tuple(cast("Sequence[str]", content.get("aliases", ()))),
        core=root.table("core"),
        debug_port=DebugPortDescription(
            port.number("dpidr"),
            protocol=cast('Literal["swj", "swd", "dormant"]', port.text("protocol", "swj")),
            **optional,
        ),
        access_ports=root.tables("access_port"),
        memories=tuple(_memory(entry) for entry in root.tables("memory")),
        peripherals=tuple(
            PeripheralEntry(
                entry.text("name"),
                entry.text("model", "register_file"),
                entry.number("base"),
                entry.number("size"),
                entry,
            )
            for entry in root.tables("peripheral")
        ),
        clocks=cast("Mapping[str, int]", content.get("clocks", {})),
        flash=root.table("flash"),
        lock=root.table("lock"),
    )


def _memory(entry: Settings) -> MemoryEntry:
    runs = cast("Sequence[Sequence[int]]", entry.values.get("words", ()))
    return MemoryEntry(
        name=entry.text("name"),
        base=entry.number("base"),
        size=entry.number("size"),
        kind=cast("MemoryKind", entry.text("kind")),
        fill=entry.number("fill", 0),
        mapped=entry.flag("mapped", default=True),
        nonvolatile=entry.flag("nonvolatile"),
        words=tuple((run[0], tuple(run[1:])) for run in runs),
    )
