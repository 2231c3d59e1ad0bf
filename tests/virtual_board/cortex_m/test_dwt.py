"""Watchpoints, cycle counter and PC samples. Sources: DDI 0403 C1.8, DDI 0419 C1.8."""

from __future__ import annotations

import pytest

from onchip.arch.dwt import DWT_CTRL, DWT_FUNCTION
from onchip.arch.scs import DEMCR, DFSR
from tests.virtual_board.cortex_m.machine import CONSOLE, Machine
from tests.virtual_board.cortex_m.opcodes import ADDS_R0, LDR, LOOP, NOP, STR, STRB

COMP, MASK, FUNCTION = 0xE000_1020, 0xE000_1024, 0xE000_1028
CYCCNT, PCSR = 0xE000_1004, 0xE000_101C
READ, WRITE, ACCESS, PC = 5, 6, 7, 4
RAM = 0x2000_0000


def watching(
    *code: int, address: int, function: int, mask: int = 0, cpu: str = "m4f", **registers: int
) -> Machine:
    machine = Machine(cpu).assemble(*code, LOOP)
    machine.debug(1)
    machine.write(DEMCR.address, DEMCR.TRCENA.mask)
    machine.write(COMP, address)
    machine.write(MASK, mask)
    machine.write(FUNCTION, function)
    machine.set(**registers)
    machine.run(100)
    return machine


@pytest.mark.parametrize(
    ("code", "function", "hits"),
    [
        *((STR, WRITE, True), (STR, READ, False), (STR, ACCESS, True)),
        *((LDR, READ, True), (LDR, WRITE, False), (LDR, ACCESS, True)),
        (STR, 0, False),
    ],
)
@pytest.mark.parametrize("cpu", ["m0", "m3", "m4f"])
def test_data_watchpoints(cpu: str, code: int, function: int, hits: bool) -> None:
    machine = watching(NOP, code, ADDS_R0, address=RAM, function=function, cpu=cpu, r1=RAM)
    assert machine.core.halted == hits
    if hits:
        assert machine.register("pc") == 0x104  # after the access
        assert machine.read(DFSR.address) == DFSR.DWTTRAP.mask
    assert DWT_FUNCTION(machine.read(FUNCTION)).MATCHED == hits
    assert not DWT_FUNCTION(machine.read(FUNCTION)).MATCHED  # reading has cleared it


@pytest.mark.parametrize(
    ("mask", "offset", "hits"),
    [(0, 0, True), (0, 1, False), (2, 3, True), (2, 4, False), (4, 15, True), (4, 16, False)],
)
def test_the_mask_widens_the_range(mask: int, offset: int, hits: bool) -> None:
    machine = watching(STRB, address=RAM, function=WRITE, mask=mask, r1=RAM + offset)
    assert machine.core.halted == hits


def test_a_wide_access_that_touches_the_range_hits() -> None:
    assert watching(STR, address=RAM + 2, function=WRITE, r1=RAM).core.halted
    assert watching(0xC90C, address=RAM + 4, function=READ, r1=RAM).core.halted  # ldm r1!, {r2, r3}
    assert watching(0xE9C1, 0x0200, address=RAM + 7, function=WRITE, r1=RAM).core.halted  # strd


def test_the_access_is_made_exactly_once() -> None:
    # str r0, [r1], #4 to a device
    machine = watching(0xF841, 0x0B04, address=CONSOLE, function=WRITE, r0=0x41, r1=CONSOLE)
    assert machine.core.halted
    assert bytes(machine.console.text) == b"A"
    assert machine.register("r1") == CONSOLE + 4
    machine.resume()
    machine.run(50)
    assert bytes(machine.console.text) == b"A"


def test_a_watchpoint_inside_an_it_block() -> None:
    # cmp r0, r0; itt eq; streq r0, [r1]; moveq r2, #5; beq on, else loop forever
    machine = watching(
        *(0x4280, 0xBF04, STR, 0x2205, 0xD000, LOOP, ADDS_R0),
        address=RAM,
        function=WRITE,
        r1=RAM,
    )
    assert machine.core.halted
    machine.write(FUNCTION, 0)
    machine.resume()
    machine.run(50)
    assert machine.register("r2") == 5
    assert machine.register("r0") == 1


def test_watchpoints_need_trcena_and_a_debugger() -> None:
    machine = Machine().assemble(STR, LOOP)
    machine.debug(1)
    machine.write(COMP, RAM)
    machine.write(FUNCTION, WRITE)
    machine.set(r1=RAM)
    machine.run(50)
    assert not machine.core.halted
    machine.write(DEMCR.address, DEMCR.TRCENA.mask)
    machine.debug(0)
    machine.set(pc=0x100)
    machine.run(50)
    assert not machine.core.halted
    assert DWT_FUNCTION(machine.read(FUNCTION)).MATCHED


def test_a_watchpoint_can_call_the_debug_monitor() -> None:
    machine = Machine().assemble(STR, NOP, LOOP)
    machine.vector(12, 0x180)
    machine.put(0x180, LOOP)
    machine.write(DEMCR.address, DEMCR.TRCENA.mask | DEMCR.MON_EN.mask)
    machine.write(COMP, RAM)
    machine.write(FUNCTION, WRITE)
    machine.set(r1=RAM)
    machine.run(100)
    assert machine.core.engine.ipsr() == 12
    assert machine.read(DFSR.address) == DFSR.DWTTRAP.mask


@pytest.mark.parametrize("cpu", ["m0", "m4f"])
def test_instruction_address_match(cpu: str) -> None:
    machine = watching(ADDS_R0, ADDS_R0, ADDS_R0, address=0x102, function=PC, cpu=cpu)
    assert machine.core.halted
    assert (machine.register("pc"), machine.register("r0")) == (0x104, 2)
    assert machine.read(DFSR.address) == DFSR.DWTTRAP.mask
    assert DWT_FUNCTION(machine.read(FUNCTION)).MATCHED
    machine.resume()
    machine.run(50)
    assert not machine.core.halted


def test_the_debuggers_own_accesses_do_not_match() -> None:
    machine = watching(NOP, address=RAM, function=ACCESS)
    machine.write(RAM, 1)
    assert not DWT_FUNCTION(machine.read(FUNCTION)).MATCHED


@pytest.mark.parametrize(("cpu", "count"), [("m0", 2), ("m0p", 2), ("m3", 4), ("m4f", 4)])
def test_control(cpu: str, count: int) -> None:
    control = DWT_CTRL(Machine(cpu).read(0xE000_1000))
    assert control.NUMCOMP == count
    assert control.NOCYCCNT == (cpu in ("m0", "m0p"))


def test_cyccnt_counts_cycles_and_stands_still_in_debug_state() -> None:
    machine = Machine().assemble(ADDS_R0, 0xE7FD)
    machine.write(DEMCR.address, DEMCR.TRCENA.mask)
    machine.write(0xE000_1000, 1)
    machine.run(1000)
    assert machine.read(CYCCNT) == 1000
    machine.halt()
    machine.run(500)
    assert machine.read(CYCCNT) == 1000
    machine.step()
    assert machine.read(CYCCNT) == 1001
    machine.write(CYCCNT, 0xFFFF_FFFE)
    machine.step()
    machine.step()
    machine.step()
    assert machine.read(CYCCNT) == 1
    machine.write(0xE000_1000, 0)
    machine.resume()
    machine.run(100)
    assert machine.read(CYCCNT) == 1
    machine.write(0xE000_1000, 1)
    machine.run(100)
    assert machine.read(CYCCNT) == 101
    machine.write(DEMCR.address, 0)
    machine.run(100)
    assert machine.read(CYCCNT) == 101


def test_cyccnt_is_exact_inside_the_program() -> None:
    # ldr r2, [r1]; nop; nop; ldr r3, [r1]
    machine = Machine().assemble(0x680A, NOP, NOP, 0x680B, LOOP)
    machine.write(DEMCR.address, DEMCR.TRCENA.mask)
    machine.write(0xE000_1000, 1)
    machine.set(r1=CYCCNT)
    machine.run(50)
    assert (machine.register("r2"), machine.register("r3")) == (0, 3)


def test_pc_samples() -> None:
    machine = Machine().assemble(LOOP)
    machine.run(10)
    assert machine.read(PCSR) == 0x100
    machine.halt()
    assert machine.read(PCSR) == 0xFFFF_FFFF


def value_watch(*code: int, value: int, size: int, function: int, cpu: str = "m4f") -> Machine:
    """Watch RAM for a value: comparator 1 compares it, comparator 2 the address."""
    machine = Machine(cpu).assemble(*code, LOOP)
    machine.debug(1)
    machine.write(DEMCR.address, DEMCR.TRCENA.mask)
    machine.write(COMP + 0x20, RAM)
    machine.write(MASK + 0x20, size)
    machine.write(COMP + 0x10, value)
    linked = DWT_FUNCTION.build(DATAVMATCH=1, DATAVSIZE=size, DATAVADDR0=2, DATAVADDR1=2)
    machine.write(FUNCTION + 0x10, linked | function)
    return machine


@pytest.mark.parametrize(
    ("code", "function", "r0", "hits"),
    [
        *((STR, WRITE, 5, True), (STR, WRITE, 6, False), (STR, READ, 5, False)),
        *((LDR, READ, 5, True), (LDR, ACCESS, 5, True), (LDR, WRITE, 5, False)),
    ],
)
def test_values_are_compared(code: int, function: int, r0: int, hits: bool) -> None:
    machine = value_watch(NOP, code, ADDS_R0, value=5, size=2, function=function)
    machine.write(RAM, 5)
    machine.set(r0=r0, r1=RAM)
    machine.run(100)
    assert machine.core.halted == hits
    assert DWT_FUNCTION(machine.read(FUNCTION + 0x10)).MATCHED == hits
    assert not DWT_FUNCTION(machine.read(FUNCTION + 0x20)).MATCHED


def test_a_value_is_compared_in_the_size_that_is_asked_for() -> None:
    machine = value_watch(NOP, STRB, value=0x0505_0505, size=0, function=WRITE)
    machine.set(r0=0x1105, r1=RAM)
    machine.run(100)
    assert machine.core.halted
    other = value_watch(NOP, STR, value=0x0505_0505, size=0, function=WRITE)
    other.set(r0=5, r1=RAM)
    other.run(100)
    assert not other.core.halted


def test_only_comparator_1_of_armv7m_compares_values() -> None:
    wanted = DWT_FUNCTION.build(DATAVMATCH=1, DATAVADDR0=2, DATAVADDR1=2) | WRITE
    machine = Machine("m4f").assemble(NOP)
    machine.write(DEMCR.address, DEMCR.TRCENA.mask)
    kept = []
    for index in range(4):
        machine.write(FUNCTION + 16 * index, wanted)
        kept.append(DWT_FUNCTION(machine.read(FUNCTION + 16 * index)))
    assert [k.DATAVMATCH for k in kept] == [0, 1, 0, 0]
    assert [k.LNK1ENA for k in kept] == [0, 1, 0, 0]
    small = Machine("m0").assemble(NOP)
    small.write(DEMCR.address, DEMCR.TRCENA.mask)
    small.write(FUNCTION + 0x10, wanted)
    assert small.read(FUNCTION + 0x10) == WRITE


# ---- profiling counters -------------------------------------------------------------------------

CPICNT, EXCCNT, SLEEPCNT, LSUCNT, FOLDCNT = (0xE000_1008 + 4 * n for n in range(5))
WFI, BX_LR = 0xBF30, 0x4770


def profiling(*code: int, control: int) -> Machine:
    machine = Machine("m3").assemble(*code, LOOP)
    machine.vector(11, 0x180)
    machine.put(0x180, BX_LR)
    machine.write(DEMCR.address, DEMCR.TRCENA.mask)
    machine.write(0xE000_1000, control)
    return machine


def test_exccnt_counts_what_entries_and_returns_take() -> None:
    machine = profiling(0xDF00, NOP, control=DWT_CTRL.build(EXCEVTENA=1))
    machine.run(100)
    assert machine.read(EXCCNT) == 12 + 10
    machine.write(EXCCNT, 0x1FF)
    assert machine.read(EXCCNT) == 0xFF
    machine.halt()
    machine.set(pc=0x100)
    machine.resume()
    machine.run(100)
    assert machine.read(EXCCNT) == 0xFF + 22 - 0x100  # 8 bits wrap


def test_sleepcnt_counts_sleep_and_stands_without_its_event_or_trcena() -> None:
    machine = profiling(WFI, control=DWT_CTRL.build(SLEEPEVTENA=1))
    machine.run(101)
    assert machine.read(SLEEPCNT) == 100
    machine.write(0xE000_1000, 0)
    machine.run(10)
    assert machine.read(SLEEPCNT) == 100
    machine.write(0xE000_1000, DWT_CTRL.build(SLEEPEVTENA=1))  # starts at 0
    machine.run(7)
    assert machine.read(SLEEPCNT) == 7
    machine.write(DEMCR.address, 0)
    machine.run(5)
    assert machine.read(SLEEPCNT) == 7
    machine.halt()
    machine.run(5)
    assert machine.read(SLEEPCNT) == 7


def test_an_ideal_core_has_nothing_for_the_others_to_count() -> None:
    machine = profiling(NOP, 0x6808, control=0x3E_0000)
    machine.set(r1=RAM)
    machine.run(100)
    assert [machine.read(at) for at in (CPICNT, LSUCNT, FOLDCNT)] == [0, 0, 0]
    assert machine.read(0xE000_1000) == 0x403E_0000
    machine.write(CPICNT, 5)
    assert machine.read(CPICNT) == 5
    small = Machine("m0").assemble(LOOP)
    small.write(EXCCNT, 5)
    assert small.read(EXCCNT) == 0


def test_pcsr_samples_the_program_and_tells_of_debug_state() -> None:
    machine = Machine("m3").assemble(NOP, NOP, LOOP)
    machine.run(10)
    assert machine.read(PCSR) == 0x104
    machine.halt()
    assert machine.read(PCSR) == 0xFFFF_FFFF
