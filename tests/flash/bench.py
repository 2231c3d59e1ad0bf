"""A virtual board with a core that flash tests can use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from onchip.coresight.access_port import find_access_ports
from onchip.coresight.debug_port import DebugPort
from onchip.coresight.mem_ap import MemAp
from onchip.cortex_m.core import Core
from onchip.dap.client import DapClient
from onchip.flash.engine import FlashEngine
from onchip.flash.images.image import Image
from onchip.probe.counting import CountingLink
from onchip.target.chip import Chip, load_chip
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.bus import Memory
from tests.support.elf_builder import FUNCTION_OFFSETS, flm

RETURN_0 = bytes.fromhex("0020 7047")
RAM = (0x2000_0000, 0x2_0000)


@dataclass
class Bench:
    board: VirtualBoard
    link: CountingLink
    core: Core
    chip: Chip

    @property
    def flash(self) -> int:
        return self.chip.memory_map.flash[0].start

    def engine(self, algorithm: Path | None = None) -> FlashEngine:
        return FlashEngine(self.core, self.chip, algorithm=algorithm)

    def image(self, data: bytes, offset: int = 0) -> Image:
        return Image.from_segments([(self.flash + offset, data)])

    @property
    def _cells(self) -> Memory:
        region = self.chip.memory_map.flash[0]
        return next(m for m in self.board.chip.flash_memories if len(m.data) >= region.length)

    def contents(self, length: int, offset: int = 0) -> bytes:
        """What the flash really holds, by no way of the debugger's."""
        return bytes(self._cells.data[offset : offset + length])

    def put(self, data: bytes, offset: int = 0) -> None:
        """Let the flash hold ``data`` beforehand: a job would take a hundred times as long."""
        self._cells.data[offset : offset + len(data)] = data
        self.board.bus.code_changed(self._cells.base + offset, len(data))


def connected(board: VirtualBoard, frequency_hz: int = 10_000_000) -> Bench:
    link = CountingLink(board.link())
    dp = DebugPort(DapClient.open(link, frequency_hz=frequency_hz))
    dp.connect()
    ap = next(ap for ap in find_access_ports(dp) if isinstance(ap, MemAp))
    core = Core(ap)
    core.connect()
    return Bench(board, link, core, load_chip(board.chip.name))


@contextmanager
def bench(chip: str = "stm32f407", probe: str = "bulk-512x4") -> Iterator[Bench]:
    with VirtualBoard(chip, probe_model=probe) as board:
        made = connected(board, 10_000_000 if probe.startswith("bulk") else 4_000_000)
        yield made
        made.link.close()


def pattern(length: int, seed: int = 7) -> bytes:
    return bytes((i * seed + (i >> 8)) & 0xFF for i in range(length))


def algorithm(device: bytes | None = None, *, size: int = 0, **functions: str) -> bytes:
    """An FLM whose functions are Thumb code in hex, 16 bytes each; the others return 0.

    The code takes ``size`` bytes, if that is more.
    """
    code = bytearray((RETURN_0 + bytes(12)) * 8)
    for name, text in functions.items():
        body = bytes.fromhex(text)
        assert len(body) <= 16
        code[FUNCTION_OFFSETS[name] : FUNCTION_OFFSETS[name] + len(body)] = body
    return flm(device, code=bytes(code).ljust(size, b"\0"))
