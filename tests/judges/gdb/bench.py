"""A virtual board with a GDB server in this process, and a program for it."""

from __future__ import annotations

import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onchip
from onchip.services.gdb import GdbServer
from tests.support.gdb import Gdb
from tests.support.images import FLASH_START, RAM_START
from tests.support.tools import require

HERE = Path(__file__).parent
SOURCE = HERE / "program.c"
CPU_FLAGS = {
    "lpc1768": ("-mcpu=cortex-m3",),
    "stm32f407": ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    "nrf52840": ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    "nrf51822": ("-mcpu=cortex-m0",),
}
CHIPS = tuple(CPU_FLAGS)
HAS_FPU = ("stm32f407", "nrf52840")


def line_of(comment: str) -> int:
    """Return the number of the line in program.c that carries a comment."""
    for number, line in enumerate(SOURCE.read_text().splitlines(), 1):
        if f"/* {comment} */" in line:
            return number
    raise AssertionError(comment)


def build(chip: str, output: Path) -> Path:
    """Compile program.c for a chip."""
    symbols = {
        "FLASH_START": FLASH_START[chip],
        "RAM_START": RAM_START[chip],
        "RAM_LENGTH": 0x4000,
    }
    subprocess.run(
        [
            require("arm-none-eabi-gcc"),
            *CPU_FLAGS[chip],
            *("-mthumb", "-O0", "-g3", "-Wall", "-Wextra", "-Werror"),
            *("-ffreestanding", "-nostdlib", "-T", HERE / "program.ld"),
            *(f"-Wl,--defsym={name}={value}" for name, value in symbols.items()),
            *(SOURCE, "-o", output, "-lgcc"),
        ],
        check=True,
    )
    if chip == "lpc1768":
        _sign(output)
    return output


def _sign(path: Path) -> None:
    """Make the first eight vectors add up to zero, as NXP's boot ROM wants it."""
    data = bytearray(path.read_bytes())
    (offset,) = struct.unpack_from("<I", data, 52 + 4)  # p_offset of the first segment
    vectors = struct.unpack_from("<7I", data, offset)
    struct.pack_into("<I", data, offset + 28, -sum(vectors) & 0xFFFF_FFFF)
    path.write_bytes(data)


@contextmanager
def loaded(server: GdbServer, elf: Path) -> Iterator[Gdb]:
    """Serve, let GDB in, and load its program."""
    server.start()
    try:
        with Gdb(elf) as gdb:
            gdb.do("set remotetimeout 10")
            gdb.do(f"target extended-remote localhost:{server.port}")
            gdb.expect("load", "Transfer rate")
            yield gdb
    finally:
        server.stop()


@dataclass
class Bench:
    """A board with a server, and the program for it."""

    chip: str
    session: onchip.Session
    server: GdbServer
    elf: Path
    log: list[str]

    def gdb(self, *, load: bool = True, connect: str = "extended-remote") -> Gdb:
        """Start GDB on the program and connect."""
        gdb = Gdb(self.elf)
        gdb.do("set remotetimeout 10")
        gdb.expect(f"target {connect} localhost:{self.server.port}", "Remote debugging|0x|in |at ")
        if load:
            gdb.expect("load", "Transfer rate")
        return gdb

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for the server's thread to get somewhere."""
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.005)
