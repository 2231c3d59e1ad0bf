"""Builds the test programs in ``tests/firmware`` with arm-none-eabi-gcc and picolibc.

    elf = build("exceptions.c", cpu="m4f", layout=Layout(flash=0x0800_0000))
    load_segments(bus, elf);  elf.symbols["log_count"]

Built once per content: sources, headers, flags and layout make the name of the file in a cache
below the system's directory for temporary files.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from elftools.elf.elffile import ELFFile

from onchip.virtual_board.bus import Bus
from tests.support.tools import require

SOURCES = Path(__file__).resolve().parent.parent / "firmware"
CPU_FLAGS = {
    "m0": ("-mcpu=cortex-m0", "-mfloat-abi=soft"),
    "m0p": ("-mcpu=cortex-m0plus", "-mfloat-abi=soft"),
    "m3": ("-mcpu=cortex-m3", "-mfloat-abi=soft"),
    "m4": ("-mcpu=cortex-m4", "-mfloat-abi=soft"),
    "m4f": ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
}
_LINKER_SCRIPT = """
MEMORY {{
  FLASH (rx)  : ORIGIN = {flash:#x}, LENGTH = {flash_length:#x}
  RAM   (rwx) : ORIGIN = {ram:#x}, LENGTH = {ram_length:#x}
}}
ENTRY(Reset_Handler)
SECTIONS {{
  .text : {{
    KEEP(*(.vectors)) *(.text .text.* .init .fini) *(.rodata .rodata.*)
    . = ALIGN(8);
  }} > FLASH
  .ARM.exidx : {{ *(.ARM.exidx*) }} > FLASH
  .data : {{
    data_begin = .; *(.data .data.* .ramfunc) . = ALIGN(8); data_end = .;
  }} > RAM AT > FLASH
  data_load = LOADADDR(.data);
  .tdata : {{ *(.tdata .tdata.*) }} > RAM AT > FLASH
  .bss (NOLOAD) : {{
    bss_begin = .; *(.tbss .tbss.*) *(.bss .bss.* COMMON) . = ALIGN(8); bss_end = .;
  }} > RAM
  __tls_base = ADDR(.tdata);
  __heap_start = bss_end;
  __heap_end = ORIGIN(RAM) + LENGTH(RAM) - 0x800;
  stack_top = ORIGIN(RAM) + LENGTH(RAM);
}}
"""


@dataclass(frozen=True)
class Layout:
    """Where the memories of a chip are."""

    flash: int = 0x0000_0000
    flash_length: int = 0x1_0000
    ram: int = 0x2000_0000
    ram_length: int = 0x4000


@dataclass(frozen=True)
class Firmware:
    """A program that was built."""

    path: Path
    layout: Layout

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Return the addresses of all named symbols (Thumb bit cleared)."""
        with self.path.open("rb") as stream:
            table = ELFFile(stream).get_section_by_name(".symtab")
            return {
                s.name: s["st_value"] & ~(s["st_info"]["type"] == "STT_FUNC")
                for s in table.iter_symbols()
                if s.name
            }

    @cached_property
    def segments(self) -> list[tuple[int, bytes]]:
        """Return what is to be loaded, by physical address."""
        with self.path.open("rb") as stream:
            return [
                (s["p_paddr"], s.data())
                for s in ELFFile(stream).iter_segments("PT_LOAD")
                if s["p_filesz"]
            ]


def build(
    *sources: str | Path,
    cpu: str = "m4f",
    layout: Layout | None = None,
    defines: dict[str, int | str] | None = None,
    flags: tuple[str, ...] = ("-O2",),
    startup: bool = True,
) -> Firmware:
    """Compile and link ``sources``, names in ``tests/firmware`` or paths, with start-up code."""
    layout = layout or Layout()
    gcc = require("arm-none-eabi-gcc")
    names = [*sources, *(["startup.c"] if startup else [])]
    paths = [Path(n) if Path(n).is_absolute() else SOURCES / n for n in names]
    script = _LINKER_SCRIPT.format(**vars(layout))
    command = [
        *(
            "--specs=picolibc.specs",
            "-nostartfiles",
            "-mthumb",
            "-masm-syntax-unified",
            *CPU_FLAGS[cpu],
            "-g3",
        ),
        *("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-ffunction-sections", "-fdata-sections"),
        *("-fno-tree-loop-distribute-patterns", *flags, f"-I{SOURCES}"),
        *(f"-D{name}={value}" for name, value in (defines or {}).items()),
    ]
    digest = hashlib.sha256(repr((command, script, cpu)).encode())
    for path in [*paths, *sorted(SOURCES.rglob("*.h"))]:
        digest.update(path.read_bytes())
    cache = Path(tempfile.gettempdir()) / f"onchip-test-firmware-{os.getuid()}"
    cache.mkdir(exist_ok=True)
    elf = cache / f"{paths[0].stem}-{cpu}-{digest.hexdigest()[:16]}.elf"
    if not elf.exists():
        with tempfile.TemporaryDirectory() as scratch:
            linker = Path(scratch) / "link.ld"
            linker.write_text(script)
            made = Path(scratch) / "made.elf"
            subprocess.run(
                [gcc, *command, *paths, "-T", linker, "-o", made], check=True, cwd=SOURCES
            )
            made.replace(cache / f"{elf.name}.{os.getpid()}")
            (cache / f"{elf.name}.{os.getpid()}").replace(elf)
    return Firmware(elf, layout)


def load_segments(bus: Bus, firmware: Firmware) -> None:
    """Put a program into the memories of ``bus``, flash included, without any flash algorithm."""
    for address, data in firmware.segments:
        window = bus.find(address)
        assert window is not None
        assert window.memory is not None
        start = address - window.base + window.offset
        window.memory.data[start : start + len(data)] = data
        bus.code_changed(address, len(data))
