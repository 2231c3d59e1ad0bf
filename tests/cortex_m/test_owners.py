"""Breakpoints of several clients, under conditions, counted, and once only."""

from __future__ import annotations

import contextlib

import pytest

from onchip.arch.fpb import FP_COMP0, FP_CTRL
from onchip.cortex_m import BreakpointKind, HaltKind, PointOwner, StoppedCore
from onchip.dap import Transfers
from onchip.errors import (
    BreakpointError,
    CoreTimeout,
    TargetError,
    TransferFault,
    UsageError,
)
from tests.budgets.measure import Bench
from tests.cortex_m.conftest import CODE, DATA, LOOP, load

GDB = PointOwner("GDB 127.0.0.1:50000")


def test_a_refusal_says_how_many_there_are_and_who_holds_them(m4: Bench) -> None:
    breakpoints = m4.core.breakpoints
    for n in range(6):
        breakpoints.set(0x0800_0100 + 4 * n, owner=GDB if n < 4 else PointOwner("the shell"))
    with pytest.raises(BreakpointError) as caught:
        breakpoints.set(0x0800_0200)
    assert "all 6 comparators are in use" in caught.value.message
    assert "4 by GDB 127.0.0.1:50000, 2 by the shell" in caught.value.message
    assert "remove one first" in str(caught.value.hint)


def test_a_breakpoint_stays_until_the_last_owner_has_let_go(m4: Bench) -> None:
    breakpoints = m4.core.breakpoints
    breakpoints.set(0x0800_0100)
    breakpoints.set(0x0800_0100, owner=GDB)
    assert breakpoints.available == 5
    breakpoints.remove(0x0800_0100)
    with pytest.raises(BreakpointError, match="no breakpoint of Python") as caught:
        breakpoints.remove(0x0800_0100)
    assert "GDB" in str(caught.value.hint)
    assert m4.core.ap.read_u32(FP_COMP0) != 0
    breakpoints.remove(0x0800_0100, owner=GDB)
    assert m4.core.ap.read_u32(FP_COMP0) == 0


def test_what_is_let_go_of_stays_armed_until_the_core_runs_on(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.breakpoints.set(CODE + 2, owner=GDB)
    core.breakpoints.let_go(CODE + 2, owner=GDB)
    assert (len(core.breakpoints), core.breakpoints.find(CODE + 2)) == (0, None)
    assert core.ap.read(CODE + 2, 2) == b"\x00\xbe"
    core.resume()
    core.sleep(0.001)
    assert core.poll() is None
    assert core.ap.read(CODE, len(LOOP)) == LOOP


def test_a_place_that_nobody_wants_is_given_to_the_next(m4: Bench) -> None:
    breakpoints = m4.core.breakpoints
    for n in range(6):
        breakpoints.set(0x0800_0100 + 4 * n, owner=GDB)
    breakpoints.let_go(0x0800_0104, owner=GDB)
    breakpoints.set(0x0800_0200)
    assert len(breakpoints) == 6


def test_release_takes_out_what_one_client_alone_wanted(m4: Bench) -> None:
    core = m4.core
    core.breakpoints.set(0x0800_0100, owner=GDB)
    core.breakpoints.set(0x0800_0104, owner=GDB)
    core.breakpoints.set(0x0800_0104)
    core.watchpoints.set(DATA, 4, owner=GDB)
    core.release(GDB)
    assert [b.address for b in core.breakpoints] == [0x0800_0104]
    assert core.watchpoints.available == 4


def test_version_2_comparators_reach_ram(m4: Bench) -> None:
    """No virtual chip has one: what is written is looked at (ARMv8-M D1.2.109: BPADDR, BE)."""
    core = m4.core
    core.fpb.configure(FP_CTRL(0x1000_0080))
    core.breakpoints.set(CODE + 2, BreakpointKind.HARDWARE)
    t = Transfers()
    core.fpb.emit_comparator(t, 0)
    assert bytes(t.elements[-1].payload or b"") == (CODE + 2 | 1).to_bytes(4, "little")
    assert [b.kind for b in core.breakpoints] == [BreakpointKind.HARDWARE]


def test_a_condition_decides_whether_the_core_stops(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    asked = []

    def at_three(at) -> bool:
        asked.append(at.read_register("r0"))
        return asked[-1] == 3

    core.breakpoints.set(CODE + 4, condition=at_three)
    core.resume()
    reason = core.wait_halted(1.0)
    assert (reason.kind, reason.pc) == (HaltKind.BREAKPOINT, CODE + 4)
    assert asked == [1, 2, 3]
    core.resume()
    with pytest.raises(CoreTimeout):
        core.wait_halted(0.01)
    assert asked[3] == 4


def test_poll_lets_the_core_run_on_where_the_condition_is_not_met(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.breakpoints.set(CODE + 4, condition=lambda at: False)
    core.resume()
    core.sleep(0.001)
    assert core.poll() is None
    assert not core.halted


def test_one_owner_with_a_condition_does_not_stop_the_other_from_stopping(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.breakpoints.set(CODE + 4, condition=lambda at: False)
    core.breakpoints.set(CODE + 4, owner=GDB)
    core.resume()
    assert core.wait_halted(1.0).pc == CODE + 4


def test_a_condition_that_fails_stops_and_says_why(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.breakpoints.set(CODE + 4, condition=lambda at: at.read_register("r99") == 0)
    core.resume()
    assert "could not be evaluated: this core has no register" in core.wait_halted(1.0).text


def test_a_condition_that_went_on_after_a_failure_is_judged_once(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    asked = []

    def reads_what_is_not_there(at: StoppedCore) -> bool:
        asked.append(at.read_register("r0"))
        with contextlib.suppress(TransferFault):
            at.memory.read(0xC000_0000, 4)
        return len(asked) == 3

    core.breakpoints.set(CODE + 4, condition=reads_what_is_not_there)
    core.resume()
    core.wait_halted(1.0)
    assert asked == [1, 2, 3]


def test_hits_are_counted_and_ignored(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.breakpoints.set(CODE + 4, ignore_count=4)
    core.resume()
    core.wait_halted(1.0)
    assert core.read_register("r0") == 5
    core.resume()
    core.wait_halted(1.0)
    assert core.read_register("r0") == 6
    with pytest.raises(UsageError):
        core.breakpoints.set(CODE + 6, ignore_count=-1)


def test_a_temporary_breakpoint_stops_once(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.breakpoints.set(CODE + 4, temporary=True)
    core.resume()
    assert core.wait_halted(1.0).pc == CODE + 4
    assert core.breakpoints.find(CODE + 4) is None
    core.resume()
    core.sleep(0.001)
    assert core.poll() is None


def test_a_halt_upon_a_condition_that_is_not_met_is_the_halt_that_was_asked_for(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.breakpoints.set(CODE + 4, condition=lambda at: False)
    core.resume()
    core.sleep(0.001)
    assert core.halt().kind is HaltKind.REQUEST


def test_a_condition_that_is_not_met_costs_one_packet(m4: Bench) -> None:
    """It steps off, runs on, waits, and brings along what the condition reads next time."""
    core = m4.core
    load(core, LOOP)
    core.breakpoints.set(CODE + 4, condition=lambda at: at.read_register("r0") % 20 == 0)
    core.resume()
    core.wait_halted(0.1, prefetch=("pc", "r0"))

    def on_to_the_next() -> None:
        while core.run_on(0.1, prefetch=("pc", "r0")) is None:
            pass

    packets, round_trips = m4.count(on_to_the_next)
    assert core.read_register("r0") == 40
    assert packets <= 20
    assert round_trips <= 20


def test_run_on_says_when_the_core_goes_on_running(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    assert core.run_on(0.01) is None
    assert not core.halted
    with pytest.raises(TargetError):
        core.run_on(0.01)


def test_a_wait_for_an_interrupt_is_left_as_any_instruction_is(m4: Bench) -> None:
    """A breakpoint upon WFI: the step off it does not end by itself."""
    core = m4.core
    code = bytes.fromhex("30bffde7")  # wfi; b .-2
    for leave in (core.resume, lambda: core.run_on(0.01)):
        load(core, code)
        core.breakpoints.set(CODE)
        leave()
        assert core.ap.read(CODE, 2) == b"\x00\xbe"
        core.sleep(0.001)
        core.halt()
        core.breakpoints.clear()
