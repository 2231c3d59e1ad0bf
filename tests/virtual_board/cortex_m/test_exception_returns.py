"""Exception entry and return: frames, EXC_RETURN, alignment, privilege, interrupt lines, cycles."""

from __future__ import annotations

import pytest

from onchip.arch import scs
from onchip.arch.scs import CFSR
from tests.virtual_board.cortex_m.faults import faulting, state
from tests.virtual_board.cortex_m.machine import Machine
from tests.virtual_board.cortex_m.opcodes import (
    BX_LR,
    BX_R1,
    CPSID_F,
    LDR,
    LOOP,
    NOP,
    STR,
    SVC,
)

TOP = 0x2000_4000
ENABLE_ALL = 7 << 16


@pytest.mark.parametrize(
    ("name", "lr", "cause"),
    [
        ("reserved kind", 0xFFFF_FFF5, CFSR.INVPC.mask),
        ("handler, but only one is active", 0xFFFF_FFF1, CFSR.INVPC.mask),
        ("bits that must be one", 0xFFFF_FF09, CFSR.INVPC.mask),
    ],
)
def test_illegal_exc_return(name: str, lr: int, cause: int) -> None:
    machine = Machine("m3").assemble(SVC, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, BX_R1)
    machine.vector(6, 0x190)
    machine.put(0x190, LOOP)
    machine.write(scs.SHCSR.address, ENABLE_ALL)
    machine.set(r1=lr)
    machine.run(100)
    assert state(machine) == (6, cause, 0), name
    assert machine.register("lr") == lr
    assert machine.register("sp") == TOP - 32  # nothing more was stacked


def test_return_to_thread_with_another_handler_active() -> None:
    machine = Machine("m3").assemble(SVC, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, STR, NOP, BX_LR)  # pends NMI, which returns to thread mode too early
    machine.vector(2, 0x190)
    machine.put(0x190, 0x4710)  # bx r2
    machine.vector(6, 0x1A0)
    machine.put(0x1A0, LOOP)
    machine.write(scs.SHCSR.address, ENABLE_ALL)
    machine.write(0xE000_ED18, 0)
    machine.write(0xE000_ED1C, 0x80 << 24)
    machine.set(r0=1 << 31, r1=0xE000_ED04, r2=0xFFFF_FFF9)
    machine.run(100)
    assert state(machine) == (6, CFSR.INVPC.mask, 0)


def test_a_frame_that_contradicts_the_return_is_invpc() -> None:
    machine = Machine("m3").assemble(SVC, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, 0x9107, BX_LR)  # str r1, [sp, #28]: the stacked xPSR
    machine.vector(6, 0x190)
    machine.put(0x190, LOOP)
    machine.write(scs.SHCSR.address, ENABLE_ALL)
    machine.set(r1=0x0100_0003)
    machine.run(100)
    assert state(machine) == (6, CFSR.INVPC.mask, 0)


def test_the_stack_is_aligned_to_eight_bytes_and_back() -> None:
    machine = Machine().assemble(SVC, LOOP, sp=TOP - 4)
    machine.vector(11, 0x180)
    machine.put(0x180, BX_LR)
    machine.halt()
    machine.step()
    assert machine.register("sp") == TOP - 8 - 32
    assert machine.read(TOP - 12) & 1 << 9
    machine.step()
    assert machine.register("sp") == TOP - 4


def test_without_stkalign_the_frame_is_aligned_to_four() -> None:
    machine = Machine("m3").assemble(SVC, LOOP, sp=TOP - 4)
    machine.vector(11, 0x180)
    machine.put(0x180, BX_LR)
    machine.write(scs.CCR, 0)
    machine.halt()
    machine.step()
    assert machine.register("sp") == TOP - 4 - 32
    machine.step()
    assert machine.register("sp") == TOP - 4


def test_unprivileged_code_on_the_process_stack_is_left_and_resumed() -> None:
    machine = Machine().assemble(SVC, NOP, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, BX_LR)
    machine.set(psp=0x2000_1000, control=3)
    machine.halt()
    machine.step()
    assert machine.register("control") == 1  # SPSEL clear in a handler, nPRIV kept
    assert machine.register("sp") == TOP
    assert machine.register("lr") == 0xFFFF_FFFD
    assert not machine.core.unprivileged()
    machine.step()
    assert machine.register("control") == 3
    assert machine.register("sp") == 0x2000_1000
    assert machine.core.unprivileged()


def test_unprivileged_code_is_kept_out_of_the_system_control_space() -> None:
    machine = faulting(LDR, enable=ENABLE_ALL, r1=0xE000_ED08, control=1)
    assert state(machine)[0] == 5
    open_stir = faulting(STR, 0xBF00, r0=0, r1=scs.STIR, control=1)
    assert state(open_stir)[0] == 3
    machine = Machine().assemble(STR, LOOP)
    machine.write(scs.CCR, 0x202)  # USERSETMPEND
    machine.set(r0=3, r1=scs.STIR, control=1)
    machine.run(20)
    assert machine.read(scs.NVIC_ISPR) == 8


def test_faultmask_is_cleared_on_return_except_from_nmi() -> None:
    machine = Machine().assemble(SVC, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, CPSID_F, BX_LR)
    machine.run(100)
    assert machine.register("faultmask") == 0
    nmi = Machine().assemble(STR, NOP, LOOP)
    nmi.vector(2, 0x180)
    nmi.put(0x180, BX_LR)
    nmi.set(r0=1 << 31, r1=0xE000_ED04, faultmask=1)
    nmi.run(100)
    assert nmi.core.engine.ipsr() == 0
    assert nmi.register("faultmask") == 1


def test_an_interrupt_line_that_stays_high_pends_again() -> None:
    machine = Machine().assemble(LOOP)
    machine.vector(16, 0x180)
    machine.put(0x180, 0x3001, BX_LR)
    machine.write(scs.NVIC_ISER, 1)
    machine.core.set_irq(0, True)
    machine.run(1000)
    assert machine.core.engine.ipsr() == 16
    assert machine.register("r0") > 40  # chained to itself: r0 is never unstacked
    machine.core.set_irq(0, False)
    machine.run(100)
    assert machine.core.engine.ipsr() == 0
    assert machine.read(scs.NVIC_ISPR) == 0
    assert machine.register("r0") == 0


def test_clearing_a_pending_line_that_is_high_has_no_effect() -> None:
    machine = Machine().assemble(LOOP)
    machine.core.set_irq(5, True)
    machine.write(scs.NVIC_ICPR, 1 << 5)
    assert machine.read(scs.NVIC_ISPR) == 1 << 5
    machine.core.set_irq(5, False)
    assert machine.read(scs.NVIC_ISPR) == 1 << 5  # latched
    machine.write(scs.NVIC_ICPR, 1 << 5)
    assert machine.read(scs.NVIC_ISPR) == 0


def test_an_exception_takes_twelve_cycles_and_its_return_ten() -> None:
    machine = Machine().assemble(SVC, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, BX_LR)
    machine.halt()
    machine.step()
    after_entry = machine.core.counted_cycles()
    machine.step()
    assert after_entry == 1 + 12
    assert machine.core.counted_cycles() - after_entry == 1 + 10


def test_an_exception_ends_the_exclusive_access() -> None:
    # ldrex r2, [r1]; svc; strex r3, r2, [r1]; again without the svc
    code = (0xE851, 0x2F00, SVC, 0xE841, 0x2300, 0xE851, 0x2F00, 0xE841, 0x2400)
    machine = Machine("m3").assemble(*code, LOOP).set(r1=0x2000_0000, r3=9, r4=9)
    machine.vector(11, 0x180)
    machine.put(0x180, BX_LR)
    machine.run(100)
    assert (machine.register("r3"), machine.register("r4")) == (1, 0)
