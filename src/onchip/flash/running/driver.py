"""The resident driver (``algorithms/driver.S``) as the host sees it: offsets, mailbox, status."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from importlib import resources

# Offsets into driver.bin; tests compare them with the symbols of a rebuilt driver.
ENTRY = 0x000
MAILBOX = 0x0A0
SUM_BLOCKS = 0x0D4
CRC_TABLE = 0x268
CRC_BLOCKS = 0x288
UNPACK = 0x310
CHECK_BLANK = 0x380
SUM_BLOCKS_7 = 0x3B4
_PARTS = (SUM_BLOCKS, CRC_TABLE, UNPACK, CHECK_BLANK, SUM_BLOCKS_7)

WELL, FAILED, GUARD_BROKEN = range(3)

GUARD_LENGTH = 32
GUARD_PATTERN = 0x5AFE_57AC
GUARD = struct.pack("<I", GUARD_PATTERN) * (GUARD_LENGTH // 4)
"""What lies under the stack, and has to stay there."""
CRC_TABLE_LENGTH = 1024

_MAILBOX = struct.Struct("<13I")
_STATUS = struct.Struct("<6I")
STATUS_LENGTH = _STATUS.size
READY = 24


@cache
def _code() -> bytes:
    return resources.files("onchip.flash").joinpath("algorithms/driver.bin").read_bytes()


def code_length() -> int:
    """Return the bytes of RAM that the driver takes, whichever core it is for."""
    return SUM_BLOCKS_7


def core_code(mailbox: bytes, *, baseline: bool) -> bytes:
    """Return what every job needs, from the start on: the loop, the mailbox, the sums."""
    return _code()[:MAILBOX] + mailbox + sums_code(baseline=baseline)


def sums_code(*, baseline: bool) -> bytes:
    """Return the code at `SUM_BLOCKS`; ``baseline``: ARMv6-M or ARMv8-M Baseline."""
    return _code()[SUM_BLOCKS:CRC_TABLE] if baseline else _code()[SUM_BLOCKS_7:]


def part_start(entry: int) -> int:
    """Return where the part begins that has ``entry``: what is uploaded together."""
    return max(start for start in _PARTS if start <= entry)


def part(entry: int, *, baseline: bool) -> bytes:
    """Return the code of the part that has ``entry``."""
    start = part_start(entry)
    if start == SUM_BLOCKS:
        return sums_code(baseline=baseline)
    return _code()[start : _PARTS[_PARTS.index(start) + 1]]


def mailbox(*, cursor: int, stack_top: int, static_base: int, guard: int, page: int) -> bytes:
    """Return the mailbox as it is uploaded."""
    return _MAILBOX.pack(
        *(WELL, 0, 0, 0, 0, 0, 0),
        *(cursor, stack_top, static_base, guard, GUARD_PATTERN, page),
    )


@dataclass(frozen=True, slots=True)
class Status:
    """The first words of the mailbox, as `algorithms/driver.S` tells them."""

    state: int = WELL
    done: int = 0
    calls: int = 0
    at: int = 0
    result: int = 0
    failed: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Status:
        """Take the bytes of a mailbox."""
        return cls(*_STATUS.unpack_from(data))
