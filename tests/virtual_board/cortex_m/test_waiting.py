"""Loops that only wait pass at once, and to the same cycle as if they had been executed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.virtual_board.cortex_m.machine import CONSOLE, Machine
from tests.virtual_board.cortex_m.opcodes import ADDS_R0, BX_LR, LOOP, NOP

SECOND = 100_000_000


FLAG = 0x2000_0100
POLL = {
    "b .": (LOOP,),
    "nop; b": (NOP, NOP, NOP, 0xE7FB),
    "adds r0; b": (ADDS_R0, 0xE7FD),  # does not wait
    "ldr; cmp; beq": (0x6808, 0x2800, 0xD0FC, LOOP),
    "ldrb, ldrh": (0x7808, 0x8808, 0x2800, 0xD0FB, LOOP),
    "ldr reg; cbz": (0x590A, 0x2A00, 0xB102, LOOP, 0xE7FA),  # r4 = 0
    "ldr literal": (0x4A02, 0x6813, 0x2B00, 0xD0FB, LOOP, 0x0100, 0x2000),
    "ldr.w; tst.w; beq.w": (0xF8D1, 0x2000, 0xF012, 0x0F01, 0xF43F, 0xAFFA, LOOP),
    "ldr sp": (0x9A00, 0x2A00, 0xD0FC, LOOP),
    "two flags": (0x6808, 0x2800, 0xD102, 0x684A, 0x2A00, 0xD0F9, LOOP),
    "counts in memory": (0x680A, 0x3201, 0x600A, 0x2200, 0xE7FA),
    "toggles in memory": (0x680A, 0x43D2, 0x600A, 0x2200, 0xE7FA),
    "polls a device": (0x682A, 0x2200, 0xE7FC),
    "it block": (0x2800, 0xBF08, 0x2200, 0xE7FB),
}


def _waits(loop: tuple[int, ...], *, skip: bool, slices: int) -> tuple[object, ...]:
    machine = Machine().assemble(NOP, *loop)
    if not skip:
        machine.core._wait = lambda count: count  # type: ignore[method-assign]
    machine.vector(16, 0x180)
    machine.put(0x180, 0x3701, BX_LR)  # adds r7, #1
    machine.write(0xE000_E100, 1)
    machine.set(r0=0, r1=FLAG, r2=0, r4=0, r5=CONSOLE, r7=0, sp=FLAG)
    for at in (33_333, 40_001):
        machine.timeline.at(at * 10, lambda: machine.core.pulse_irq(0))
    machine.timeline.at(700_010, lambda: machine.bus.write(FLAG, 4, 1))
    for _ in range(slices):
        machine.timeline.advance_to(machine.timeline.now_ns + 1_000_000 // slices)
    core, counts = machine.core, (machine.console.reads, machine.register("pc"))
    assert machine.register("r7") == 2
    return core.cycles, core._instructions, core.fingerprint(), counts


@pytest.mark.parametrize("loop", POLL.values(), ids=POLL.keys())
def test_a_loop_ends_as_if_it_had_been_executed(loop: tuple[int, ...]) -> None:
    executed = _waits(loop, skip=False, slices=1)
    assert _waits(loop, skip=True, slices=1) == executed
    assert _waits(loop, skip=True, slices=100) == executed


WAITING = ["b .", "ldr; cmp; beq", "ldrb, ldrh", "ldr literal", "ldr.w; tst.w; beq.w", "ldr sp"]


@pytest.mark.parametrize("name", WAITING)
def test_a_loop_that_waits_is_executed_for_a_few_rounds(name: str) -> None:
    machine = Machine().assemble(NOP, *POLL[name]).set(r0=0, r1=FLAG, sp=FLAG)
    machine.run(1000)
    executed = _counted(machine)
    machine.run(SECOND)
    assert executed() < 100
    machine.write(FLAG, 1)
    machine.run(100)
    looped = machine.layout.flash + 0x102 + 2 * POLL[name].index(LOOP)
    assert machine.register("pc") == looped


def test_a_cortex_m0_knows_no_wide_loads_to_wait_with() -> None:
    machine = Machine("m0").assemble(NOP, *POLL["ldr.w; tst.w; beq.w"])
    machine.vector(3, 0x180)
    machine.put(0x180, LOOP)
    machine.run(10_000)
    assert machine.register("pc") == machine.layout.flash + 0x180


def test_a_watchpoint_on_the_polled_word_hits() -> None:
    machine = Machine().assemble(*POLL["ldr; cmp; beq"]).set(r0=0, r1=FLAG)
    machine.debug(1)
    machine.run(10_000)
    machine.write(0xE000_EDFC, 1 << 24)
    machine.write(0xE000_1020, FLAG)
    machine.write(0xE000_1028, 5)
    machine.run(10_000)
    assert machine.core.halted


def _counted(machine: Machine) -> Callable[[], int]:
    """Return what tells how many instructions the engine has executed since."""
    executed = 0
    run = machine.core.engine.run

    def counted(count: int) -> None:
        nonlocal executed
        run(count)
        executed += machine.core.engine.executed

    machine.core.engine.run = counted  # type: ignore[method-assign]
    return lambda: executed


def test_a_fault_handler_that_waits_for_ever_takes_no_time_of_the_host() -> None:
    machine = Machine().assemble(NOP, NOP, LOOP)
    executed = _counted(machine)
    machine.run(100 * SECOND)
    assert machine.core.cycles == 100 * SECOND
    assert machine.core.take_retired()
    assert executed() < 1000


def test_a_loop_that_counts_is_soon_known_not_to_wait() -> None:
    machine = Machine().assemble(*POLL["adds r0; b"]).set(r0=0)
    steps = 0
    run = machine.core.engine.run

    def counted(count: int) -> None:
        nonlocal steps
        run(count)
        steps += count == 1

    machine.core.engine.run = counted  # type: ignore[method-assign]
    machine.run(100_000)
    assert machine.register("r0") == 50_000
    assert steps < 100


def test_a_round_may_count_to_three_within() -> None:
    # movs r2, #3; subs r2, #1; bne; ldr r0, [r1]; cmp r0, #0; beq
    machine = Machine().assemble(0x2203, 0x3A01, 0xD1FD, 0x6808, 0x2800, 0xD0F9, LOOP)
    machine.set(r0=0, r1=FLAG, r2=0)
    executed = _counted(machine)
    machine.run(SECOND)
    assert executed() < 1000


def test_systick_counts_on_and_a_handler_gets_its_turns() -> None:
    machine = Machine().assemble(LOOP)
    machine.vector(15, 0x180)
    machine.put(0x180, 0x3401, BX_LR)  # adds r4, #1
    machine.set(r4=0)
    machine.write(0xE000_E014, 99_999)
    machine.write(0xE000_E018, 0)
    machine.write(0xE000_E010, 7)
    machine.run(SECOND // 10 + 50)
    assert machine.register("r4") == 100


def test_a_breakpoint_in_the_loop_is_met() -> None:
    machine = Machine().assemble(NOP, NOP, NOP, 0xE7FC)
    machine.debug(1)
    machine.run(10_000)
    machine.write(0xE000_2008, 0x4000_0000 | machine.layout.flash + 0x104 | 1)
    machine.write(0xE000_2000, 3)
    machine.run(10_000)
    assert machine.core.halted
    assert machine.register("pc") == machine.layout.flash + 0x104


def test_what_looks_like_a_loop_but_leaves_it_is_executed() -> None:
    machine = Machine().assemble(NOP, 0xE000, 0x3101, ADDS_R0, 0xE7FA)
    machine.set(r0=0, r1=0)
    machine.run(40_000)
    assert (machine.register("r0"), machine.register("r1")) == (10_000, 0)


def test_an_interrupt_is_taken_right_after_it_is_let_in() -> None:
    # 600 rounds with interrupts off, then: cmp, cmp, cpsie i, adds r3, #1 and a loop
    rounds = (0x3A01, 0xD1FD)  # subs r2, #1; bne
    machine = Machine().assemble(0xB672, *rounds, 0x2800, 0x2800, 0xB662, 0x3301, LOOP)
    machine.vector(16, 0x180)
    machine.put(0x180, 0x001D, LOOP)  # movs r5, r3
    machine.write(0xE000_E100, 1)
    machine.set(r0=0, r2=600, r3=0, r5=9)
    machine.timeline.at(500, lambda: machine.core.pulse_irq(0))
    machine.core._next_look = 1200  # while the last round is executed
    machine.run(5000)
    assert machine.register("r5") == 0
