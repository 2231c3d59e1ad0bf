"""Real programs, made by arm-none-eabi-gcc, on the virtual core."""

from __future__ import annotations

import pytest

from onchip.arch.scs import AIRCR, DFSR, DHCSR
from tests.support.firmware import build
from tests.virtual_board.cortex_m.machine import Machine

pytestmark = pytest.mark.tools
CPUS = ["m0", "m0p", "m3", "m4", "m4f"]


@pytest.mark.parametrize("cpu", CPUS)
def test_exceptions(cpu: str) -> None:
    machine = Machine(cpu).load(build("exceptions.c", cpu=cpu))
    machine.run_to_end()
    log = machine.log()
    entries = [v for v in log if v >> 12 in range(1, 8) and v & 0xF000]
    # One interrupt by itself; then 1 preempts 0, PendSV and 2 are tail-chained by priority.
    first = [v & 0xFFFFF for v in log[: log.index(0x102)]]
    assert [v for v in first if v >> 12 in (1, 2, 3, 5) or v in (0x100, 0x101)] == [
        *(0x100, 0x1000, 0x1003, 0x101, 0x1000, 0x2011, 0x2001, 0x1001, 0x1002, 0x1003),
        *(0x500E, 0x3012),
    ]
    # All pended at once: by priority, then by number.
    pended = log[log.index(0x20F) + 1 : log.index(0x201)]
    assert pended == [0x600F, 0x500E, 0x3012, 0x4013]
    assert log[log.index(0x7007) + 1] == 0xFFFF_FFF9
    assert 5 * 3 + 7 in log
    assert 0xFFFF_FFFD in log  # SVC from the process stack
    assert 6 * 3 + 7 in log
    assert entries
    assert not any(v >> 16 == 0xDEAD for v in log)


@pytest.mark.parametrize("cpu", CPUS)
def test_c_library_program_through_semihosting(cpu: str) -> None:
    machine = Machine(cpu).load(build("hello.c", cpu=cpu))
    machine.debug(DHCSR.C_DEBUGEN.mask)
    text = ""
    while True:
        machine.timeline.advance_to(
            machine.timeline.now_ns + 1_000_000_000, until=lambda: machine.core.halted
        )
        assert machine.core.halted
        pc = machine.register("pc")
        if pc == machine.firmware.symbols["finished_here"]:
            break
        assert machine.read(pc, 2) == 0xBEAB
        assert machine.register("r0") == 4
        address = machine.register("r1")
        data = machine.bus.read_block(address, 64)
        text += data[: data.index(0)].decode()
        machine.dcr_write(15, pc + 2)
        machine.resume()
    product = 0x1_2345_6789 * 0x100_0003 // 7
    values = sorted(i * 7919 % 101 for i in range(20))
    assert text == (
        f"sorted {values[0]} {values[10]} {values[19]}\nhex 00c0ffee 4\n{product:016x}\n"
    )


@pytest.mark.parametrize("cpu", ["m3", "m4f"])
def test_faults_are_survived(cpu: str) -> None:
    machine = Machine(cpu).load(build("faults.c", cpu=cpu))
    machine.run_to_end()
    log = machine.log()
    numbers = [v & 0xFF for v in log if v >> 24 == 0xFA]
    assert numbers[:8] == [3] * 8  # not enabled: all escalate
    assert numbers[8:16] == [5, 5, 6, 5, 6, 4, 6, 5]
    assert numbers[16:] == [3, 3, 5, 3, 5]
    assert machine.read(0xE000_ED28) == 0


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("tick", [1777, 20000])
def test_preemptive_kernel(cpu: str, tick: int) -> None:
    firmware = build("kernel.c", cpu=cpu, defines={"ITEMS": 300, "TICK": tick})
    machine = Machine(cpu).load(firmware)
    machine.run_to_end()
    assert machine.log() == [0, 1, 1, 1]  # no error, all consumed, switched, all tasks ran
    symbols = firmware.symbols
    assert machine.read(symbols["ticks"]) > 20
    assert machine.read(symbols["produced"]) >= 300


@pytest.mark.parametrize("cpu", ["m0", "m4f"])
def test_reset_runs_the_program_again(cpu: str) -> None:
    machine = Machine(cpu).load(build("exceptions.c", cpu=cpu))
    machine.run_to_end()
    first = machine.log()
    machine.write(AIRCR.address, 0x05FA_0004)
    assert not machine.core.halted
    machine.run_to_end()
    assert machine.log() == first
    assert machine.read(DFSR.address) & DFSR.BKPT.mask
