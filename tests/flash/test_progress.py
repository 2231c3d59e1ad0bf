from onchip.flash.progress import Meter, Phases, Progress


def test_phases_that_alternate_are_told_one_after_the_other() -> None:
    told: list[Progress] = []
    phases = Phases(told.append, 100, 50)
    phases.erased(60)
    phases.programmed(20)
    phases.erased(40)
    phases.programmed(30)
    assert told == [
        *(Progress("erase", 0, 100), Progress("erase", 60, 100), Progress("erase", 100, 100)),
        *(Progress("program", 0, 50), Progress("program", 20, 50), Progress("program", 50, 50)),
    ]


def test_a_phase_without_work_is_not_told() -> None:
    told: list[Progress] = []
    phases = Phases(told.append, 0, 10)
    phases.programmed(10)
    Meter(told.append, "verify", 0)(0)
    assert told == [Progress("program", 0, 10), Progress("program", 10, 10)]
