"""The same programs on the virtual core and on qemu-system-arm end in the same state.

QEMU's M-profile exception model is another team's reading of the same manual. Known differences,
which the programs avoid:

* An interrupt that a store pends is taken right after the store here, and in QEMU anywhere up to
  the end of its translation block: stacked PCs (and what follows from them, the unused part of
  the process stack) are not compared where that happens.
* Time: QEMU does not count cycles, so nothing here compares SysTick values; programs driven by
  SysTick are compared by what they compute.
* VLDR.64 and its like at unaligned addresses fault in QEMU, as they should, and not here.
* ICSR.RETTOBASE reads 1 on QEMU's Cortex-M0, which has no such bit.
* Bus faults in a hole of the map depend on the machine, so those programs compare the log up to
  the machine's own map: the address 0x6000_0000 answers on none of these machines.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.firmware import Firmware, Layout, build
from tests.support.qemu import MACHINES, Qemu
from tests.support.random_thumb import BUFFER_BYTES, DUMP_WORDS, TRACE_FRAMES, Generator
from tests.virtual_board.cortex_m.machine import Machine

pytestmark = pytest.mark.tools

LAYOUTS = {
    "m0": Layout(0x0000_0000, 0x4_0000, 0x2000_0000, 0x4000),
    "m3": Layout(0x0000_0000, 0x4_0000, 0x2000_0000, 0x1_0000),
    "m4f": Layout(0x0800_0000, 0x4_0000, 0x2000_0000, 0x1_0000),
}
LIVE = [f"r{n}" for n in range(13)] + ["sp", "lr", "pc", "xpsr"]


def run_both(firmware: Firmware, cpu: str) -> tuple[Machine, Qemu]:
    """Run a program to its end on both machines; the caller closes QEMU."""
    machine = Machine(cpu, firmware.layout).load(firmware)
    machine.run_to_end()
    qemu = Qemu(firmware, MACHINES[cpu])
    qemu.run_to(firmware.symbols["finished_here"])
    return machine, qemu


def ram_of(machine: Machine, qemu: Qemu, start: int, length: int) -> tuple[bytes, bytes]:
    return machine.bus.read_block(start, length), qemu.read(start, length)


def assert_same_registers(machine: Machine, qemu: Qemu) -> None:
    theirs = qemu.registers()
    ours = {name: machine.register(name) for name in LIVE}
    assert {n: hex(v) for n, v in ours.items()} == {n: hex(theirs[n]) for n in LIVE}


def qemu_log(firmware: Firmware, qemu: Qemu) -> list[int]:
    count = int.from_bytes(qemu.read(firmware.symbols["log_count"], 4), "little")
    data = qemu.read(firmware.symbols["log_entries"], 4 * min(count, 256))
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]


@pytest.mark.parametrize("cpu", ["m0", "m3", "m4f"])
@pytest.mark.parametrize("level", ["-O0", "-O2", "-Os"])
def test_exceptions(cpu: str, level: str) -> None:
    firmware = build("exceptions.c", cpu=cpu, layout=LAYOUTS[cpu], flags=(level,))
    machine, qemu = run_both(firmware, cpu)
    with qemu:
        assert [hex(v) for v in machine.log()] == [hex(v) for v in qemu_log(firmware, qemu)]
        assert_same_registers(machine, qemu)
        start = firmware.symbols["bss_begin"]
        ours, theirs = ram_of(machine, qemu, start, firmware.symbols["bss_end"] - start)
        stack = firmware.symbols["process_stack"] - start
        for n in range(0, len(ours), 4):
            if not stack <= n < stack + 512:
                assert ours[n : n + 4] == theirs[n : n + 4], hex(start + n)


@pytest.mark.parametrize("cpu", ["m3", "m4f"])
def test_faults(cpu: str) -> None:
    firmware = build("faults.c", cpu=cpu, layout=LAYOUTS[cpu])
    machine, qemu = run_both(firmware, cpu)
    with qemu:
        assert [hex(v) for v in machine.log()] == [hex(v) for v in qemu_log(firmware, qemu)]
        assert_same_registers(machine, qemu)


@pytest.mark.parametrize("cpu", ["m3", "m4f"])
def test_memory_protection(cpu: str) -> None:
    firmware = build("mpu.c", cpu=cpu, layout=LAYOUTS[cpu])
    machine, qemu = run_both(firmware, cpu)
    with qemu:
        assert [hex(v) for v in machine.log()] == [hex(v) for v in qemu_log(firmware, qemu)]
        ours, theirs = ram_of(machine, qemu, 0x2000_8000, 0x2000)
        assert ours == theirs
        assert any(ours)


@pytest.mark.parametrize("cpu", ["m0", "m3", "m4f"])
def test_preemptive_kernel(cpu: str) -> None:
    firmware = build(
        "kernel.c", cpu=cpu, layout=LAYOUTS[cpu], defines={"ITEMS": 300, "TICK": 20000}
    )
    machine, qemu = run_both(firmware, cpu)
    with qemu:
        assert machine.log() == qemu_log(firmware, qemu) == [0, 1, 1, 1]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cpu", ["m0", "m3", "m4f"])
def test_random_programs(cpu: str, seed: int, tmp_path: Path) -> None:
    generator = Generator(cpu, seed, blocks=30)
    source = tmp_path / f"random{seed}.S"
    source.write_text(generator.source())
    firmware = build(source, "random_main.c", cpu=cpu, layout=LAYOUTS[cpu])
    machine, qemu = run_both(firmware, cpu)
    with qemu:
        symbols = firmware.symbols
        ours, theirs = ram_of(machine, qemu, symbols["trace"], TRACE_FRAMES * 32)
        for frame in range(TRACE_FRAMES):
            part = slice(frame * 32, frame * 32 + 32)
            assert ours[part].hex(" ", 4) == theirs[part].hex(" ", 4), f"stack frame {frame}"
        ours, theirs = ram_of(machine, qemu, symbols["dump"], 30 * DUMP_WORDS * 4)
        for block in range(30):
            part = slice(block * DUMP_WORDS * 4, (block + 1) * DUMP_WORDS * 4)
            assert ours[part].hex(" ", 4) == theirs[part].hex(" ", 4), f"block {block}"
        ours, theirs = ram_of(machine, qemu, symbols["buffer"], BUFFER_BYTES + 12)
        assert ours.hex(" ", 4) == theirs.hex(" ", 4)
        assert int.from_bytes(ours[BUFFER_BYTES + 4 : BUFFER_BYTES + 8], "little") > 20
        assert_same_registers(machine, qemu)
