"""How fast the core is on the host. The bounds are loose: the machine is shared."""

from __future__ import annotations

import time

from tests.virtual_board.cortex_m.machine import Machine
from tests.virtual_board.cortex_m.opcodes import BX_LR, NOP, SVC


def best_of(runs: int, work: object) -> float:
    """Return the shortest CPU time of ``work``, seconds."""
    times = []
    for _ in range(runs):
        start = time.thread_time()
        work()  # type: ignore[operator]
        times.append(time.thread_time() - start)
    return min(times)


def test_cpu_bound_code_runs_at_40_mips_at_least() -> None:
    # loads, stores, arithmetic and a branch
    machine = Machine().assemble(0x6808, 0x3001, 0x6008, 0x4042, 0x1892, 0x0852, 0xE7F8)
    machine.set(r1=0x2000_0000)
    machine.run(1_000_000)
    seconds = best_of(3, lambda: machine.run(4_000_000))
    assert 4 / seconds > 40


def test_an_exception_costs_less_than_150_us() -> None:
    machine = Machine().assemble(SVC, 0xE7FD)
    machine.vector(11, 0x180)
    machine.put(0x180, BX_LR)
    machine.run(1000)
    before = machine.core._instructions
    seconds = best_of(3, lambda: machine.run(25_000))
    count = (machine.core._instructions - before) / 3 / 3
    assert count > 900
    assert seconds / count < 150e-6


def test_a_single_step_costs_less_than_200_us() -> None:
    machine = Machine().assemble(NOP, 0xE7FD)
    machine.halt()
    machine.step()

    def hundred() -> None:
        for _ in range(100):
            machine.step()

    assert best_of(3, hundred) / 100 < 200e-6


def test_a_breakpoint_costs_nothing_while_it_is_not_hit() -> None:
    machine = Machine().assemble(0x3001, 0xE7FD)
    machine.debug(1)
    for index in range(6):
        machine.write(0xE000_2008 + 4 * index, 1 << 30 | 0x200 + 4 * index | 1)
    machine.write(0xE000_2000, 3)
    machine.run(100_000)
    assert 4 / best_of(3, lambda: machine.run(4_000_000)) > 40


def test_a_core_is_built_in_less_than_30_ms() -> None:
    Machine()  # the first one of a process tests the engine

    def build() -> None:
        Machine().core.close()

    assert best_of(3, build) < 0.03
