"""SysTick, WFI, WFE, SEV and sleep-on-exit. Sources: DDI 0403 B3.3, B1.5.18, B1.5.19."""

from __future__ import annotations

import pytest

from onchip.arch import scs
from onchip.arch.scs import DEMCR, ICSR
from onchip.virtual_board.cortex_m.profile import profile_for
from onchip.virtual_board.cortex_m.systick import COUNTFLAG, SysTick
from tests.virtual_board.cortex_m.machine import Machine
from tests.virtual_board.cortex_m.opcodes import BX_LR, CPSID_I, CPSIE_I, LOOP, NOP, SEV, WFE, WFI

ADDS_R4 = 0x3401
CSR, RVR, CVR = scs.SYST_CSR, scs.SYST_RVR, scs.SYST_CVR


def handled(*code: int, cpu: str = "m4f", **options: int) -> Machine:
    """Assemble with a SysTick and an IRQ0 handler that count in r4 and r5 (through the frame)."""
    machine = Machine(cpu, **options).assemble(*code)
    for number, counter in ((15, 0x3401), (16, 0x3501)):
        machine.vector(number, 0x180 + 4 * number)
        machine.put(0x180 + 4 * number, counter, BX_LR)
    machine.write(scs.NVIC_ISER, 1)
    return machine


def start(machine: Machine, reload: int, control: int = 7) -> None:
    machine.write(RVR, reload)
    machine.write(CVR, 0)
    machine.write(CSR, control)


def test_the_counter_counts_down_and_reloads() -> None:
    machine = Machine().assemble(LOOP)
    start(machine, 99, 5)
    seen = []
    for _ in range(4):
        machine.run(33)
        seen.append(machine.read(CVR))
    assert seen == [67, 34, 1, 68]
    machine.run(68)
    assert machine.read(CVR) == 0


def test_countflag_clears_when_the_program_reads_it() -> None:
    systick = SysTick(profile_for("cortex-m3"))
    systick.write(4, 9, 0)
    systick.write(0, 5, 0)
    assert systick.deadline == 10
    assert not systick.poll(9)
    assert not systick.poll(10)  # no TICKINT
    assert systick.deadline == 20
    assert systick.read(0, 10, debugger=True) & COUNTFLAG
    assert systick.read(0, 10, debugger=False) & COUNTFLAG
    assert not systick.read(0, 10, debugger=False) & COUNTFLAG
    systick.poll(20)
    systick.write(8, 123, 20)
    assert not systick.read(0, 20, debugger=False) & COUNTFLAG
    assert systick.value(20) == 0
    assert systick.value(21) == 9


def test_a_reload_of_zero_stops_the_counter_after_this_round() -> None:
    systick = SysTick(profile_for("cortex-m3"))
    systick.write(4, 9, 0)
    systick.write(0, 7, 0)
    systick.write(4, 0, 5)
    assert systick.poll(10)
    assert systick.deadline is None
    assert systick.value(50) == 0
    assert not systick.poll(1000)


def test_disabling_keeps_the_value_and_enabling_counts_on() -> None:
    systick = SysTick(profile_for("cortex-m3"))
    systick.write(4, 99, 0)
    systick.write(0, 5, 0)
    systick.write(0, 4, 40)
    assert systick.value(1000) == 60
    systick.write(0, 5, 1000)
    assert systick.deadline == 1060


def test_the_reference_clock_divides() -> None:
    systick = SysTick(profile_for("cortex-m3", systick_reference_divider=8))
    systick.write(4, 9, 0)
    systick.write(0, 1, 0)
    assert systick.deadline == 80
    assert systick.value(1) == 0
    assert systick.value(8) == 9
    systick.write(0, 5, 8)
    assert systick.deadline == 8 + 9


def test_without_a_reference_clock_clksource_reads_one() -> None:
    machine = Machine().assemble(LOOP)
    machine.write(CSR, 0)
    assert machine.read(CSR) == 4


def test_ticks_come_exactly_at_their_cycle() -> None:
    machine = handled(LOOP)
    start(machine, 999)
    machine.run(10_000)
    assert machine.register("r4") == 9
    machine.run(13)
    assert machine.register("r4") == 10


def test_the_timer_stands_still_in_debug_state() -> None:
    machine = Machine().assemble(LOOP)
    start(machine, 999)
    machine.run(100)
    machine.halt()
    value = machine.read(CVR)
    machine.run(5000)
    assert machine.read(CVR) == value == 900
    machine.write(RVR, 499)
    machine.write(CVR, 0)
    machine.run(5000)
    assert machine.read(CVR) == 0
    machine.resume()
    machine.run(100)
    assert machine.read(CVR) == 400


@pytest.mark.parametrize("cpu", ["m0", "m3", "m4f"])
def test_wfi_sleeps_to_the_next_interrupt_and_costs_no_instructions(cpu: str) -> None:
    machine = handled(WFI, 0x3601, 0xE7FC, cpu=cpu)  # wfi; adds r6, #1; b wfi
    start(machine, 999_999)
    machine.run(10_500_000)
    assert machine.register("r4") == 10
    assert machine.register("r6") == 10
    assert machine.core.sleeping
    assert machine.dhcsr.S_SLEEP
    assert machine.core._instructions < 100


def test_sleep_without_anything_to_wake_it_lasts() -> None:
    machine = handled(WFI, LOOP)
    machine.run(1_000_000_000)
    assert machine.core.sleeping
    machine.core.pulse_irq(0)
    machine.run(100)
    assert not machine.core.sleeping
    assert machine.register("r5") == 1


def test_wfi_wakes_under_primask_without_taking_the_interrupt() -> None:
    machine = handled(CPSID_I, WFI, 0x2607, CPSIE_I, LOOP)
    machine.run(100)
    assert machine.core.sleeping
    machine.core.pulse_irq(0)
    machine.run(1)
    assert machine.register("r6") == 7 or not machine.core.sleeping
    machine.run(100)
    assert (machine.register("r6"), machine.register("r5")) == (7, 1)


def test_wfi_does_not_wake_for_what_basepri_holds_back() -> None:
    machine = handled(WFI, LOOP)
    machine.write(scs.NVIC_IPR, 0x80)
    machine.set(basepri=0x40)
    machine.run(10)
    machine.core.pulse_irq(0)
    machine.run(1000)
    assert machine.core.sleeping
    machine.write(scs.NVIC_IPR, 0x00)
    machine.run(10)
    assert not machine.core.sleeping


def test_wfi_with_something_pending_does_not_sleep() -> None:
    machine = handled(CPSID_I, NOP, WFI, 0x2607, LOOP)
    machine.core.pulse_irq(0)
    machine.core.nvic.pending.add(16)
    machine.set(primask=1)
    machine.run(50)
    assert machine.register("r6") == 7


@pytest.mark.parametrize("cpu", ["m0", "m4f"])
def test_sev_lets_the_next_wfe_pass_and_only_that(cpu: str) -> None:
    machine = handled(SEV, NOP, WFE, 0x2601, WFE, 0x2602, LOOP, cpu=cpu)
    machine.run(100)
    assert machine.register("r6") == 1
    assert machine.core.sleeping
    machine.core.pulse_irq(0)
    machine.run(100)
    assert machine.register("r6") == 2


def test_wide_sev_counts_too() -> None:
    machine = handled(0xF3AF, 0x8004, WFE, 0x2601, LOOP)
    machine.run(100)
    assert machine.register("r6") == 1


def test_sevonpend_wakes_wfe_for_a_disabled_interrupt() -> None:
    machine = handled(WFE, 0x2601, LOOP)
    machine.write(scs.NVIC_ICER, 1)
    machine.run(10)
    machine.core.pulse_irq(0)
    machine.run(100)
    assert machine.core.sleeping
    machine.write(scs.NVIC_ICPR, 1)
    machine.write(scs.SCR, 1 << 4)
    machine.core.pulse_irq(0)
    machine.run(100)
    assert machine.register("r6") == 1
    assert machine.register("r5") == 0


def test_yield_is_a_nop() -> None:
    machine = handled(0xBF10, 0x2601, 0xF3AF, 0x8001, 0x2602, LOOP)
    machine.run(20)
    assert machine.register("r6") == 2


def test_sleep_on_exit() -> None:
    machine = handled(0x3601, 0xE7FD)
    machine.write(scs.SCR, 1 << 1)
    machine.run(10)
    machine.core.pulse_irq(0)
    machine.run(1000)
    count = machine.register("r6")
    assert machine.core.sleeping
    assert not machine.core.deep_sleep
    machine.write(scs.SCR, 3 << 1)
    assert machine.core.deep_sleep
    machine.run(1000)
    assert machine.register("r6") == count
    machine.write(scs.SCR, 0)
    machine.core.pulse_irq(0)
    machine.run(1000)
    assert machine.register("r6") > count


def test_a_halt_ends_the_sleep_and_the_pc_is_behind_the_wfi() -> None:
    machine = handled(NOP, WFI, NOP, LOOP)
    machine.run(100)
    machine.halt()
    assert machine.register("pc") == 0x104
    assert not machine.dhcsr.S_SLEEP


def test_cyccnt_does_not_count_asleep() -> None:
    machine = handled(WFI, LOOP)
    machine.write(DEMCR.address, DEMCR.TRCENA.mask)
    machine.write(0xE000_1000, 1)
    machine.run(1000)
    assert machine.read(0xE000_1004) == 1


def test_a_long_critical_section_with_a_pending_interrupt_runs_at_speed_and_ends_exactly() -> None:
    # cpsid i; 1: adds r0, #1; cmp r0, r1; bne 1b; cpsie i; mov r6, r4; loop
    machine = handled(CPSID_I, 0x3001, 0x4288, 0xD1FC, CPSIE_I, 0x0026, LOOP)
    machine.set(r1=100_000)
    start(machine, 99)
    machine.run(400_000)
    assert machine.register("r6") == 1  # taken right after CPSIE, before the MOV
    assert machine.core.silent.masked_slices == 0


def test_systick_exception_pending_bits() -> None:
    machine = Machine().assemble(CPSID_I, LOOP)
    start(machine, 9)
    machine.run(50)
    assert ICSR(machine.read(ICSR.address)).PENDSTSET
    assert ICSR(machine.read(ICSR.address)).VECTPENDING == 15
    machine.write(CSR, 0)
    machine.write(ICSR.address, 1 << 25)
    assert not ICSR(machine.read(ICSR.address)).PENDSTSET
