"""Programs written by hand for tests without a compiler: semihosting calls one after the other."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.support.images import FLASH_START, STACK_TOP

CODE_OFFSET = 0x100
HANG = b"\xfe\xe7"  # b .
UDF = b"\x00\xde"
BKPT = b"\x42\xbe"
APPLICATION_EXIT = 0x20026

Step = tuple[int, int] | bytes


class Program:
    """Builds a program: ``call`` and ``raw`` add steps, ``data`` returns where bytes will lie."""

    def __init__(self, chip: str = "stm32f407", *, handler: bytes = HANG) -> None:
        self.chip = chip
        self.base = FLASH_START[chip]
        self._handler = handler
        self._steps: list[Step] = []
        self._data = b""

    DATA_OFFSET = 0x300

    def data(self, content: bytes) -> int:
        """Put bytes behind the program; return their address."""
        address = self.base + self.DATA_OFFSET + len(self._data)
        self._data += content.ljust(-(-len(content) // 4) * 4, b"\0")
        return address

    def block(self, *words: int) -> int:
        """Put words behind the program; return their address."""
        return self.data(struct.pack(f"<{len(words)}I", *words))

    def call(self, number: int, parameter: int = 0) -> Program:
        """Add a semihosting call."""
        self._steps.append((number, parameter))
        return self

    def write0(self, text: str) -> Program:
        """Add a SYS_WRITE0."""
        return self.call(0x04, self.data(text.encode() + b"\0"))

    def exit(self, code: int = 0) -> Program:
        """Add a SYS_EXIT_EXTENDED."""
        return self.call(0x20, self.block(APPLICATION_EXIT, code))

    def raw(self, code: bytes) -> Program:
        """Add instructions, and hang behind them."""
        self._steps.append(code)
        return self

    def image(self) -> bytes:
        """Return the bytes for the start of the chip's flash."""
        start = self.base + CODE_OFFSET
        vectors = [STACK_TOP[self.chip], start + 0x10 + 1, *[start + 1] * 14]
        if self.chip == "lpc1768":
            vectors[7] = -sum(vectors[:7]) & 0xFFFF_FFFF
        code = self._handler.ljust(0x10, b"\0")
        for step in self._steps:
            if isinstance(step, bytes):
                code += (step + HANG).ljust(-(-len(step + HANG) // 16) * 16, b"\0")
            else:  # ldr r0, [pc, #4]; ldr r1, [pc, #8]; bkpt 0xab; b over the literals
                code += struct.pack("<HHHHII", 0x4801, 0x4902, 0xBEAB, 0xE003, *step)
        code += HANG
        image = struct.pack("<16I", *vectors).ljust(CODE_OFFSET, b"\0") + code
        assert len(image) <= self.DATA_OFFSET
        return image.ljust(self.DATA_OFFSET, b"\0") + self._data

    def write_bin(self, folder: Path) -> Path:
        """Write the image into ``folder``."""
        path = folder / "program.bin"
        path.write_bytes(self.image())
        return path
