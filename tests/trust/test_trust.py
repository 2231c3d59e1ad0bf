"""A slice of `make trust`: whatever goes wrong, nothing is reported good that is not."""

import pytest

from .harness import Lie, Run
from .scenarios import Scenario, scenarios

CHEAP = ("lpc1768", "nrf51822")
"""The chips whose jobs cost the least; `make trust` has them all."""
EVERY = 53


def test_there_are_a_thousand_scenarios_and_each_is_another() -> None:
    names = [str(scenario) for scenario in scenarios()]
    assert len(names) == len(set(names)) >= 1000


@pytest.mark.parametrize(
    "scenario", [each for each in scenarios() if each.chip in CHEAP][7::EVERY], ids=str
)
def test_what_is_claimed_is_true_and_the_next_job_works(scenario: Scenario) -> None:
    Run(scenario).go()


def test_a_lie_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(Scenario("nothing", "nrf51822", "bulk-512x4", "flash", lambda board: None))
    monkeypatch.setattr(run, "_do", lambda job, session: None)  # does nothing, and claims it did
    with pytest.raises(Lie, match="reported good, and the flash holds something else"):
        run.go()


def test_what_did_not_go_wrong_is_good() -> None:
    outcome = Run(Scenario("nothing", "lpc1768", "bulk-512x4", "flash", lambda board: None)).go()
    assert outcome.good
    assert not outcome.struck
