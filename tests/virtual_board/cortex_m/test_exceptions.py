"""Faults, escalation, lock-up and what entry and return check. Source: DDI 0403 B1.5."""

from __future__ import annotations

import pytest

from onchip.arch import scs
from onchip.arch.scs import CFSR, HFSR
from tests.virtual_board.cortex_m.faults import faulting, state
from tests.virtual_board.cortex_m.machine import CONSOLE, Machine
from tests.virtual_board.cortex_m.opcodes import (
    BX_LR,
    BX_R1,
    CPSID_F,
    CPSID_I,
    LDR,
    LOOP,
    STR,
    SVC,
    UDF,
)

TOP = 0x2000_4000
ENABLE_ALL = 7 << 16


CASES = [
    ((LDR,), {"r1": 0x6000_0004}, 5, CFSR.PRECISERR.mask | CFSR.BFARVALID.mask),
    ((STR,), {"r1": 0x6000_0004}, 5, CFSR.PRECISERR.mask | CFSR.BFARVALID.mask),
    ((STR,), {"r1": 0x0000_0100}, 5, CFSR.PRECISERR.mask | CFSR.BFARVALID.mask),
    ((LDR,), {"r1": CONSOLE + 8}, 5, CFSR.PRECISERR.mask | CFSR.BFARVALID.mask),
    ((STR,), {"r1": CONSOLE + 8}, 5, CFSR.PRECISERR.mask | CFSR.BFARVALID.mask),
    ((LDR,), {"r1": 0xE004_5000}, 5, CFSR.PRECISERR.mask | CFSR.BFARVALID.mask),
    ((BX_R1,), {"r1": 0x6000_0001}, 5, CFSR.IBUSERR.mask),
    ((BX_R1,), {"r1": 0x4000_0001}, 4, CFSR.IACCVIOL.mask),
    ((BX_R1,), {"r1": 0xE000_E001}, 4, CFSR.IACCVIOL.mask),
    ((BX_R1,), {"r1": 0xFFFF_FFF9}, 4, CFSR.IACCVIOL.mask),
    ((BX_R1,), {"r1": 0x2000_0000}, 6, CFSR.INVSTATE.mask),
    ((UDF,), {}, 6, CFSR.UNDEFINSTR.mask),
    ((0xE851, 0x0F00), {"r1": 0x2000_0001}, 6, CFSR.UNALIGNED.mask),  # ldrex
]


@pytest.mark.parametrize(("code", "registers", "exception", "cause"), CASES)
def test_faults_reach_their_handler(
    code: tuple[int, ...], registers: dict[str, int], exception: int, cause: int
) -> None:
    machine = faulting(*code, enable=ENABLE_ALL, **registers)
    assert state(machine) == (exception, cause, 0)
    if cause & CFSR.BFARVALID.mask:
        assert machine.read(scs.BFAR) == registers["r1"]
    stacked_pc = machine.read(TOP - 8)
    assert stacked_pc == (registers["r1"] & ~1 if code == (BX_R1,) else 0x100)


@pytest.mark.parametrize(("code", "registers", "exception", "cause"), CASES)
def test_faults_escalate_while_not_enabled(
    code: tuple[int, ...], registers: dict[str, int], exception: int, cause: int
) -> None:
    machine = faulting(*code, **registers)
    assert state(machine) == (3, cause, HFSR.FORCED.mask)


@pytest.mark.parametrize(("code", "registers", "exception", "cause"), CASES)
def test_armv6m_knows_the_hard_fault_alone(
    code: tuple[int, ...], registers: dict[str, int], exception: int, cause: int
) -> None:
    machine = faulting(*code, cpu="m0", **registers)
    assert state(machine) == (3, 0, 0)


def test_armv6m_does_not_do_unaligned_accesses() -> None:
    assert faulting(LDR, cpu="m0", r1=0x2000_0002).core.engine.ipsr() == 3
    assert faulting(LDR, cpu="m3", r1=0x2000_0002).core.engine.ipsr() == 0


def test_a_precise_fault_changes_no_register() -> None:
    # ldr r0, [r1], #4
    machine = faulting(0xF851, 0x0B04, enable=ENABLE_ALL, r0=5, r1=CONSOLE + 8)
    assert (machine.register("r0"), machine.register("r1")) == (5, CONSOLE + 8)
    assert machine.console.writes == []


def test_a_precise_fault_of_a_device_inside_an_it_block() -> None:
    # it eq block: ldreq r0, [r1]; addeq r2, r2, #1; streq r2, [r3]
    machine = Machine().assemble(0x2400, 0xBF02, LDR, 0x3201, 0x601A, LOOP)
    machine.vector(5, 0x180)
    machine.put(0x180, LOOP)
    machine.write(scs.SHCSR.address, ENABLE_ALL)
    machine.set(r0=9, r1=CONSOLE + 8, r2=0, r3=CONSOLE)
    machine.run(100)
    assert machine.core.engine.ipsr() == 5
    assert machine.read(TOP - 8) == 0x104
    assert machine.read(TOP - 4) & 0x0600_FC00  # the IT block is in the stacked xPSR
    assert (machine.register("r0"), machine.register("r2")) == (9, 0)
    assert machine.console.writes == []


def test_faults_escalate_under_primask_and_lock_up_under_faultmask() -> None:
    masked = faulting(CPSID_I, UDF, enable=ENABLE_ALL)
    assert state(masked) == (3, CFSR.UNDEFINSTR.mask, HFSR.FORCED.mask)
    locked = faulting(CPSID_F, UDF, enable=ENABLE_ALL)
    assert locked.core.locked_up
    assert locked.register("pc") == 0xFFFF_FFFE


def test_a_fault_in_a_handler_of_the_same_priority_escalates() -> None:
    machine = Machine().assemble(SVC, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, UDF)
    machine.vector(3, 0x190)
    machine.put(0x190, LOOP)
    machine.write(scs.SHCSR.address, ENABLE_ALL)
    machine.run(100)
    assert state(machine) == (3, CFSR.UNDEFINSTR.mask, HFSR.FORCED.mask)
    assert machine.core.nvic.active == {3, 11}
    assert machine.register("lr") == 0xFFFF_FFF1


def test_a_fault_in_the_hard_fault_handler_locks_up() -> None:
    machine = Machine().assemble(UDF)
    machine.vector(3, 0x180)
    machine.put(0x180, UDF)
    machine.run(100)
    assert machine.core.locked_up
    before = machine.core.cycles
    machine.run(1000)
    assert machine.core.locked_up
    assert machine.core.cycles > before


def test_nmi_ends_a_lock_up_and_reset_does() -> None:
    machine = Machine().assemble(UDF)
    machine.vector(2, 0x1A0)
    machine.put(0x1A0, LOOP)
    machine.vector(3, 0x180)
    machine.put(0x180, UDF)
    machine.run(100)
    machine.core.set_nmi(True)
    machine.run(100)
    assert not machine.core.locked_up
    assert machine.core.engine.ipsr() == 2
    machine.put(0x100, LOOP)
    machine.core.reset("system")
    machine.run(10)
    assert (machine.register("pc"), machine.core.engine.ipsr()) == (0x100, 0)


def test_svc_at_too_low_a_priority_is_a_hard_fault() -> None:
    machine = faulting(CPSID_I, SVC)
    assert state(machine) == (3, 0, HFSR.FORCED.mask)


def test_stacking_error_takes_the_bus_fault_first() -> None:
    machine = faulting(SVC, enable=ENABLE_ALL, sp=0x2000_0010)
    # BusFault and SVCall have the same priority: SVCall came first and runs, BusFault waits.
    assert state(machine) == (11, CFSR.STKERR.mask, 0)
    assert 5 in machine.core.nvic.pending
    urgent = Machine().assemble(SVC, LOOP, sp=0x2000_0010)
    for number in (3, 5, 11):
        urgent.vector(number, 0x180 + 4 * number)
        urgent.put(0x180 + 4 * number, LOOP)
    urgent.write(scs.SHCSR.address, ENABLE_ALL)
    urgent.write(0xE000_ED1F, 0x80, 1)
    urgent.run(100)
    assert state(urgent) == (5, CFSR.STKERR.mask, 0)
    assert 11 in urgent.core.nvic.pending


def test_stacking_error_escalates_and_locks_up_for_a_hard_fault() -> None:
    machine = faulting(SVC, sp=0x2000_0010)
    assert state(machine) == (3, CFSR.STKERR.mask, HFSR.FORCED.mask)
    locked = faulting(UDF, sp=0x2000_0010)
    assert locked.core.locked_up
    assert locked.core.engine.ipsr() == 3
    small = faulting(UDF, sp=0x2000_0010, cpu="m0")
    assert small.core.locked_up


def test_unstacking_error() -> None:
    machine = Machine().assemble(SVC, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, 0xF381, 0x8808, BX_LR)  # msr msp, r1; bx lr
    machine.vector(5, 0x190)
    machine.put(0x190, LOOP)
    machine.write(scs.SHCSR.address, ENABLE_ALL)
    machine.set(r1=0x6000_0000)
    machine.run(100)
    # Tail-chained without stacking; its own stack is gone, but an endless loop needs none.
    assert state(machine) == (5, CFSR.UNSTKERR.mask, 0)
    assert machine.core.nvic.active == {5}


def test_vector_table_read_fault() -> None:
    machine = faulting(SVC)
    assert machine.core.engine.ipsr() == 11
    machine = Machine().assemble(SVC, LOOP)
    machine.core.scb.vtor = 0x6000_0000
    machine.run(100)
    assert machine.core.locked_up  # HardFault's own vector cannot be read either
    assert machine.read(HFSR.address) & HFSR.VECTTBL.mask


def test_no_vector_table_at_reset_locks_up() -> None:
    machine = Machine("m3", vector_base=0x6000_0000)
    machine.core.reset("power-on")
    machine.run(10)
    assert machine.core.locked_up
    assert machine.dhcsr.S_LOCKUP


def test_erased_flash_locks_up() -> None:
    machine = Machine()
    machine.flash.data[:] = b"\xff" * len(machine.flash.data)
    machine.core.reset("power-on")
    machine.run(100)
    assert machine.core.locked_up


def test_zeroed_flash_is_an_invstate_fault_that_locks_up() -> None:
    machine = Machine()
    machine.core.reset("power-on")
    machine.run(100)
    assert machine.core.locked_up
    assert machine.read(scs.CFSR.address) & CFSR.INVSTATE.mask


def test_an_even_vector_is_an_invstate_fault() -> None:
    machine = Machine().assemble(SVC, LOOP)
    machine.flash.data[44:48] = (0x180).to_bytes(4, "little")
    machine.vector(6, 0x190)
    machine.put(0x190, LOOP)
    machine.write(scs.SHCSR.address, ENABLE_ALL)
    machine.write(0xE000_ED1C, 0x80 << 24)  # SVCall below UsageFault
    machine.run(100)
    assert state(machine) == (6, CFSR.INVSTATE.mask, 0)
    assert machine.read(TOP - 32 - 8) == 0x180
