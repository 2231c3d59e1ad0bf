"""A core with flash, RAM and a console for tests: no chip model, no probe."""

from __future__ import annotations

import struct
from typing import Any

from onchip.arch import scs
from onchip.arch.scs import DHCSR
from onchip.virtual_board.bus import Bus, BusFault
from onchip.virtual_board.cortex_m.core import VirtualCore
from onchip.virtual_board.cortex_m.profile import profile_for
from onchip.virtual_board.timeline import Timeline
from tests.support.firmware import Firmware, Layout, load_segments

CPU_OF = {"m0": "cortex-m0", "m0p": "cortex-m0p", "m3": "cortex-m3", "m4": "cortex-m4"}
CONSOLE = 0x4000_0000
DBGKEY = scs.DBGKEY


class Console:
    """Offset 0 takes bytes, 4 counts reads, 8 faults, 12 pulses interrupts."""

    def __init__(self) -> None:
        self.text = bytearray()
        self.reads = 0
        self.writes: list[tuple[int, int, int]] = []
        self.core: VirtualCore | None = None

    def read(self, offset: int, size: int) -> int:
        if offset == 8:
            raise BusFault(CONSOLE + 8)
        self.reads += 1
        return self.reads

    def write(self, offset: int, size: int, value: int) -> None:
        self.writes.append((offset, size, value))
        if offset == 0:
            self.text.append(value & 0xFF)
        elif offset == 8:
            raise BusFault(CONSOLE + 8)
        elif offset == 12:
            assert self.core is not None
            self.core.pulse_irq(value)

    def reset(self) -> None:
        self.text.clear()


class Machine:
    """Flash, RAM, console, core; with the debug accesses that tests need."""

    def __init__(self, cpu: str = "m4f", layout: Layout | None = None, **options: Any) -> None:
        self.layout = layout = layout or Layout()
        self.timeline = Timeline()
        self.bus = Bus(self.timeline)
        self.flash = self.bus.add_memory("flash", layout.flash, layout.flash_length, "flash")
        self.ram = self.bus.add_memory("ram", layout.ram, layout.ram_length, "ram")
        self.console = Console()
        self.bus.add_device("console", CONSOLE, 0x100, self.console)
        options = {"clock_hz": 100_000_000, "vector_base": layout.flash} | options
        name = CPU_OF[cpu.removesuffix("f") if cpu != "m4f" else "m4"]
        self.core = VirtualCore(self.bus, profile_for(name, **({"fpu": cpu == "m4f"} | options)))
        self.console.core = self.core

    # ---- programs -------------------------------------------------------------------------------

    def load(self, firmware: Firmware) -> Machine:
        """Load a program and reset."""
        load_segments(self.bus, firmware)
        self.firmware = firmware
        self.core.reset("power-on")
        return self

    def assemble(self, *halfwords: int, sp: int | None = None) -> Machine:
        """Put code at flash + 0x100 and reset there."""
        base = self.layout.flash
        top = self.layout.ram + self.layout.ram_length if sp is None else sp
        self.flash.data[:8] = struct.pack("<II", top, base + 0x101)
        code = struct.pack(f"<{len(halfwords)}H", *halfwords)
        self.flash.data[0x100 : 0x100 + len(code)] = code
        self.bus.code_changed(base, 0x200)
        self.core.reset("power-on")
        return self

    def vector(self, exception: int, address: int) -> None:
        """Point a vector at Thumb code."""
        self.flash.data[4 * exception : 4 * exception + 4] = struct.pack("<I", address | 1)

    def put(self, address: int, *halfwords: int) -> None:
        """Put code anywhere."""
        window = self.bus.find(address)
        assert window is not None
        assert window.memory is not None
        start = address - window.base
        code = struct.pack(f"<{len(halfwords)}H", *halfwords)
        window.memory.data[start : start + len(code)] = code
        self.bus.code_changed(address, len(code))

    # ---- running --------------------------------------------------------------------------------

    def run(self, cycles: int) -> None:
        """Let the core run for so many cycles."""
        core = self.core
        self.timeline.advance_to(self.timeline.now_ns + cycles * 1_000_000_000 // core.clock_hz)

    def run_to_end(self, limit: int = 20_000_000, chunk: int | None = None) -> None:
        """Enable halting debug and run to the BKPT in finished()."""
        self.debug(DHCSR.C_DEBUGEN.mask)
        end = self.timeline.now_ns + limit * 1_000_000_000 // self.core.clock_hz
        step = end if chunk is None else chunk * 1_000_000_000 // self.core.clock_hz
        while not self.core.halted and self.timeline.now_ns < end:
            target = min(end, self.timeline.now_ns + step)
            self.timeline.advance_to(target, until=lambda: self.core.halted)
        assert self.core.halted, f"still running at {self.register('pc'):#x}"
        assert self.register("pc") == self.firmware.symbols["finished_here"]

    # ---- debugging ------------------------------------------------------------------------------

    def read(self, address: int, size: int = 4) -> int:
        """Read as the debugger."""
        return self.bus.read(address, size, debugger=True)

    def write(self, address: int, value: int, size: int = 4) -> None:
        """Write as the debugger."""
        self.bus.write(address, size, value, debugger=True)

    def debug(self, bits: int) -> None:
        """Write DHCSR."""
        self.write(DHCSR.address, DBGKEY | bits)

    @property
    def dhcsr(self) -> DHCSR:
        return DHCSR(self.read(DHCSR.address))

    def halt(self) -> None:
        """Halt."""
        self.debug(3)
        assert self.core.halted

    def resume(self) -> None:
        """Resume."""
        self.debug(1)

    def step(self, *, mask: bool = False) -> None:
        """Step one instruction through DHCSR."""
        self.debug(0xD if mask else 5)
        self.run(100)
        assert self.core.halted

    def set(self, **registers: int) -> Machine:
        """Write registers without the debug unit."""
        for name, value in registers.items():
            self.core.engine.write_register(name, value)
        return self

    def register(self, name: str) -> int:
        """Return a register without the debug unit."""
        return self.core.engine.read_register(name)

    def dcr_read(self, selector: int) -> int:
        """Read a core register through DCRSR."""
        self.write(scs.DCRSR.address, selector)
        assert self.dhcsr.S_REGRDY
        return self.read(scs.DCRDR)

    def dcr_write(self, selector: int, value: int) -> None:
        """Write a core register through DCRSR."""
        self.write(scs.DCRDR, value)
        self.write(scs.DCRSR.address, selector | 1 << 16)

    def log(self) -> list[int]:
        """Return what the program noted."""
        symbols = self.firmware.symbols
        count = min(self.read(symbols["log_count"]), 256)
        return [self.read(symbols["log_entries"] + 4 * i) for i in range(count)]
