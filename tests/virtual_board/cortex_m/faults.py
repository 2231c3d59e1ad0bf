"""Programs that fault, and what became of them."""

from __future__ import annotations

from onchip.arch import scs
from onchip.arch.scs import HFSR
from tests.virtual_board.cortex_m.machine import Machine
from tests.virtual_board.cortex_m.opcodes import LOOP


def faulting(*code: int, cpu: str = "m4f", enable: int = 0, **registers: int) -> Machine:
    """Run code whose fault handlers are endless loops at 0x180 + 4 * number."""
    machine = Machine(cpu).assemble(*code, LOOP)
    for number in (2, 3, 4, 5, 6, 11, 14, 15, 16, 17):
        machine.vector(number, 0x180 + 4 * number)
        machine.put(0x180 + 4 * number, LOOP)
    if enable:
        machine.write(scs.SHCSR.address, enable)
    machine.set(**registers)
    machine.run(200)
    return machine


def state(machine: Machine) -> tuple[int, int, int]:
    """Return the exception that runs, CFSR and HFSR."""
    return (
        machine.core.engine.ipsr(),
        machine.read(scs.CFSR.address),
        machine.read(HFSR.address),
    )
