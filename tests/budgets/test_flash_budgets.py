from pathlib import Path

import pytest

from .measure import PROBES
from .measure_flash import measurements

TABLE = Path(__file__).parents[2] / "docs" / "performance.md"


@pytest.mark.parametrize("probe", PROBES)
def test_flash_jobs_are_within_their_budgets_and_cost_what_is_written_down(probe: str) -> None:
    rows = measurements(probe)
    assert len(rows) == 6
    assert [row for row in rows if not row.within] == []
    table = TABLE.read_text(encoding="utf-8")
    for row in rows:
        cell = f"{row.packets} / {row.round_trips} ({row.packet_budget} / {row.round_trip_budget})"
        line = next(x for x in table.splitlines() if x.startswith(f"| {row.operation} |"))
        assert cell in line, f"{probe}: {row.operation}: {cell}; run `make docs`"
