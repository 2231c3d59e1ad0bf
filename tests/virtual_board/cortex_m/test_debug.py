"""Halting debug as a debugger sees it. Sources: DDI 0403 C1.6, DDI 0419 C1.6."""

from __future__ import annotations

import pytest

from onchip.arch import scs
from onchip.arch.scs import AIRCR, DEMCR, DFSR, DHCSR
from tests.virtual_board.cortex_m.machine import DBGKEY, Machine
from tests.virtual_board.cortex_m.opcodes import (
    ADDS_R0,
    BKPT,
    BX_LR,
    COUNT,
    LOOP,
    NOP,
    SVC,
    UDF,
    WFI,
)


@pytest.fixture
def machine() -> Machine:
    return Machine().assemble(*COUNT)


def test_a_write_without_the_key_is_ignored(machine: Machine) -> None:
    machine.write(DHCSR.address, 3)
    assert machine.dhcsr == DHCSR.build(S_REGRDY=1, S_RESET_ST=1)


def test_halt_and_resume(machine: Machine) -> None:
    machine.debug(1)
    machine.run(100)
    assert not machine.dhcsr.S_HALT
    machine.halt()
    assert machine.dhcsr & 0x2_000F == 0x2_0003
    assert machine.read(DFSR.address) == DFSR.HALTED.mask
    count = machine.register("r0")
    machine.run(1000)
    assert machine.register("r0") == count
    machine.resume()
    machine.run(1000)
    assert machine.register("r0") == count + 500
    assert not machine.dhcsr.S_HALT
    assert not machine.dhcsr.C_HALT


def test_halting_needs_c_debugen(machine: Machine) -> None:
    machine.debug(2)
    assert not machine.core.halted
    assert machine.dhcsr & 0xF == 0


def test_clearing_c_debugen_resumes(machine: Machine) -> None:
    machine.halt()
    machine.debug(0)
    assert not machine.core.halted
    machine.run(10)
    assert machine.register("r0") == 5


def test_software_cannot_enable_debug(machine: Machine) -> None:
    machine.bus.write(DHCSR.address, 4, DBGKEY | 3)
    assert not machine.core.halted
    assert not machine.dhcsr.C_DEBUGEN


def test_sticky_bits_clear_on_the_debuggers_read(machine: Machine) -> None:
    machine.run(10)
    first, second = machine.dhcsr, machine.dhcsr
    assert (first.S_RESET_ST, first.S_RETIRE_ST) == (True, True)
    assert (second.S_RESET_ST, second.S_RETIRE_ST) == (False, False)
    machine.run(10)
    assert machine.dhcsr.S_RETIRE_ST
    machine.halt()
    assert not machine.dhcsr.S_RETIRE_ST
    machine.run(10)
    assert not machine.dhcsr.S_RETIRE_ST


def test_step_executes_one_instruction(machine: Machine) -> None:
    machine.halt()
    machine.write(DFSR.address, 0x1F)
    machine.step()
    assert (machine.register("r0"), machine.register("pc")) == (1, 0x102)
    assert machine.dhcsr & 0x2_000F == 0x2_0003
    assert machine.read(DFSR.address) == DFSR.HALTED.mask
    machine.step()
    assert machine.register("pc") == 0x100


def test_step_goes_through_an_it_block_one_by_one() -> None:
    machine = Machine().assemble(0x2800, 0xBF0E, 0x2101, 0x2102, 0x2203, NOP, LOOP)
    machine.halt()  # cmp r0, #0; itee eq; moveq r1, #1; movne r1, #2; movne r2, #3
    seen = []
    for _ in range(6):
        machine.step()
        seen.append((machine.register("pc"), machine.register("r1"), machine.register("r2")))
    assert seen == [
        *((0x102, 0, 0), (0x104, 0, 0), (0x106, 1, 0)),
        *((0x108, 1, 0), (0x10A, 1, 0), (0x10C, 1, 0)),
    ]


def test_step_into_an_exception_stops_before_its_first_instruction(machine: Machine) -> None:
    machine.vector(16, 0x180)
    machine.put(0x180, NOP, BX_LR)
    machine.halt()
    machine.write(scs.NVIC_ISER, 1)
    machine.core.pulse_irq(0)
    machine.step()
    assert (machine.register("pc"), machine.core.engine.ipsr()) == (0x180, 16)
    machine.step()
    machine.step()
    assert (machine.register("pc"), machine.core.engine.ipsr()) == (0x100, 0)


def test_step_with_interrupts_masked_leaves_them_pending(machine: Machine) -> None:
    machine.vector(16, 0x180)
    machine.put(0x180, BX_LR)
    machine.halt()
    machine.debug(0xB)  # C_MASKINTS is set while halted
    machine.write(scs.NVIC_ISER, 1)
    machine.core.pulse_irq(0)
    machine.step(mask=True)
    assert machine.register("pc") == 0x102
    assert machine.read(scs.NVIC_ISPR) == 1
    machine.debug(3)
    machine.step()
    assert machine.register("pc") == 0x180


def test_step_over_svc_and_wfi() -> None:
    machine = Machine().assemble(SVC, WFI, NOP, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, BX_LR)
    machine.halt()
    machine.step()
    assert machine.register("pc") == 0x180
    machine.step()
    assert machine.register("pc") == 0x102
    machine.step()
    assert machine.register("pc") == 0x104
    assert not machine.core.sleeping


@pytest.mark.parametrize(
    ("selector", "name", "value"),
    [
        *((n, f"r{n}", 0x1000_0000 + n) for n in range(13)),
        *((13, "sp", 0x2000_0FF0), (14, "lr", 0x1235), (15, "pc", 0x120)),
        *((17, "msp", 0x2000_0100), (18, "psp", 0x2000_0200), (33, "fpscr", 0x9000_0000)),
        *((64, "s0", 0x3F80_0000), (95, "s31", 0xC000_0000)),
    ],
)
def test_registers_move_through_dcrdr(
    machine: Machine, selector: int, name: str, value: int
) -> None:
    machine.halt()
    machine.dcr_write(selector, value)
    assert machine.register(name) == value
    assert machine.dcr_read(selector) == value


def test_xpsr_and_the_special_registers(machine: Machine) -> None:
    machine.halt()
    machine.dcr_write(scs.Regsel.XPSR, 0xA10F_0000)
    assert machine.dcr_read(scs.Regsel.XPSR) == 0xA10F_0000
    machine.dcr_write(scs.Regsel.CFBP, 0x0201_FF01)
    assert machine.dcr_read(scs.Regsel.CFBP) == 0x0201_F001
    assert machine.register("control") == 2
    machine.dcr_write(scs.Regsel.PSP, 0x2000_0800)
    assert machine.dcr_read(13) == 0x2000_0800


def test_banked_registers_are_reached_from_unprivileged_thread_mode(machine: Machine) -> None:
    machine.halt()
    machine.dcr_write(scs.Regsel.CFBP, 0x0300_0000)
    machine.dcr_write(scs.Regsel.MSP, 0x2000_0400)
    machine.dcr_write(scs.Regsel.PSP, 0x2000_0500)
    machine.dcr_write(scs.Regsel.CFBP, 0x0300_2001)
    assert machine.dcr_read(scs.Regsel.MSP) == 0x2000_0400
    assert machine.dcr_read(13) == 0x2000_0500
    assert machine.dcr_read(scs.Regsel.CFBP) == 0x0300_2001
    machine.dcr_write(scs.Regsel.CFBP, 0)
    assert machine.dcr_read(13) == 0x2000_0400


def test_a_transfer_while_running_leaves_regrdy_clear(machine: Machine) -> None:
    machine.debug(1)
    machine.write(scs.DCRSR.address, 0)
    assert not machine.dhcsr.S_REGRDY
    machine.halt()
    assert machine.dcr_read(15) == 0x100


def test_armv6m_has_no_fpu_faultmask_or_basepri() -> None:
    machine = Machine("m0").assemble(*COUNT)
    machine.halt()
    machine.dcr_write(scs.Regsel.CFBP, 0x03FF_FF01)
    assert machine.dcr_read(scs.Regsel.CFBP) == 0x0200_0001
    machine.write(scs.DCRDR, 5)
    assert machine.dcr_read(scs.Regsel.FPSCR) == 0
    machine.write(DEMCR.address, 0xFFFF_FFFF)
    assert machine.read(DEMCR.address) == 0x0100_0401


def test_bkpt_halts_at_the_instruction() -> None:
    machine = Machine().assemble(NOP, BKPT | 0xAB, LOOP)
    machine.debug(1)
    machine.run(100)
    assert machine.core.halted
    assert machine.register("pc") == 0x102
    assert machine.read(DFSR.address) == DFSR.BKPT.mask
    assert machine.dhcsr.C_HALT
    machine.resume()
    machine.run(10)
    assert machine.register("pc") == 0x102  # again, until the debugger moves on
    machine.dcr_write(15, 0x104)
    machine.resume()
    machine.run(10)
    assert not machine.core.halted


def test_bkpt_without_a_debugger_is_a_hard_fault() -> None:
    machine = Machine().assemble(NOP, BKPT, LOOP)
    machine.vector(3, 0x180)
    machine.put(0x180, LOOP)
    machine.run(100)
    assert machine.register("pc") == 0x180
    assert machine.read(scs.HFSR.address) == 1 << 31
    assert machine.read(0x2000_4000 - 8) == 0x102


def test_bkpt_in_a_hard_fault_without_a_debugger_locks_up() -> None:
    machine = Machine().assemble(UDF)
    machine.vector(3, 0x180)
    machine.put(0x180, BKPT)
    machine.run(100)
    assert machine.core.locked_up
    assert machine.dhcsr.S_LOCKUP


def test_debug_monitor_takes_bkpt_and_watchpoints() -> None:
    machine = Machine().assemble(BKPT, LOOP)
    machine.vector(12, 0x180)
    machine.put(0x180, LOOP)
    machine.write(DEMCR.address, DEMCR.MON_EN.mask)
    machine.run(100)
    assert machine.core.engine.ipsr() == 12
    assert machine.read(DFSR.address) == DFSR.BKPT.mask


def test_the_debugger_can_pend_the_monitor(machine: Machine) -> None:
    machine.vector(12, 0x180)
    machine.put(0x180, LOOP)
    machine.write(DEMCR.address, (DEMCR.MON_EN.mask | DEMCR.MON_PEND.mask))
    machine.run(100)
    assert machine.core.engine.ipsr() == 12


@pytest.mark.parametrize(
    ("catch", "code"),
    [
        (DEMCR.VC_HARDERR, (UDF,)),
        (DEMCR.VC_STATERR, (UDF,)),
        (DEMCR.VC_BUSERR, (0x6808,)),  # ldr r0, [r1]
        (DEMCR.VC_MMERR, (0x4708,)),  # bx r1
    ],
)
def test_vector_catch(catch: object, code: tuple[int, ...]) -> None:
    mask = catch.mask  # type: ignore[attr-defined]
    machine = Machine().assemble(*code, LOOP)
    for exception in (3, 4, 5, 6):
        machine.vector(exception, 0x180 + 4 * exception)
    machine.debug(1)
    machine.write(DEMCR.address, mask)
    if mask != DEMCR.VC_HARDERR.mask:
        machine.write(scs.SHCSR.address, 7 << 16)
    machine.set(r1=0x6000_0001 if mask == DEMCR.VC_BUSERR.mask else 0xA000_0001)
    machine.run(100)
    assert machine.core.halted
    assert machine.read(DFSR.address) == DFSR.VCATCH.mask
    assert machine.register("pc") == 0x180 + 4 * machine.core.engine.ipsr()


def test_vector_catch_needs_c_debugen() -> None:
    machine = Machine().assemble(UDF)
    machine.vector(3, 0x180)
    machine.put(0x180, LOOP)
    machine.write(DEMCR.address, DEMCR.VC_HARDERR.mask)
    machine.run(100)
    assert not machine.core.halted
    assert machine.register("pc") == 0x180


def test_vectclractive_leaves_the_handler_while_halted() -> None:
    machine = Machine().assemble(SVC, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, LOOP)
    machine.run(50)
    machine.write(AIRCR.address, 0x05FA_0002)
    assert machine.core.engine.ipsr() == 11
    machine.halt()
    machine.write(AIRCR.address, 0x05FA_0002)
    assert machine.core.engine.ipsr() == 0
    assert machine.core.nvic.active == set()


def test_writes_over_code_count_at_once() -> None:
    machine = Machine().assemble(NOP, LOOP)
    machine.put(0x2000_0000, ADDS_R0, ADDS_R0, LOOP)
    machine.halt()
    machine.set(pc=0x2000_0000, r0=0)
    machine.step()
    machine.write(0x2000_0002, 0x3010, 2)  # adds r0, #16
    machine.step()
    assert machine.register("r0") == 17
    machine.set(pc=0x2000_0000)
    machine.bus.write_block(0x2000_0000, b"\x20\x30\x20\x30")
    machine.step()
    assert machine.register("r0") == 17 + 32


def test_lock_up_can_be_halted_inspected_and_left() -> None:
    machine = Machine().assemble(UDF, LOOP)
    machine.vector(3, 0x180)
    machine.put(0x180, UDF)
    machine.run(100)
    assert machine.dhcsr.S_LOCKUP
    machine.halt()
    assert machine.register("pc") == 0xFFFF_FFFE
    assert not machine.dhcsr.S_LOCKUP
    machine.resume()
    machine.run(10)
    assert machine.dhcsr.S_LOCKUP  # nothing has changed
    machine.halt()
    machine.write(AIRCR.address, 0x05FA_0002)
    machine.dcr_write(15, 0x102)
    machine.resume()
    machine.run(100)
    assert machine.register("pc") == 0x102
    assert not machine.dhcsr.S_LOCKUP
