"""What a check works with: a session of its own, and the memory that it may use."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from onchip.errors import OnchipError
from onchip.session import ConnectMode, Session
from onchip.target.memory_map import Sector

SLED = bytes.fromhex("00bf") * 64 + bytes.fromhex("bee7")  # 64 nops; b to the first
SLED_END = 128
"""Where in the sled the branch back to its beginning is."""
COUNTER = bytes.fromhex("0130 fde7")  # adds r0, #1; b back
STORE_AND_LOAD = bytes.fromhex("0860 0a68 0130 fbe7")  # str r0,[r1]; ldr r2,[r1]; adds r0; b
THUMB = 1 << 24
SEED = 20_070_420


class CheckFailed(OnchipError):
    """The board, the probe or onchip does not do what it should."""


class NotHere(OnchipError):
    """The check has no object on this board, or was not wanted."""


@dataclass(frozen=True, slots=True)
class Area:
    """The memory that the checks use: RAM, and where the chip is known, a sector of flash."""

    ram: int
    ram_length: int
    sector: Sector | None = None
    erased_value: int = 0xFF


@dataclass(frozen=True, slots=True)
class Bench:
    """One check's session. ``connect`` opens the next one, once this one is closed."""

    session: Session
    area: Area
    connect: Callable[[ConnectMode], Session]

    @property
    def sector(self) -> Sector:
        """The sector to use.

        Raises:
            NotHere: none may be used.
        """
        if self.area.sector is None:
            raise NotHere("no flash is used: the chip is not known, or --no-flash")
        return self.area.sector

    def start(self, code: bytes, **registers: int) -> None:
        """Put ``code`` at the beginning of the RAM, and stand before its first instruction."""
        core = self.session.core
        if not core.halted:
            core.halt()
        self.session.memory.write(self.area.ram, code)
        stack = (self.area.ram + self.area.ram_length) & ~7
        core.write_registers(
            {"pc": self.area.ram, "sp": stack, "xpsr": THUMB, "primask": 1, **registers}
        )

    def image(self) -> bytes:
        """Return what is programmed: the sled, then noise, the same every time."""
        length = min(self.sector.size, 8192)
        return SLED + random.Random(SEED).randbytes(length - len(SLED))


def expect(condition: object, message: str) -> None:
    """Let the check go on if ``condition`` holds.

    Raises:
        CheckFailed: it does not.
    """
    if not condition:
        raise CheckFailed(message)


def expect_bytes(found: bytes, wanted: bytes, address: int) -> None:
    """Let the check go on if memory holds what it should.

    Raises:
        CheckFailed: with the first address that differs.
    """
    if found == wanted:
        return
    pairs = zip(found, wanted, strict=False)
    offset = next((i for i, (f, w) in enumerate(pairs) if f != w), min(len(found), len(wanted)))
    shown, right = found[offset : offset + 4].hex(" "), wanted[offset : offset + 4].hex(" ")
    raise CheckFailed(f"0x{address + offset:08x} holds {shown} where {right} should be")
