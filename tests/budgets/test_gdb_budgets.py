"""The packets that GDB costs stay within the design's budgets."""

from __future__ import annotations

import pytest

from tests.budgets.measure import PROBES
from tests.budgets.measure_gdb import measurements


@pytest.mark.parametrize("probe", PROBES)
def test_gdb_stays_within_its_budgets(probe):
    over = [row for row in measurements(probe) if not row.within]
    assert not over


def test_a_step_off_a_breakpoint_writes_no_comparator_twice():
    """Between z and Z nothing is disarmed for good: only the one step lifts it."""
    from tests.budgets.measure_gdb import BREAK, client

    with client("bulk-512x4") as (talker, link):
        talker.say(f"Z0,{BREAK}")
        talker.say("vCont;c")
        before = link.mark()
        for payload in (f"z0,{BREAK}", "vCont;s:1", f"Z0,{BREAK}"):
            talker.say(payload)
        assert (link.traffic - before).packets <= 2
