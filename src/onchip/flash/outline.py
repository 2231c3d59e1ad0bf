"""What a job would do, sector by sector: a plan for people and scripts to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .planner import RegionPlan

State = Literal["same", "blank", "differs", "mixed", "unknown"]
Action = Literal["skip", "program", "erase and program", "erase"]


@dataclass(frozen=True, slots=True)
class SectorOutline:
    """One sector that a job looks at.

    ``state`` is that of the image's blocks in it: all *same*, all *blank*, some that *differ*
    (the sector has to be erased), *mixed* blocks that are the same or blank, or *unknown* because
    nobody looked. ``program_bytes`` are written to it, ``kept_bytes`` of these are its own.
    """

    address: int
    length: int
    state: State
    action: Action
    program_bytes: int
    kept_bytes: int

    def __repr__(self) -> str:
        return f"<SectorOutline {self.address:#010x}+{self.length:#x}: {self.state}, {self.action}>"


def outline(plan: RegionPlan) -> Iterator[SectorOutline]:
    """Describe what is to happen to each sector of a plan that has been decided."""
    states = plan.states
    erased = {sector.start for sector in plan.erase}
    writes = plan.writes()
    for sector in plan.region.all_sectors():
        mine = {state for start, state in states.items() if sector.start <= start < sector.end}
        program = sum(len(w.data) for w in writes if sector.start <= w.address < sector.end)
        erase = plan.erase_all or sector.start in erased
        if not (mine or program or erase):
            continue
        action: Action = "program" if program else "skip"
        if erase:
            action = "erase and program" if program else "erase"
        kept = sum(
            len(piece.data) for piece in plan.kept if sector.start <= piece.address < sector.end
        )
        yield SectorOutline(sector.start, sector.size, _state(mine), action, program, kept)


def _state(blocks: set[str]) -> State:
    if not blocks:
        return "unknown"
    if "erase" in blocks:
        return "differs"
    if blocks == {"same"}:
        return "same"
    return "blank" if blocks == {"programmable"} else "mixed"
