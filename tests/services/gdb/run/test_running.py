"""Continue, step, range steps, points and stops, as a client asks for them."""

from __future__ import annotations

import time

import pytest

from onchip.cortex_m import HaltKind, HaltReason
from onchip.errors import TransferNoAck
from onchip.services.gdb.run.interrupt import CROSSING_S
from onchip.wire.gdb_rsp.replies import ErrorText, StopReply

from ..fake_core import LOOP, RAM
from ..fakes import Talk


def stop(payload):
    return StopReply.decode(payload)


def test_continue_to_a_breakpoint(talk):
    assert talk.ask(b"Z0,8000110,2") == b"OK"
    answer = stop(talk.run(b"vCont;c"))
    assert (answer.signal, answer.get("swbreak")) == (5, "")
    assert answer.get("0f") == (0x0800_0110).to_bytes(4, "little").hex()


def test_a_breakpoint_at_the_pc_is_met_without_moving(talk):
    talk.ask(f"Z0,{LOOP:x},2".encode())
    for packet in (b"vCont;c", b"vCont;s", b"vCont;r8000100,8000110"):
        talk.ask(b"Pf=" + LOOP.to_bytes(4, "little").hex().encode())  # as for `jump`
        assert stop(talk.run(packet)).get("swbreak") == ""
        assert talk.core.values["pc"] == LOOP
    talk.ask(f"z0,{LOOP:x},2".encode())
    talk.run(b"vCont;s")
    assert talk.core.values["pc"] == LOOP + 2


def test_another_clients_breakpoint_at_the_pc_is_passed(talk):
    other = Talk(talk.session, target=talk.target)
    other.ask(b"?")
    other.ask(f"Z0,{LOOP:x},2".encode())
    talk.run(b"vCont;s")
    assert talk.core.values["pc"] == LOOP + 2


def test_a_hardware_breakpoint_is_told_as_such(talk):
    talk.ask(b"Z1,8000111,2")  # the Thumb bit is no part of the address
    assert stop(talk.run(b"c")).get("hwbreak") == ""


def test_interrupt(talk):
    talk.ask(b"vCont;c")
    talk.target.run.interrupt()
    assert stop(talk.wait()).signal == 2


@pytest.mark.parametrize("resume", [b"vCont;c", b"vCont;s", b"vCont;r8000100,8000140"])
def test_interrupt_that_crosses_a_stop_holds_for_the_next_resume(talk, resume):
    talk.run(b"vCont;s")  # GDB, within a `next`, and the user's Ctrl-C while the answer travels
    talk.target.run.interrupt()
    assert stop(talk.run(resume)).signal == 2
    talk.ask(b"Z1,8000110,2")
    assert stop(talk.run(b"vCont;c")).signal == 5


def test_interrupt_is_not_lost_when_the_core_stops_by_itself(talk):
    talk.ask(b"Z1,8000110,2")
    talk.ask(b"vCont;c")
    for _ in range(200):
        if talk.core.values["pc"] == 0x0800_0110:
            break
        talk.session.link.sleep(0.001)
    talk.target.run.interrupt()
    assert stop(talk.wait()).get("hwbreak") == ""
    talk.ask(b"z1,8000110,2")
    assert stop(talk.run(b"vCont;c")).signal == 2


def test_interrupt_of_a_stopped_core_is_soon_forgotten(talk, monkeypatch):
    talk.run(b"vCont;s")
    talk.target.run.interrupt()
    now = time.monotonic() + CROSSING_S
    monkeypatch.setattr("onchip.services.gdb.run.interrupt.time.monotonic", lambda: now)
    talk.ask(b"Z1,8000110,2")
    assert stop(talk.run(b"vCont;c")).get("hwbreak") == ""


def test_vctrlc_and_vcont_t(talk):
    for payload in (b"vCtrlC", b"vCont;t"):
        talk.ask(b"vCont;c")
        assert talk.ask(payload) == b"OK"
        talk.sent.clear()
        assert stop(talk.wait()).signal == 2


def test_step(talk):
    answer = stop(talk.run(b"vCont;s:1"))
    assert answer.get("0f") == (LOOP + 2).to_bytes(4, "little").hex()
    assert talk.core.steps == 1
    talk.run(b"S05")
    talk.run(f"s{LOOP:x}".encode())
    assert talk.core.values["pc"] == LOOP + 2


def test_continue_from_an_address(talk):
    talk.ask(b"Z1,8000120,2")
    talk.run(b"c800011e")
    assert talk.core.values["pc"] == 0x0800_0120


def test_range_step_is_one_packet(talk):
    answer = stop(talk.run(b"vCont;r8000100,8000120:1"))
    assert answer.get("0f") == (0x0800_0120).to_bytes(4, "little").hex()
    assert talk.core.steps == 16


def test_range_step_executes_one_instruction_at_least(talk):
    talk.run(b"vCont;r8000100,8000100:1")
    assert talk.core.steps == 1


def test_range_step_stops_at_a_breakpoint(talk):
    talk.ask(b"Z0,8000108,2")
    answer = stop(talk.run(b"vCont;r8000100,8000140"))
    assert answer.get("swbreak") == ""
    assert talk.core.values["pc"] == 0x0800_0108


def test_endless_range_step_can_be_interrupted(talk):
    assert talk.ask(b"vCont;r8000100,8000140") is None
    for _ in range(5):
        talk.target.poll()
    assert not talk.sent
    talk.target.run.interrupt()
    assert stop(talk.wait()).signal == 2


def test_vcont_for_another_thread(talk):
    assert talk.ask(b"vCont;s:2").startswith(b"E.")


@pytest.mark.parametrize(
    ("packet", "touch", "pair"),
    [(b"Z2", "write", "watch"), (b"Z3", "read", "rwatch"), (b"Z4", "read", "awatch")],
)
def test_watchpoints(talk, packet, touch, pair):
    talk.core.program[LOOP + 8] = lambda core: setattr(core, "touch", (RAM + 0x12, touch))
    assert talk.ask(packet + b",20000010,4") == b"OK"
    answer = stop(talk.run(b"vCont;c"))
    assert answer.get(pair) == "20000012"


def _stopped_by_a_watchpoint(talk, features):
    talk.ask(b"qSupported:" + features)
    talk.ask(b"Z2,20000010,4")
    talk.core.program[LOOP + 8] = lambda core: setattr(core, "touch", (RAM + 0x10, "write"))
    assert stop(talk.run(b"vCont;c")).get("watch") == "20000010"
    talk.ask(b"z2,20000010,4")
    return talk.core.values["pc"]


def test_the_step_by_which_gdb_passes_a_watched_access_finds_it_made(talk):
    pc = _stopped_by_a_watchpoint(talk, b"swbreak+;hwbreak+")
    answer = stop(talk.run(b"vCont;s:1"))
    assert (answer.signal, answer.get("watch")) == (5, None)
    assert (talk.core.values["pc"], talk.core.steps) == (pc, 0)
    talk.run(b"vCont;s:1")  # the next one is the user's
    assert talk.core.steps == 1


def test_only_the_first_step_after_a_watchpoint_is_such(talk):
    _stopped_by_a_watchpoint(talk, b"swbreak+;hwbreak+")
    talk.ask(b"Z1,8000120,2")
    talk.run(b"vCont;c")
    talk.ask(b"z1,8000120,2")
    talk.run(b"vCont;s")
    assert talk.core.steps == 1


def test_who_takes_a_watchpoint_as_told_steps_as_told(talk):
    _stopped_by_a_watchpoint(talk, b"multiprocess+;fork-events+")
    talk.run(b"vCont;s")
    assert talk.core.steps == 1


def test_a_watchpoint_without_an_address_is_the_only_one(talk):
    talk.ask(b"Z2,20000010,4")
    assert talk.target.run.points.watch_name(None, None) == ("watch", 0x2000_0010)
    talk.ask(b"Z2,20000020,4")
    assert talk.target.run.points.watch_name(None, None) is None


def test_a_stale_watchpoint_is_no_stop_while_stepping(talk):
    talk.core.program[LOOP] = lambda core: setattr(core, "touch", (RAM + 0x10, "write"))
    talk.ask(b"Z2,20000010,4")
    talk.ask(b"z2,20000010,4")
    answer = stop(talk.run(b"vCont;s"))
    assert answer.get("watch") is None
    assert answer.signal == 5


def test_points_run_out(talk):
    for n in range(4):
        assert talk.ask(f"Z1,{LOOP + 4 * n:x},2".encode()) == b"OK"
    assert talk.ask(b"Z1,8000120,2").startswith(b"E.refused.no comparator left")
    talk.ask(f"z1,{LOOP:x},2".encode())
    assert talk.ask(b"Z1,8000120,2") == b"OK"  # the stale one made room
    for n in range(2):
        assert talk.ask(f"Z2,2000000{n},1".encode()) == b"OK"
    assert talk.ask(b"Z2,20000008,1").startswith(b"E.refused.no comparator left")
    talk.ask(b"z2,20000000,1")
    assert talk.ask(b"Z2,20000008,1") == b"OK"


def test_taking_points_out_and_in_again_costs_nothing(talk):
    talk.ask(b"Z1,8000110,2")
    talk.run(b"vCont;c")
    writes = talk.core.breakpoints.writes
    for _ in range(5):
        talk.ask(b"z1,8000110,2")
        talk.run(b"vCont;s")
        talk.ask(b"Z1,8000110,2")
    assert talk.core.breakpoints.writes == writes
    talk.ask(b"z1,8000110,2")
    talk.ask(b"vCont;c")
    assert not talk.core.breakpoints.kinds


def test_removing_what_is_not_there_is_no_error(talk):
    assert talk.ask(b"z0,8000110,2") == b"OK"
    assert talk.ask(b"z2,20000000,4") == b"OK"


def test_a_breakpoint_of_the_programs_own(talk):
    talk.core.memory.write(LOOP + 4, b"\x01\xbe")
    answer = stop(talk.run(b"vCont;c"))
    assert answer.signal == 5
    assert answer.get("swbreak") is None  # GDB would look for an opcode of its own there
    assert talk.core.values["pc"] == LOOP + 4
    talk.ask(b"vCont;c")
    assert talk.core.values["pc"] == LOOP + 6  # it is stepped over, not met again


@pytest.mark.parametrize(("exception", "signal"), [(3, 11), (4, 11), (5, 10), (6, 4), (1, 5)])
def test_a_caught_fault_is_told_with_its_report(talk, exception, signal):
    talk.core.fault_report = "the report"
    talk.ask(b"vCont;c")
    talk.core.values["xpsr"] = exception
    talk.core._stop(HaltReason(HaltKind.VECTOR_CATCH, LOOP))
    assert stop(talk.wait()).signal == signal
    assert bytes.fromhex(talk.sent[0][1:].decode()) == b"the report\n"


def test_lockup(talk):
    talk.ask(b"vCont;c")
    talk.core._stop(HaltReason(HaltKind.LOCKUP, 0xFFFF_FFFE))
    assert stop(talk.wait()).signal == 6
    assert b"locked up" in bytes.fromhex(talk.sent[0][1:].decode())


def test_a_core_that_is_lost_while_it_runs(talk):
    talk.ask(b"vCont;c")
    talk.target.fail(TransferNoAck("nothing answers"))
    assert talk.sent == [ErrorText("nothing answers").encode()]
    assert not talk.target.run.running
