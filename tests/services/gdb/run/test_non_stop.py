"""Non-stop mode: stops are notifications, and commands are answered while the core runs."""

from __future__ import annotations

import pytest

from onchip.cortex_m import HaltKind, HaltReason
from onchip.services.gdb.options import GdbOptions

from ..fakes import Talk


@pytest.fixture
def talk():
    talk = Talk()
    assert talk.ask(b"QNonStop:1") == b"OK"
    return talk


def settle(talk, polls=20):
    for _ in range(polls):
        talk.target.poll()
        talk.session.link.sleep(0.001)


def test_asking_halts_nothing(talk):
    assert talk.ask(b"?") == b"OK"
    assert talk.core.running
    assert talk.target.run.running  # its stop will be told


def test_a_halted_core_is_told_once(talk):
    talk.core.halt()
    assert talk.ask(b"?").startswith(b"T05thread:1;")
    assert talk.ask(b"vStopped") == b"OK"
    assert talk.ask(b"vStopped") == b"OK"


def test_a_stop_on_request_has_no_signal(talk):
    talk.ask(b"?")
    assert talk.ask(b"vCont;t:1") == b"OK"
    settle(talk)
    (notification,) = talk.notified
    assert notification.startswith(b"Stop:T00thread:1;")
    assert talk.ask(b"vStopped") == b"OK"


def test_running_and_stepping_are_answered_at_once(talk):
    talk.core.halt()
    talk.ask(b"?")
    talk.ask(b"vStopped")
    assert talk.ask(b"vCont;s:1") == b"OK"
    settle(talk)
    assert talk.notified.pop().startswith(b"Stop:T05thread:1;")
    talk.ask(b"vStopped")
    assert talk.ask(b"vCont;c") == b"OK"
    assert talk.ask(b"m20000000,4") == b"00000000"
    assert talk.ask(b"Z1,8000110,2") == b"OK"
    settle(talk)
    assert b"hwbreak" in talk.notified[0]
    assert not talk.sent or not talk.sent[-1].startswith(b"T")


def test_a_second_stop_waits_for_the_first_to_be_acknowledged(talk):
    talk.core.halt()
    talk.ask(b"?")
    talk.ask(b"vStopped")
    for _ in range(2):
        talk.ask(b"vCont;s")
        settle(talk)
    assert len(talk.notified) == 1
    assert talk.ask(b"vStopped").startswith(b"T05")
    assert talk.ask(b"vStopped") == b"OK"


def test_ctrl_c_as_a_packet(talk):
    talk.ask(b"?")
    assert talk.ask(b"vCtrlC") == b"OK"
    settle(talk)
    assert talk.notified[0].startswith(b"Stop:T02")


def test_a_breakpoint_taken_out_while_the_core_runs_is_out(talk):
    talk.ask(b"?")
    talk.ask(b"Z1,8000110,2")
    talk.ask(b"z1,8000110,2")
    assert not talk.core.breakpoints.kinds


def test_attaching_and_going_back_to_all_stop(talk):
    assert talk.ask(b"vAttach;1") == b"OK"
    assert talk.ask(b"QNonStop:0") == b"OK"
    assert talk.ask(b"?").startswith(b"T05")
    assert talk.ask(b"QThreadEvents:1") == b"OK"
    assert talk.ask(b"QNonStop:2").startswith(b"E.")


def test_a_client_that_finds_the_core_running_need_not_wait():
    first = Talk()
    first.ask(b"?")
    first.ask(b"Z1,8000110,2")
    first.ask(b"vCont;c")
    second = Talk(first.session, target=first.target)
    assert second.ask(b"?") == b"T00thread:1;"
    assert second.ask(b"m20000000,4") == b"00000000"
    assert second.ask(b"g").startswith(b"xxxxxxxx")
    assert first.wait().startswith(b"T05")
    second.sent.clear()
    pc = first.core.values["pc"]
    assert second.ask(b"vCont;c").startswith(b"T05")  # what it missed
    assert first.core.values["pc"] == pc
    assert not first.core.running


def test_leaving_forgets_what_was_missed():
    first = Talk()
    first.ask(b"?")
    first.ask(b"vCont;c")
    second = Talk(first.session, target=first.target)
    second.ask(b"?")
    second.ask(b"D")
    assert not second.stub.behind


def test_signals_that_are_the_programs_own_affair():
    talk = Talk(options=GdbOptions(vector_catch=("hardfault",)))
    talk.ask(b"?")
    talk.ask(b"QPassSignals:b;e")
    talk.ask(b"Z1,8000110,2")

    def fault(core):
        core.values["xpsr"] = 3
        core._stop(HaltReason(HaltKind.VECTOR_CATCH, core.values["pc"]))

    talk.core.program[0x0800_0104] = fault
    assert b"hwbreak" in talk.run(b"vCont;c")
    talk.ask(b"QPassSignals:")
    talk.ask(b"z1,8000110,2")
    assert talk.run(b"vCont;c").startswith(b"T0b")
