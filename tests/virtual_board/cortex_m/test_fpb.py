"""Hardware breakpoints. Sources: DDI 0403 C1.11, DDI 0419 C1.9."""

from __future__ import annotations

import pytest

from onchip.arch.fpb import FP_CTRL
from onchip.arch.scs import DFSR, HFSR
from tests.virtual_board.cortex_m.machine import Machine
from tests.virtual_board.cortex_m.opcodes import ADDS_R0, LOOP, NOP, WFI

CTRL, REMAP, COMP0 = 0xE000_2000, 0xE000_2004, 0xE000_2008
ON = FP_CTRL.build(ENABLE=1, KEY=1)


def breakpoint_at(machine: Machine, address: int, index: int = 0) -> None:
    """Arm a comparator."""
    replace = 2 if address & 2 else 1
    machine.write(COMP0 + 4 * index, replace << 30 | address & 0x1FFF_FFFC | 1)
    machine.write(CTRL, ON)


def test_the_core_halts_before_the_instruction() -> None:
    machine = Machine().assemble(ADDS_R0, ADDS_R0, ADDS_R0, LOOP)
    machine.debug(1)
    breakpoint_at(machine, 0x102)
    machine.run(100)
    assert (machine.register("pc"), machine.register("r0")) == (0x102, 1)
    assert machine.read(DFSR.address) == DFSR.BKPT.mask
    assert machine.dhcsr.C_HALT


def test_resuming_onto_a_breakpoint_halts_at_once_and_so_does_a_step() -> None:
    machine = Machine().assemble(ADDS_R0, ADDS_R0, LOOP)
    machine.halt()
    breakpoint_at(machine, 0x100)
    for go in (machine.resume, lambda: machine.debug(5)):
        machine.write(DFSR.address, 0x1F)
        go()
        machine.run(10)
        assert machine.core.halted
        assert machine.register("r0") == 0
        assert machine.read(DFSR.address) & DFSR.BKPT.mask
    machine.write(COMP0, 0)
    machine.step()
    assert machine.register("r0") == 1


def test_both_halfwords() -> None:
    machine = Machine().assemble(ADDS_R0, ADDS_R0, LOOP)
    machine.halt()
    machine.write(COMP0, 3 << 30 | 0x100 | 1)
    machine.write(CTRL, ON)
    machine.set(pc=0x102)
    machine.resume()
    machine.run(10)
    assert machine.register("pc") == 0x102
    machine.set(pc=0x100)
    machine.resume()
    machine.run(10)
    assert machine.register("pc") == 0x100


def test_enable_needs_the_key_and_remap_is_not_there() -> None:
    machine = Machine().assemble(ADDS_R0, LOOP)
    machine.write(CTRL, 1)
    assert not FP_CTRL(machine.read(CTRL)).ENABLE
    machine.write(CTRL, 3)
    assert FP_CTRL(machine.read(CTRL)).ENABLE
    machine.write(CTRL, 0)
    assert FP_CTRL(machine.read(CTRL)).ENABLE
    machine.write(CTRL, 2)
    assert not FP_CTRL(machine.read(CTRL)).ENABLE
    assert machine.read(REMAP) == 0


@pytest.mark.parametrize(
    ("cpu", "code", "literal"), [("m0", 4, 0), ("m0p", 4, 0), ("m3", 6, 2), ("m4f", 6, 2)]
)
def test_how_many_comparators(cpu: str, code: int, literal: int) -> None:
    machine = Machine(cpu)
    control = FP_CTRL(machine.read(CTRL))
    assert (control.NUM_CODE1, control.NUM_LIT, control.REV) == (code, literal, 0)
    machine.write(COMP0 + 4 * (code + literal), 0xFFFF_FFFF)
    assert machine.read(COMP0 + 4 * (code + literal)) == 0


def test_the_last_code_comparator_matches_and_a_literal_one_does_not() -> None:
    machine = Machine("m3").assemble(ADDS_R0, ADDS_R0, ADDS_R0, LOOP)
    machine.debug(1)
    breakpoint_at(machine, 0x100, index=6)
    breakpoint_at(machine, 0x104, index=5)
    machine.run(10)
    assert machine.register("pc") == 0x104


def test_a_breakpoint_without_a_debugger_is_a_hard_fault() -> None:
    machine = Machine().assemble(ADDS_R0, ADDS_R0, LOOP)
    machine.vector(3, 0x180)
    machine.put(0x180, LOOP)
    breakpoint_at(machine, 0x102)
    machine.run(100)
    assert machine.register("pc") == 0x180
    assert machine.read(HFSR.address) == HFSR.DEBUGEVT.mask


def test_a_breakpoint_inside_an_it_block() -> None:
    machine = Machine().assemble(0x2100, 0xBF04, 0x2205, 0x2306, LOOP)  # itt eq
    machine.debug(1)
    breakpoint_at(machine, 0x106)
    machine.run(10)
    assert (machine.register("pc"), machine.register("r2")) == (0x106, 5)
    assert machine.register("r3") == 0
    machine.write(COMP0, 0)
    machine.resume()
    machine.run(10)
    assert machine.register("r3") == 6


def test_a_breakpoint_right_behind_wfi_does_not_end_the_sleep() -> None:
    machine = Machine().assemble(NOP, WFI, ADDS_R0, LOOP)
    machine.debug(1)
    breakpoint_at(machine, 0x104)
    machine.run(100)
    assert machine.core.sleeping
    assert not machine.core.halted
    machine.core.nvic.enabled.add(16)
    machine.vector(16, 0x180)
    machine.put(0x180, 0x4770)
    machine.core.pulse_irq(0)
    machine.run(100)
    assert machine.register("pc") == 0x104
    assert machine.core.halted


def test_a_breakpoint_set_on_code_that_has_run_before() -> None:
    machine = Machine().assemble(ADDS_R0, 0xE7FD)
    machine.debug(1)
    machine.run(1000)
    breakpoint_at(machine, 0x102)
    machine.run(10)
    assert machine.core.halted
    machine.write(CTRL, 2)
    machine.resume()
    machine.run(1000)
    assert not machine.core.halted
