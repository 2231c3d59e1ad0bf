"""Loops that do nothing pass at once, and to the same cycle as if they had been executed."""

from __future__ import annotations

import pytest

from tests.virtual_board.cortex_m.machine import Machine

NOP, LOOP, ADDS_R0, BX_LR = 0xBF00, 0xE7FE, 0x3001, 0x4770
SECOND = 100_000_000


@pytest.mark.parametrize(
    "loop",
    [(LOOP,), (NOP, 0xE7FD), (NOP, NOP, NOP, 0xE7FB), (ADDS_R0, 0xE7FD), (ADDS_R0, 0xBF00, 0xE7FC)],
    ids=str,
)
def test_an_interrupt_out_of_a_loop_finds_it_where_it_would_be(loop: tuple[int, ...]) -> None:
    found = []
    for slices in (1, 997):
        machine = Machine().assemble(NOP, *loop)
        machine.vector(16, 0x180)
        machine.put(0x180, LOOP)
        machine.write(0xE000_E100, 1)
        for _ in range(slices):
            machine.run(1_000_001 // slices)
        rest = 1_000_001 - 1_000_001 // slices * slices
        machine.run(rest)
        machine.core.set_irq(0, 1)
        machine.run(50)
        frame = machine.read(machine.register("sp") + 24)
        found.append((frame, machine.register("r0"), machine.core.cycles))
    assert found[0] == found[1]
    machine = Machine().assemble(NOP, *loop)
    machine.run(1_000_001)
    assert found[0][0] == machine.layout.flash + 0x102 + 2 * (1_000_000 % len(loop))


def test_a_fault_handler_that_waits_for_ever_takes_no_time_of_the_host() -> None:
    machine = Machine().assemble(NOP, NOP, LOOP)
    runs = 0
    run = machine.core.engine.run

    def counted(count: int) -> None:
        nonlocal runs
        runs += 1
        assert count <= 4096
        run(count)

    machine.core.engine.run = counted  # type: ignore[method-assign]
    machine.run(100 * SECOND)
    assert machine.core.cycles == 100 * SECOND
    assert machine.core.take_retired()
    assert runs < 5


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
