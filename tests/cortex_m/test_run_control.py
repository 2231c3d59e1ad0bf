"""Halt, resume, step and the reasons for a halt, on every kind of core."""

from __future__ import annotations

import pytest

from onchip.cortex_m import BreakpointKind, CoreState, HaltKind
from onchip.errors import CoreStateError, CoreTimeout
from tests.budgets.measure import Bench
from tests.cortex_m.conftest import CODE, DATA, LOOP, load, places


def test_a_core_runs_and_halts_on_request(any_bench: Bench) -> None:
    core = any_bench.core
    CODE, DATA = places(core)
    load(core, LOOP)
    core.resume()
    assert not core.halted
    assert core.state() is CoreState.RUNNING
    assert core.poll() is None
    core.sleep(0.001)
    reason = core.halt()
    assert reason.kind is HaltKind.REQUEST
    assert core.halted
    assert CODE + 2 <= (reason.pc or 0) <= CODE + 8
    assert core.memory.read_u32(DATA) > 10
    assert core.state() is CoreState.HALTED


def test_steps_execute_one_instruction_each(any_bench: Bench) -> None:
    core = any_bench.core
    CODE, DATA = places(core)
    load(core, LOOP)
    pcs = [core.step().pc for _ in range(6)]
    assert pcs == [CODE + 2, CODE + 4, CODE + 6, CODE + 8, CODE + 2, CODE + 4]
    assert core.read_register("r0") == 2
    assert core.memory.read_u32(DATA) == 1


def test_a_step_tells_that_it_was_one(m4: Bench) -> None:
    load(m4.core, LOOP)
    assert m4.core.step().kind is HaltKind.STEP
    assert m4.core.step(interrupts=True).kind is HaltKind.STEP


def test_registers_that_were_prefetched_cost_nothing(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.step(prefetch=("r0", "r1", "pc"))
    before = m4.link.mark()
    assert core.read_registers(("r1", "pc")) == {"r1": DATA, "pc": CODE + 2}
    assert (m4.link.traffic - before).packets == 0
    core.write_register("r1", 5)
    assert core.read_register("r1") == 5


def test_what_needs_a_halted_core_is_refused_while_it_runs(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.resume()
    before = m4.link.mark()
    for attempt in (core.step, core.resume, lambda: core.read_register("r0"), core.fault):
        with pytest.raises(CoreStateError, match="runs"):
            attempt()
    with pytest.raises(CoreStateError):
        core.write_register("r0", 1)
    assert (m4.link.traffic - before).packets == 0


def test_registers_of_a_core_that_went_on_unnoticed(m4: Bench) -> None:
    """Nothing is read to be sure: DHCSR, which comes along, tells that the values mean nothing."""
    core = m4.core
    load(core, LOOP)
    core.resume()
    core.run.halted = True
    with pytest.raises(CoreStateError):
        core.read_register("r0")
    assert core.run.halted is False


def test_waiting_for_a_halt_that_does_not_come(m4: Bench) -> None:
    core = m4.core
    load(core, LOOP)
    core.resume()
    start = core.now()
    with pytest.raises(CoreTimeout, match="did not halt"):
        core.wait_halted(0.5)
    assert 0.5 <= core.now() - start < 0.9
    assert core.state() is CoreState.RUNNING


def test_waiting_for_a_breakpoint_takes_place_in_the_probe(m4: Bench) -> None:
    core = m4.core
    # delay: r0 counts to 200,000, then BKPT
    code = bytes.fromhex("01308842fcd300befee7")
    load(core, code)
    core.write_register("r1", 200_000)
    core.resume()
    before = m4.link.mark()
    reason = core.wait_halted(2.0)
    assert reason.kind is HaltKind.BREAKPOINT
    assert reason.pc == CODE + 6
    assert "BKPT 0x00 of the program" in reason.text
    assert (m4.link.traffic - before).packets <= 4


def test_a_programs_own_bkpt_is_passed_by_resume_and_step(any_bench: Bench) -> None:
    core = any_bench.core
    CODE, _DATA = places(core)
    load(core, bytes.fromhex("00be013001be013002befee7"))
    core.resume()
    assert core.wait_halted(1.0).pc == CODE
    core.resume()
    assert core.wait_halted(1.0).pc == CODE + 4
    assert core.step().pc == CODE + 6
    core.resume()
    assert core.wait_halted(1.0).pc == CODE + 8
    assert core.read_register("r0") == 2


def test_a_semihosting_call_is_told_apart(m4: Bench) -> None:
    core = m4.core
    load(core, bytes.fromhex("abbefee7"))
    core.resume()
    reason = core.wait_halted(1.0)
    assert reason.kind is HaltKind.SEMIHOSTING
    assert reason.pc == CODE


def test_a_pc_set_by_hand_is_where_the_core_goes_on(m4: Bench) -> None:
    """Standing on a BKPT, the pc that someone sets is not moved on."""
    core = m4.core
    load(core, bytes.fromhex("abbe013001befee7"))
    core.resume()
    core.wait_halted(1.0)
    core.write_register("pc", CODE + 2)
    core.resume()
    assert core.wait_halted(1.0).pc == CODE + 4
    assert core.read_register("r0") == 1


def test_a_sleeping_core_stays_attached(any_bench: Bench) -> None:
    core = any_bench.core
    _CODE, _DATA = places(core)
    load(core, bytes.fromhex("30bffde7"))  # WFI; back to it
    core.resume()
    core.sleep(0.001)
    assert core.state() is CoreState.SLEEPING
    assert core.poll() is None
    assert core.halt().kind is HaltKind.REQUEST
    assert core.halted


def test_a_step_into_sleep_is_broken_off(m4: Bench) -> None:
    core = m4.core
    load(core, bytes.fromhex("30bf00bffee7"))
    reason = core.step()
    assert core.halted
    assert reason.pc in (CODE, CODE + 2)


def test_lock_up_is_reported_and_halted(m4: Bench) -> None:
    core = m4.core
    load(core, bytes.fromhex("00de"))  # UDF with an empty vector table: HardFault, then lock-up
    core.memory.write_u32(0xE000ED08, 0x2000_2000)  # VTOR: all vectors are zero there
    core.memory.write(0x2000_2000, bytes(0x40))
    core.resume()
    core.sleep(0.001)
    assert core.state() is CoreState.LOCKED_UP
    reason = core.wait_halted(0.5)
    assert reason.kind is HaltKind.LOCKUP
    assert core.halted
    report = core.fault()
    assert report is not None
    assert "Lock-up" in str(report)


def test_interrupts_are_held_off_while_stepping_unless_asked_for(m4: Bench) -> None:
    core = m4.core
    vectors = bytearray(0x40)
    handler = CODE + 0x40
    vectors[0x3C:0x40] = (handler | 1).to_bytes(4, "little")  # SysTick
    core.memory.write(0x2000_2000, bytes(vectors))
    core.memory.write(handler, bytes.fromhex("00bf7047"))
    load(core, bytes.fromhex("00bf") * 8)
    core.memory.write_u32(0xE000ED08, 0x2000_2000)
    core.memory.write_u32(0xE000ED04, 1 << 26)  # ICSR.PENDSTSET
    assert core.step().pc == CODE + 2
    assert core.step().pc == CODE + 4
    assert core.step(interrupts=True).pc in (handler, handler + 2)


def test_a_breakpoint_at_the_pc_does_not_hold_the_core(any_bench: Bench) -> None:
    core = any_bench.core
    CODE, _DATA = places(core)
    load(core, LOOP)
    core.breakpoints.set(CODE + 2, BreakpointKind.SOFTWARE)
    core.resume()
    for turn in range(3):
        reason = core.wait_halted(1.0)
        assert (reason.kind, reason.pc) == (HaltKind.BREAKPOINT, CODE + 2)
        assert core.read_register("r0") == turn
        core.resume()
    core.wait_halted(1.0)
    assert core.step().pc == CODE + 4
    assert core.memory.read(CODE, len(LOOP)) == LOOP


def test_a_halt_where_no_opcode_can_be_read_after_a_breakpoint(m4: Bench) -> None:
    """DFSR.BKPT is still set from before, the program has jumped into nowhere since."""
    core = m4.core
    load(core, bytes.fromhex("00be"))
    core.resume()
    core.wait_halted(0.1)
    batch = core.memory.batch()
    core.queue_write_register(batch, "pc", 0x6000_0000)
    core.queue_resume(batch)
    batch.run()
    core.sleep(0.001)
    assert core.halt().kind in (HaltKind.BREAKPOINT, HaltKind.LOCKUP)
    assert core.read_register("pc") == 0xFFFF_FFFE
