"""Corners of the exception model; docs/virtual-board.md has a list. Source: DDI 0403 B1.5, B3.2."""

from __future__ import annotations

import pytest

from onchip.arch import scs
from onchip.arch.scs import AIRCR, CFSR, DCRSR, HFSR, ICSR, SHCSR, Regsel
from tests.virtual_board.cortex_m.faults import faulting, state
from tests.virtual_board.cortex_m.machine import Machine
from tests.virtual_board.cortex_m.opcodes import BX_LR, LOOP, NOP, STR, SVC, UDF, WFE

TOP = 0x2000_4000
ENABLE_ALL = 7 << 16
ADDS_R2_1 = 0x3201
PEND_NMI = {"r0": 1 << 31, "r1": ICSR.address}
IRQ0, IRQ1 = 16, 17


def handlers(machine: Machine, **code: tuple[int, ...]) -> Machine:
    """Give exceptions handlers, by name ``eN``."""
    for index, (name, halfwords) in enumerate(code.items()):
        at = 0x240 + 0x20 * index
        machine.vector(int(name[1:]), at)
        machine.put(at, *halfwords)
    return machine


def priorities(machine: Machine, *values: int) -> None:
    """Set those of the first interrupts, and enable them."""
    for index, value in enumerate(values):
        machine.write(scs.NVIC_IPR + index, value, 1)
    machine.write(scs.NVIC_ISER, (1 << len(values)) - 1)


# ---- who goes first -----------------------------------------------------------------------------


def test_in_one_group_the_subpriority_decides_who_goes_first_and_nobody_preempts() -> None:
    machine = handlers(Machine("m3").assemble(LOOP), e16=(LOOP,), e17=(0x3201, BX_LR), e18=(LOOP,))
    machine.write(AIRCR.address, AIRCR.build(VECTKEY=scs.VECTKEY, PRIGROUP=6))
    priorities(machine, 0x30, 0x10, 0x20)
    for number in (0, 1, 2):
        machine.core.pulse_irq(number)
    assert ICSR(machine.read(ICSR.address)).VECTPENDING == IRQ1
    machine.run(100)
    assert machine.core.engine.ipsr() == 18  # after 17, before 16
    machine.core.pulse_irq(1)
    machine.run(100)
    assert machine.core.engine.ipsr() == 18


def test_equals_go_by_number() -> None:
    machine = handlers(Machine("m3").assemble(LOOP), e16=(LOOP,), e17=(LOOP,))
    priorities(machine, 0x40, 0x40)
    machine.core.pulse_irq(1)
    machine.core.pulse_irq(0)
    machine.run(100)
    assert machine.core.engine.ipsr() == IRQ0


def test_basepri_holds_its_own_priority_and_all_below() -> None:
    machine = handlers(Machine("m3").assemble(LOOP), e16=(LOOP,), e17=(LOOP,))
    priorities(machine, 0x40, 0x20)
    machine.set(basepri=0x40)
    machine.core.pulse_irq(0)
    machine.run(100)
    assert machine.core.engine.ipsr() == 0
    machine.core.pulse_irq(1)
    machine.run(100)
    assert machine.core.engine.ipsr() == IRQ1


def test_basepri_max_only_raises() -> None:
    # msr basepri_max, r0; msr basepri_max, r1
    machine = Machine("m3").assemble(0xF380, 0x8812, 0xF381, 0x8812, LOOP)
    machine.set(r0=0x40, r1=0x60)
    machine.run(20)
    assert machine.register("basepri") == 0x40


def test_a_wrong_key_changes_nothing() -> None:
    machine = Machine("m3").assemble(LOOP)
    machine.write(AIRCR.address, AIRCR.build(VECTKEY=0xFA05, PRIGROUP=6, SYSRESETREQ=1))
    assert AIRCR(machine.read(AIRCR.address)).PRIGROUP == 0


def test_an_interrupt_may_be_active_and_pending() -> None:
    machine = handlers(Machine("m3").assemble(LOOP), e16=(ADDS_R2_1, NOP, LOOP))
    priorities(machine, 0x40)
    machine.core.pulse_irq(0)
    machine.run(50)
    machine.core.pulse_irq(0)
    assert (machine.read(scs.NVIC_ISPR), machine.read(0xE000_E300)) == (1, 1)
    machine.run(50)
    assert machine.register("r2") == 1  # not nested


def test_rettobase_tells_of_other_active_exceptions() -> None:
    machine = handlers(Machine("m3").assemble(SVC, LOOP), e11=(STR, NOP, LOOP), e2=(LOOP,))
    machine.set(r0=0, r1=ICSR.address)
    machine.run(100)
    assert ICSR(machine.read(ICSR.address)).RETTOBASE
    machine.core.set_nmi(True)
    machine.run(100)
    icsr = ICSR(machine.read(ICSR.address))
    assert (icsr.VECTACTIVE, icsr.RETTOBASE) == (2, 0)


def test_nmi_preempts_hard_fault_and_nothing_preempts_nmi() -> None:
    machine = handlers(Machine("m3").assemble(UDF), e3=(STR, NOP, LOOP), e2=(LOOP,))
    machine.set(**PEND_NMI)
    machine.run(100)
    assert (machine.core.engine.ipsr(), machine.core.nvic.active) == (2, {2, 3})


def test_a_fault_in_nmi_locks_up() -> None:
    machine = handlers(Machine("m3").assemble(STR, NOP, LOOP), e2=(UDF,), e3=(LOOP,), e6=(LOOP,))
    machine.write(SHCSR.address, ENABLE_ALL)
    machine.set(**PEND_NMI)
    machine.run(100)
    assert machine.core.locked_up
    assert machine.core.engine.ipsr() == 2
    assert machine.read(CFSR.address) == CFSR.UNDEFINSTR.mask


# ---- vectors and returns ------------------------------------------------------------------------


def test_a_vector_that_cannot_be_read_is_a_hard_fault() -> None:
    machine = handlers(Machine("m3").assemble(LOOP))
    table = 0x2000_3F80  # 32 vectors to the end of the RAM: the first interrupts have one
    machine.write(table + 4 * 3, 0x301)
    machine.put(0x300, LOOP)
    machine.write(scs.VTOR, table)
    machine.write(scs.NVIC_ISER, 1 << 16)
    machine.set(sp=0x2000_2000)
    machine.core.pulse_irq(16)
    machine.run(100)
    assert state(machine) == (3, 0, HFSR.VECTTBL.mask)
    assert 32 in machine.core.nvic.pending


def test_nonbasethrdena_lets_a_nested_handler_return_to_thread_mode() -> None:
    # SVCall pends NMI, which makes the frame one of thread mode: str r4, [sp, #28]; bx r2
    machine = handlers(
        Machine("m3").assemble(SVC, LOOP), e11=(STR, NOP, LOOP), e2=(0x9407, 0x4710), e6=(LOOP,)
    )
    machine.write(SHCSR.address, ENABLE_ALL)
    machine.write(scs.CCR, 0x201)
    machine.set(r2=0xFFFF_FFF9, r4=0x0100_0000, **PEND_NMI)
    machine.run(100)
    assert state(machine) == (0, 0, 0)
    assert machine.core.nvic.active == {11}


def test_a_return_from_an_exception_that_is_not_active() -> None:
    # the handler clears SHCSR.SVCALLACT under itself
    machine = handlers(Machine("m3").assemble(SVC, LOOP), e11=(STR, NOP, BX_LR), e6=(LOOP,))
    machine.write(SHCSR.address, ENABLE_ALL)
    machine.set(r0=ENABLE_ALL, r1=SHCSR.address)
    machine.run(100)
    assert state(machine) == (6, CFSR.INVPC.mask, 0)


def test_a_frame_without_thumb_bit_is_invstate_where_it_leads() -> None:
    # str r1, [sp, #28]: xPSR
    machine = handlers(Machine("m3").assemble(SVC, LOOP), e11=(0x9107, BX_LR), e6=(LOOP,))
    machine.write(SHCSR.address, ENABLE_ALL)
    machine.set(r1=0)
    machine.run(100)
    assert state(machine) == (6, CFSR.INVSTATE.mask, 0)
    assert machine.read(TOP - 8) == 0x102


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ((0xEE11, 0x0F10), CFSR.NOCP),  # mrc p15
        ((0xED91, 0x0500), CFSR.NOCP),  # ldc p5
        ((0xBD00,), CFSR.INVSTATE),  # pop {pc}, of an even address
        ((0xF8D1, 0xF000), CFSR.INVSTATE),  # ldr pc, [r1]
        ((0xF7F0, 0xA000), CFSR.UNDEFINSTR),  # udf.w
        ((0xB640,), CFSR.UNDEFINSTR),  # an encoding that nobody has
    ],
)
@pytest.mark.parametrize("cpu", ["m3", "m4f"])
def test_causes_of_usage_faults(cpu: str, code: tuple[int, ...], cause: object) -> None:
    machine = faulting(*code, cpu=cpu, enable=ENABLE_ALL, r1=0x2000_0000, sp=0x2000_1000)
    assert state(machine) == (6, cause.mask, 0)  # type: ignore[attr-defined]


# ---- IT blocks ----------------------------------------------------------------------------------


def test_svc_within_an_it_block_comes_back_into_the_block() -> None:
    # cmp r0, r0; itete eq; addeq r2, #1; svc (ne: skipped); svc (eq); addne; then addeq r2, #16
    code = (0x4280, 0xBF0B, ADDS_R2_1, 0x3202, SVC, 0x3204, 0x3210, LOOP)  # itete eq
    machine = handlers(Machine("m3").assemble(*code), e11=(0x9B07, BX_LR))  # ldr r3, [sp, #28]
    machine.set(r2=0)
    machine.run(100)
    assert machine.register("r2") == 0x11
    seen = handlers(Machine("m3").assemble(*code), e11=(LOOP,))
    seen.run(100)
    # ITSTATE of the instruction behind the SVC: condition ne, one left
    xpsr = seen.read(TOP - 4)
    assert xpsr >> 8 & 0xFC | xpsr >> 25 & 3 == 0x18


def test_a_fault_in_a_handler_chain_keeps_the_block_of_the_thread() -> None:
    # cmp r0, r0; ittt eq; addeq; udf; addeq: the handler steps over the udf, clearing nothing
    code = (0x4280, 0xBF02, ADDS_R2_1, UDF, 0x3210, LOOP)
    machine = handlers(
        Machine("m3").assemble(*code),
        e6=(0x9B07, 0x2300, 0x9B06, 0x3302, 0x9306, BX_LR),  # stacked pc += 2
    )
    machine.write(SHCSR.address, ENABLE_ALL)
    machine.set(r2=0)
    machine.run(200)
    # ITSTATE was not advanced by the handler: the next instruction has the udf's slot, still eq
    assert machine.register("r2") == 0x11


def test_an_interrupt_that_is_pended_within_an_it_block_waits_for_its_end() -> None:
    # cmp r0, r0; ittt eq; addeq r2, #1; addeq r2, #2; addeq r2, #4
    machine = Machine("m3").assemble(0x4280, 0xBF02, ADDS_R2_1, 0x3202, 0x3204, LOOP)
    handlers(machine, e16=(0x4610, BX_LR))  # mov r0, r2
    priorities(machine, 0x40)
    machine.set(r2=0)
    machine.halt()
    for _ in range(3):
        machine.step()
    assert machine.register("pc") == 0x106
    machine.write(scs.NVIC_ISPR, 1)
    machine.resume()
    machine.run(100)
    assert machine.register("r2") == 7
    assert machine.read(TOP - 4) & 0x0600_FC00 == 0
    assert machine.read(TOP - 8) == 0x10A


def test_a_watchpoint_within_an_it_block() -> None:
    # cmp r0, r0; ittt eq; streq r0, [r1]; addeq r2, #1; addeq r2, #2
    machine = Machine("m3").assemble(0x4280, 0xBF02, STR, ADDS_R2_1, 0x3202, ADDS_R2_1, LOOP)
    machine.debug(1)
    machine.write(scs.DEMCR.address, scs.DEMCR.TRCENA.mask)
    machine.write(0xE000_1020, 0x2000_0000)
    machine.write(0xE000_1028, 6)
    machine.set(r1=0x2000_0000, r2=0)
    machine.run(100)
    assert machine.core.halted
    assert machine.register("pc") in (0x106, 0x108, 0x10A)  # within the block, or right behind it
    machine.resume()
    machine.run(100)
    assert machine.register("r2") == 4


# ---- sleep, debug -------------------------------------------------------------------------------


def test_an_exception_sets_the_event_register() -> None:
    machine = handlers(Machine("m3").assemble(SVC, WFE, ADDS_R2_1, WFE, LOOP), e11=(BX_LR,))
    machine.set(r2=0)
    machine.run(100)
    assert (machine.register("r2"), machine.register("pc")) == (1, 0x108)
    assert machine.core.sleeping


@pytest.mark.parametrize("selector", [13, Regsel.MSP, Regsel.PSP])
def test_stack_pointers_are_word_aligned(selector: int) -> None:
    machine = Machine("m3").assemble(LOOP)
    machine.halt()
    machine.dcr_write(selector, 0x2000_1003)
    assert machine.dcr_read(selector) == 0x2000_1000
    assert DCRSR.address == 0xE000_EDF4
