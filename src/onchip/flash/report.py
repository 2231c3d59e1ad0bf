"""What a job did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .images.segment import Segment
from .planning.planner import RegionPlan
from .planning.schedule import erased_length, expected_content


@dataclass(frozen=True, slots=True)
class ProgrammingReport:
    """What a job did; byte counts, and ``seconds`` of the link's time.

    ``mode`` tells how functions were called: ``stream``, ``double`` (buffered calls) or ``single``
    (calls); ``mode_because`` why it was not the first of these.
    """

    image_bytes: int = 0
    same_bytes: int = 0
    erased_bytes: int = 0
    programmed_bytes: int = 0
    kept_bytes: int = 0
    ram_bytes: int = 0
    verified_bytes: int = 0
    seconds: float = 0.0
    mode: str = "stream"
    mode_because: str = ""


def report_of(
    plans: Sequence[RegionPlan],
    ram: Sequence[Segment],
    seconds: float,
    mode: str,
    because: str,
) -> ProgrammingReport:
    """Count what plans that were carried out did, and what went to RAM."""
    ram_bytes = sum(len(segment.data) for segment in ram)
    return ProgrammingReport(
        image_bytes=sum(plan.image_bytes for plan in plans) + ram_bytes,
        same_bytes=sum(plan.same_bytes for plan in plans),
        erased_bytes=sum(erased_length(plan) for plan in plans),
        programmed_bytes=sum(len(w.data) for plan in plans for w in plan.writes()),
        kept_bytes=sum(plan.kept_bytes for plan in plans),
        ram_bytes=ram_bytes,
        verified_bytes=sum(len(s.data) for p in plans for s in expected_content(p)) + ram_bytes,
        seconds=seconds,
        mode=mode,
        mode_because=because,
    )
