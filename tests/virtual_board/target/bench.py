"""A chip on the bench: registers by absolute address, time by hand, no probe."""

from __future__ import annotations

from pathlib import Path

from elftools.elf.elffile import ELFFile

from onchip.virtual_board.target.chip import ChipModel, build_chip
from onchip.virtual_board.timeline import Timeline

SAMPLES = Path(__file__).parents[3] / "src" / "onchip" / "cli" / "samples"
MS = 1_000_000
US = 1_000


class Bench:
    """One chip whose core is held in reset, so that only the test drives the bus."""

    def __init__(self, name: str, *, locked: bool = False, running: bool = False) -> None:
        self.timeline = Timeline()
        self.chip: ChipModel = build_chip(name, self.timeline, locked=locked)
        self.bus = self.chip.bus
        self.sent = bytearray()
        self.chip.uart.output = self.sent.extend
        self.irqs: dict[int, bool] = {}
        if not running:
            self.chip.core.hold_reset(asserted=True)

    def read(self, address: int, size: int = 4) -> int:
        return self.bus.read(address, size, debugger=True)

    def write(self, address: int, value: int, size: int = 4) -> None:
        self.bus.write(address, size, value, debugger=True)

    def advance(self, ns: int) -> None:
        self.timeline.advance_to(self.timeline.now_ns + ns)

    def halt(self) -> None:
        """Halt the core, as a debugger does."""
        self.write(0xE000_EDF0, 0xA05F_0003)  # DHCSR: DBGKEY, C_HALT, C_DEBUGEN
        self.advance(MS)
        assert self.chip.core.halted

    def pending(self, irq: int) -> bool:
        """Whether the interrupt is pending in the NVIC (ISPR)."""
        return bool(self.read(0xE000_E200 + 4 * (irq // 32)) >> irq % 32 & 1)

    def load(self, elf: Path) -> None:
        """Put a program into the flash as if it had always been there."""
        flash = self.chip.flash_memories[0]
        with elf.open("rb") as stream:
            for segment in ELFFile(stream).iter_segments("PT_LOAD"):
                start = segment["p_paddr"] - flash.base
                flash.data[start : start + segment["p_filesz"]] = segment.data()
        self.bus.code_changed(flash.base, flash.size)
        self.chip.reset("power-on")


def symbol(elf: Path, name: str) -> int:
    with elf.open("rb") as stream:
        found = ELFFile(stream).get_section_by_name(".symtab").get_symbol_by_name(name)
        return int(found[0]["st_value"]) & ~1
