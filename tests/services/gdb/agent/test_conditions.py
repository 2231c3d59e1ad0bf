"""Breakpoints with conditions and commands, at the stub."""

from __future__ import annotations

import pytest

from onchip.services.gdb import EXPEDITED
from onchip.wire.gdb_rsp.points import InsertPoint, PointKind
from onchip.wire.gdb_rsp.replies import StopReply

from ..fake_core import LOOP, RAM
from ..fakes import Talk

R0_IS_3 = bytes.fromhex("260000 2203 13 27")
R0_OVER_0 = bytes.fromhex("260000 2200 05 27")
SAY_R0 = bytes.fromhex("260000 2200 2200 34 01 0005 723d256400 27")  # printf "r=%d"


@pytest.fixture
def talk():
    talk = Talk()
    talk.ask(b"?")

    def count(core):
        core.values["r0"] += 1

    talk.core.program[LOOP] = count
    talk.core.values["r0"] = 0
    return talk


def insert(talk, **more):
    packet = InsertPoint(PointKind.SOFTWARE_BREAKPOINT, LOOP + 4, 2, **more).encode()
    return talk.ask(packet)


def test_a_false_condition_runs_on(talk):
    assert insert(talk, conditions=(R0_IS_3,)) == b"OK"
    stop = StopReply.decode(talk.run(b"vCont;c"))
    assert stop.get("swbreak") == ""
    assert talk.core.values["r0"] == 3
    assert len(talk.sent) == 1


def test_any_of_several_is_enough(talk):
    insert(talk, conditions=(bytes.fromhex("220027"), R0_IS_3))
    talk.run(b"vCont;c")
    assert talk.core.values["r0"] == 3


def test_a_condition_without_a_value_stops_and_says_why(talk):
    insert(talk, conditions=(R0_OVER_0,))
    talk.run(b"vCont;c")
    assert talk.core.values["pc"] == LOOP + 4
    assert b"division by zero" in bytes.fromhex(talk.sent[0][1:].decode())


def test_setting_it_again_replaces_the_condition(talk):
    insert(talk, conditions=(R0_IS_3,))
    insert(talk)
    talk.run(b"vCont;c")
    assert talk.core.values["r0"] == 1


def test_a_range_step_passes_a_false_condition(talk):
    insert(talk, conditions=(R0_IS_3,))
    talk.run(b"vCont;r8000100,8000120:1")
    assert talk.core.values["pc"] == 0x0800_0120


def test_it_is_not_met_where_it_is_false(talk):
    talk.ask(f"Z0,{LOOP:x},2;X1,27".encode())  # no value: false
    talk.run(b"vCont;s")
    assert talk.core.values["pc"] == LOOP + 2


def test_another_clients_breakpoint_has_its_own_say(talk):
    other = Talk(talk.session, target=talk.target)
    other.ask(b"?")
    insert(talk, conditions=(R0_IS_3,))
    insert(other)
    talk.run(b"vCont;c")
    assert talk.core.values["r0"] == 1
    other.ask(b"D")
    talk.run(b"vCont;c")
    assert talk.core.values["r0"] == 3


def test_commands_print_and_never_stop(talk):
    assert insert(talk, commands=(SAY_R0,), persist=True) == b"OK"
    talk.ask(b"Z1,8000110,2")
    talk.run(b"vCont;c")
    assert [bytes.fromhex(part[1:].decode()) for part in talk.sent[:-1]] == [b"r=1"]
    assert talk.core.values["pc"] == 0x0800_0110


def test_a_conditional_command(talk):
    insert(talk, conditions=(R0_IS_3,), commands=(SAY_R0,))
    talk.ask(b"vCont;c")
    for _ in range(20):
        talk.target.poll()
        talk.session.link.sleep(0.001)
    talk.target.run.interrupt()
    talk.wait()
    assert [bytes.fromhex(part[1:].decode()) for part in talk.sent[:-1]] == [b"r=3"]


@pytest.mark.parametrize("packet", [b"Z2,20000000,4;X1,27", b"Z0,8000110,2;X1,01", b"Z0,8,2;X2,27"])
def test_refusals(talk, packet):
    assert talk.ask(packet).startswith(b"E.")
    assert not talk.core.breakpoints.kinds


def test_a_condition_reads_memory(talk):
    talk.core.memory.write(RAM, b"\x05")
    insert(talk, conditions=(bytes.fromhex("24 20000000 17 2205 13 27"),))
    talk.run(b"vCont;c")
    assert talk.core.values["r0"] == 1


def test_only_what_conditions_look_at_is_read_at_a_hit(talk):
    def looked_at():
        asked.clear()
        talk.ask(b"vCont;c")
        talk.target.poll()
        talk.target.run.interrupt()
        talk.wait()
        return tuple(asked[0])

    asked = []
    poll = talk.core.poll
    talk.core.poll = lambda prefetch=None, enough=None: (asked.append(prefetch), poll())[1]
    insert(talk)
    assert looked_at() == EXPEDITED
    insert(talk, conditions=(R0_IS_3,), commands=(SAY_R0,))
    assert looked_at() == ("pc", "r0")
    insert(talk, conditions=(bytes.fromhex("26ffff27"),))  # a register that is not there
    assert looked_at() == ("pc",)
    talk.ask(f"z0,{LOOP + 4:x},2".encode())
    assert looked_at() == EXPEDITED


def test_a_breakpoint_that_was_told_and_is_left_in_is_passed(talk):
    """GDB goes on so from a dprintf that it could not compile for the agent."""
    insert(talk)
    for turn in (1, 2, 3):
        assert StopReply.decode(talk.run(b"vCont;c")).get("swbreak") == ""
        assert talk.core.values["r0"] == turn
    talk.ask(b"Pf=" + (LOOP + 4).to_bytes(4, "little").hex().encode())  # jump *$pc
    talk.run(b"vCont;c")
    assert talk.core.values["r0"] == turn
