"""What a job that was cut short has left on the chip, in words: as far as its progress told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from onchip.cli.terminal import bytes_text
from onchip.errors import OnchipError, UsageError

if TYPE_CHECKING:
    from onchip.flash.progress import Progress

    Show = Callable[[Progress], None]


class Remains:
    """Follows a job's progress on its way to the display."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._reached: dict[str, Progress] = {}

    def __call__(self, progress: Progress) -> None:
        """Remember it, and show it."""
        self._reached[progress.phase] = progress
        self._show(progress)

    def text(self) -> str:
        """Return what the flash holds now."""
        reached = self._reached
        if "verify" in reached and not self._open("program") and not self._open("erase"):
            return "everything was written, but it is not verified: do it again"
        if "program" in reached:
            done = _share(reached["program"])
            return (
                f"the flash is incomplete: about {done} were programmed, none of it verified: "
                "flash it again"
            )
        if "erase" in reached:
            done = _share(reached["erase"])
            return (
                f"the flash is incomplete: about {done} were erased, nothing was programmed: "
                "do it again"
            )
        return "the flash was not changed"

    def _open(self, phase: str) -> bool:
        return phase in self._reached and self._reached[phase].done < self._reached[phase].total


def _share(progress: Progress) -> str:
    return f"{bytes_text(progress.done)} of {bytes_text(progress.total)}"


@contextmanager
def told_remains(show: Show) -> Iterator[Remains]:
    """Give a callback for a job's progress; what cuts the job short then tells what is on the chip.

    It does as a note: an interrupt that strikes inside an emulator comes out as anything. An error
    of onchip's own has it in its hint as well.
    """
    remains = Remains(show)
    try:
        yield remains
    except UsageError:
        raise  # refused, so nothing was touched
    except BaseException as error:
        error.add_note(remains.text())  # whatever came out of an interrupt
        said = error.hint or "" if isinstance(error, OnchipError) else ""
        if isinstance(error, OnchipError) and "the flash" not in said:
            error.hint = f"{said}; {remains.text()}" if said else remains.text()
        raise
