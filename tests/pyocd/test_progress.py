"""The bar of the classic commands."""

from __future__ import annotations

import io

from onchip.flash.progress import Progress
from pyOCD.utility.progress import ProgressBar, as_fractions


def test_a_bar_grows_to_its_end() -> None:
    out = io.StringIO()
    bar = ProgressBar(out)
    for amount in (0.0, 0.26, 0.5, 0.5, 1.0, 1.0):
        bar(amount)
    assert out.getvalue() == "[====================] 100%\n"


def test_the_next_job_has_a_bar_of_its_own() -> None:
    out = io.StringIO()
    bar = ProgressBar(out)
    for amount in (0.5, 1.0, 0.0, 1.0):
        bar(amount)
    assert out.getvalue() == "[====================] 100%\n" * 2


def test_phases_become_one_number() -> None:
    seen: list[float] = []
    show = as_fractions(seen.append)
    for phase in ("plan", "erase", "program", "verify"):
        show(Progress(phase, 0, 10))  # type: ignore[arg-type]
        show(Progress(phase, 10, 10))  # type: ignore[arg-type]
    show(Progress("verify", 0, 0))
    assert seen[:8] == sorted(seen[:8])
    assert (seen[0], seen[7]) == (0.0, 1.0)
