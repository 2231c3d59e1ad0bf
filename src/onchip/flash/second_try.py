"""A second try after a verification that failed: at half the clock, was it the wire? Then alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onchip.errors import (
    FlashError,
    OnchipError,
    ProbeError,
    TargetError,
    TransferError,
    VerifyError,
)

from . import job
from .planning.planner import RegionPlan
from .progress import silent

if TYPE_CHECKING:
    from onchip.dap.client import DapClient

    from .workbench import Workbench


def program_again(
    bench: Workbench,
    client: DapClient,
    plans: Sequence[RegionPlan],
    clock_hz: int,
    error: VerifyError,
) -> bool:
    """Program what differs once more, and add to ``error`` what came of it.

    True: it is right now, with single calls at the same clock, so the ladder has one more reason.
    """
    told = "programmed again at half the clock"
    with _half_clock(client) as (slow, fast):
        second = None if slow is None else _again(bench, plans, clock_hz)
    if slow is not None and second is None:
        error.message += f"; {told} ({slow}) it is right now, so the wire is to blame"
        error.hint = f"use a lower clock than {fast}, or shorter wires"
        return False
    if bench.step_down(f"streamed, {error.message}") and _again(bench, plans, clock_hz) is None:
        return True
    if second is not None:
        error.message += f"; {told} ({slow}) it failed too: {second.message}"
    return False


def _again(bench: Workbench, plans: Sequence[RegionPlan], clock_hz: int) -> OnchipError | None:
    """Program what differs, and verify; return what went wrong."""
    again = [plan.again() for plan in plans]
    try:
        job.survey(bench, again, silent)
        job.carry_out(bench, again, clock_hz, silent)
        job.check(bench, again, silent)
    except (FlashError, TransferError, TargetError, ProbeError) as error:
        return error
    return None


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
