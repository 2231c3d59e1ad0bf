"""A second try at half the clock, after a verification that failed: was it the wire?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onchip.errors import FlashError, ProbeError, TargetError, TransferError, VerifyError

from . import job
from .planner import RegionPlan
from .progress import silent
from .schedule import expected_content

if TYPE_CHECKING:
    from onchip.dap.client import DapClient

    from .workbench import Workbench


def program_again(
    bench: Workbench,
    client: DapClient,
    plans: Sequence[RegionPlan],
    clock_hz: int,
    error: VerifyError,
) -> None:
    """Program what differs once more, and add to ``error`` what came of it."""
    again = [
        RegionPlan(plan.region, plan.algorithm, tuple(expected_content(plan))) for plan in plans
    ]
    told = "programmed again at half the clock"
    with _half_clock(client) as (slow, fast):
        if slow is None:
            return
        try:
            job.survey(bench, again, silent)
            job.carry_out(bench, again, clock_hz, silent)
            job.check(bench, again, silent)
        except (FlashError, TransferError, TargetError, ProbeError) as second:
            error.message += f"; {told} ({slow}) it failed too: {second.message}"
            return
    error.message += f"; {told} ({slow}) it is right now, so the wire is to blame"
    error.hint = f"use a lower clock than {fast}, or shorter wires"


def compare_again(
    bench: Workbench, client: DapClient, plans: Sequence[RegionPlan], error: VerifyError
) -> None:
    """Compare once more, and add to ``error`` what came of it."""
    with _half_clock(client) as (slow, fast):
        if slow is None:
            return
        try:
            job.check(bench, plans, silent)
        except (FlashError, TransferError, TargetError, ProbeError):
            error.message += f"; at half the clock ({slow}) it differs too"
            return
    error.message += f"; at half the clock ({slow}) it is right, so the wire is to blame"
    error.hint = f"use a lower clock than {fast}, or shorter wires"


@contextlib.contextmanager
def _half_clock(client: DapClient) -> Iterator[tuple[str | None, str]]:
    """Halve the clock for a while; give both in words, None if the probe does not take the half."""
    before = client.frequency_hz
    fast = f"{before / 1e6:g} MHz"
    try:
        client.set_frequency(before // 2)
    except ProbeError:
        yield None, fast
        return
    try:
        yield f"{client.frequency_hz / 1e6:g} MHz", fast
    finally:
        with contextlib.suppress(ProbeError):
            client.set_frequency(before)
