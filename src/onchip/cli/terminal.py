"""How the verbs write: numbers, tables, JSON, progress; plain when piped."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from onchip.flash.progress import Progress
    from onchip.session import Session


def hex32(value: int) -> str:
    """Write a 32-bit number as ``0x2000_0000``."""
    return f"0x{value >> 16:04x}_{value & 0xFFFF:04x}"


def bytes_text(count: int) -> str:
    """Write a number of bytes for people: ``512 bytes``, ``16 KiB``, ``1.5 MiB``."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{count} byte{'' if count == 1 else 's'}"


def hexdump(start: int, data: bytes, width: int = 1) -> Iterator[str]:
    """Write ``data`` in lines of 16 bytes, in units of ``width`` bytes, little-endian."""
    columns = 16 // width * (2 * width + 1) - 1
    for offset in range(0, len(data), 16):
        line = data[offset : offset + 16]
        units = " ".join(line[i : i + width][::-1].hex() for i in range(0, len(line), width))
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        yield f"{hex32(start + offset)}  {units:<{columns}}  {text}"


def print_json(data: object) -> None:
    """Print ``data`` for a script."""
    print(json.dumps(data, indent=2))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns, each as wide as its widest cell."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        print(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        )


@contextmanager
def doing(what: str, session: Session) -> Iterator[None]:
    """Let a transfer that fails say what it was part of, and whether the chip is locked."""
    from onchip.errors import TransferError

    try:
        yield
    except TransferError as error:
        error.message = f"{what}: {error.message}"
        region = None if error.address is None else session.memory_map.find(error.address)
        if session.locked is not None and region is not None and region.kind == "flash":
            error.hint = f"{session.locked.message}: {session.locked.hint}"
        raise


@contextmanager
def progress_display() -> Iterator[Callable[[Progress], None]]:
    """Show progress on standard error: a bar on a terminal, a line a phase when piped."""
    if sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _PhaseLines()


class _PhaseLines:
    """One line when a phase begins: enough for a log."""

    def __init__(self) -> None:
        self._phase = ""

    def __call__(self, progress: Progress) -> None:
        if progress.phase != self._phase:
            self._phase = progress.phase
            print(f"{progress.phase}: {bytes_text(progress.total)}", file=sys.stderr)


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as display:
        tasks: dict[str, int] = {}

        def show(progress: Progress) -> None:
            if progress.phase not in tasks:
                tasks[progress.phase] = display.add_task(progress.phase, total=progress.total)
            task = display.tasks[tasks[progress.phase]].id
            display.update(task, completed=progress.done, total=progress.total)

        yield show
