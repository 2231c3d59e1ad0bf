"""What a job would do, sector by sector, and what it found page by page: a plan to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .planner import RegionPlan

PageState = Literal["same", "blank", "differs", "unknown"]
State = Literal[PageState, "mixed"]
Action = Literal["skip", "program", "erase and program", "erase"]


_PAGE_STATES: dict[str, PageState] = {
    "same": "same",
    "programmable": "blank",
    "erase": "differs",
    "unseen": "unknown",
}


@dataclass(frozen=True, slots=True)
class PageRun:
    """Neighbouring pages that hold the same kind of thing, small ones by the KiB.

    *same* as the image, *blank*, *differs*, or *unknown* because nobody looked.
    """

    address: int
    length: int
    state: PageState


@dataclass(frozen=True, slots=True)
class SectorOutline:
    """One sector that a job looks at.

    ``state`` is that of the image's pages in it: all *same*, all *blank*, some that *differ*
    (the sector has to be erased), *mixed* pages that are the same or blank, or *unknown* because
    nobody looked. ``program_bytes`` are written to it, ``kept_bytes`` of these are its own.
    ``pages`` are those of the image.
    """

    address: int
    length: int
    state: State
    action: Action
    program_bytes: int
    kept_bytes: int
    pages: tuple[PageRun, ...]

    def __repr__(self) -> str:
        return f"<SectorOutline {self.address:#010x}+{self.length:#x}: {self.state}, {self.action}>"


def outline(plan: RegionPlan) -> Iterator[SectorOutline]:
    """Describe what is to happen to each sector of a plan that has been decided."""
    erased = {sector.start for sector in plan.erase}
    writes = plan.writes()
    states = sorted(plan.states.items())
    for sector in plan.region.all_sectors():
        pages = _runs([item for item in states if sector.start <= item[0] < sector.end], plan.block)
        program = sum(len(w.data) for w in writes if sector.start <= w.address < sector.end)
        erase = plan.erase_all or sector.start in erased
        if not (pages or program or erase):
            continue
        action: Action = "program" if program else "skip"
        if erase:
            action = "erase and program" if program else "erase"
        kept = sum(
            len(piece.data) for piece in plan.kept if sector.start <= piece.address < sector.end
        )
        pages = pages or (PageRun(sector.start, sector.size, "unknown"),)
        yield SectorOutline(sector.start, sector.size, _state(pages), action, program, kept, pages)


def _runs(states: Sequence[tuple[int, str]], size: int) -> tuple[PageRun, ...]:
    runs: list[PageRun] = []
    for start, found in states:
        state = _PAGE_STATES[found]
        last = runs[-1] if runs else None
        if last is not None and last.state == state and last.address + last.length == start:
            runs[-1] = PageRun(last.address, last.length + size, state)
        else:
            runs.append(PageRun(start, size, state))
    return tuple(runs)


def _state(pages: tuple[PageRun, ...]) -> State:
    states = {run.state for run in pages}
    if "differs" in states:
        return "differs"
    return states.pop() if len(states) == 1 else "mixed"
