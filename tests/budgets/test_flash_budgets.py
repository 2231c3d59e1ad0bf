import pytest

from .measure import PROBES
from .measure_flash import measurements


@pytest.mark.parametrize("probe", PROBES)
def test_flash_jobs_are_within_their_budgets(probe: str) -> None:
    rows = measurements(probe)
    assert len(rows) == 4
    assert [row for row in rows if not row.within] == []
