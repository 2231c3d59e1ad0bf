"""Results do not depend on where the run is cut, nor on what the debugger does on the way."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from onchip.arch.scs import DEMCR
from tests.support.firmware import Firmware, build
from tests.virtual_board.cortex_m.machine import Machine

pytestmark = pytest.mark.tools
CPUS = ["m0", "m3", "m4f"]
FPB_CTRL, FPB_COMP = 0xE000_2000, 0xE000_2008


def program(cpu: str) -> Firmware:
    return build("timers.c", cpu=cpu)


def finished(cpu: str, drive: Callable[[Machine], None]) -> str:
    """Run the program with ``drive`` in the way; return the digest of its final state."""
    machine = Machine(cpu).load(program(cpu))
    machine.debug(1)
    drive(machine)
    machine.write(FPB_CTRL, 2)
    machine.run_to_end()
    assert len(machine.log()) == 4
    assert machine.log()[3] > 0x100
    digest = machine.core.fingerprint()
    machine.core.close()
    return digest


def straight(machine: Machine) -> None:
    """Do nothing in between."""


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    return {cpu: finished(cpu, straight) for cpu in CPUS}


@pytest.mark.parametrize("cpu", CPUS)
def test_twice_the_same(cpu: str, reference: dict[str, str]) -> None:
    assert finished(cpu, straight) == reference[cpu]


@pytest.mark.parametrize("chunk_ns", [13, 997, 100_000])
@pytest.mark.parametrize("cpu", CPUS)
def test_slicing(cpu: str, chunk_ns: int, reference: dict[str, str]) -> None:
    def drive(machine: Machine) -> None:
        for _ in range(min(4000, 600_000 // chunk_ns)):
            machine.timeline.advance_to(machine.timeline.now_ns + chunk_ns)

    assert finished(cpu, drive) == reference[cpu]


@pytest.mark.parametrize("cpu", CPUS)
def test_halts_at_random_moments(cpu: str, reference: dict[str, str]) -> None:
    choose = random.Random(cpu)

    def drive(machine: Machine) -> None:
        for _ in range(200):
            machine.run(choose.randrange(1, 300))
            if machine.core.sleeping:
                continue  # a halt ends WFI, which shortens the sleep: that one may show
            machine.halt()
            machine.run(choose.randrange(1, 300))
            machine.resume()

    assert finished(cpu, drive) == reference[cpu]


@pytest.mark.parametrize("cpu", CPUS)
def test_single_steps(cpu: str, reference: dict[str, str]) -> None:
    def drive(machine: Machine) -> None:
        machine.halt()
        for _ in range(6000):
            if machine.read(machine.register("pc") & ~1, 2) == 0xBF30:
                machine.resume()  # a step over WFI does not sleep, and a halt ends the sleep
                machine.run(1)
                while machine.core.sleeping:
                    machine.run(1)
                machine.halt()
                continue
            machine.step()
        machine.resume()

    assert finished(cpu, drive) == reference[cpu]


@pytest.mark.parametrize("cpu", CPUS)
def test_breakpoints_and_watchpoints(cpu: str, reference: dict[str, str]) -> None:
    firmware = program(cpu)

    def drive(machine: Machine) -> None:
        symbols = firmware.symbols
        where = [symbols["SysTick_Handler"], symbols["PendSV_Handler"], symbols["IRQ0_Handler"]]
        for index, address in enumerate(where):
            machine.write(FPB_COMP + 4 * index, (2 if address & 2 else 1) << 30 | address & ~3 | 1)
        machine.write(FPB_CTRL, 3)
        machine.write(DEMCR.address, DEMCR.TRCENA.mask)
        machine.write(0xE000_1020, symbols["masked"])
        machine.write(0xE000_1028, 6)
        hits = 0
        for _ in range(150):
            machine.timeline.advance_to(
                machine.timeline.now_ns + 100_000, until=lambda: machine.core.halted
            )
            if not machine.core.halted:
                break
            hits += 1
            pc = machine.register("pc")
            if pc in where:
                machine.write(FPB_CTRL, 2)
                machine.step()
                machine.write(FPB_CTRL, 3)
            machine.resume()
        assert hits > 50
        machine.write(0xE000_1028, 0)
        machine.write(DEMCR.address, 0)

    assert finished(cpu, drive) == reference[cpu]
