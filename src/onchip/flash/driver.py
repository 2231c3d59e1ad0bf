"""The resident driver (``algorithms/driver.S``) as the host sees it: offsets, mailbox, status."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from importlib import resources

# Offsets into driver.bin; tests compare them with the symbols of a rebuilt driver.
ENTRY = 0x000
MAILBOX = 0x0A8
SUM_BLOCKS = 0x0E0
CRC_TABLE = 0x274
CRC_BLOCKS = 0x294
UNPACK = 0x31C
SUM_BLOCKS_7 = 0x38C

WELL, FAILED, GUARD_BROKEN = range(3)

GUARD_LENGTH = 32
GUARD_PATTERN = 0x5AFE_57AC
CRC_TABLE_LENGTH = 1024

_MAILBOX = struct.Struct("<14I")
_STATUS = struct.Struct("<6I")
STATUS_LENGTH = _STATUS.size
READY, HALT_IF_IDLE = 24, 28


@cache
def _code() -> bytes:
    return resources.files(__package__).joinpath("algorithms/driver.bin").read_bytes()


def code_length() -> int:
    """Return the bytes of RAM that the driver takes, whichever core it is for."""
    return SUM_BLOCKS_7


def core_code(mailbox: bytes, *, baseline: bool) -> bytes:
    """Return what every job needs, from the start on: the loop, the mailbox, the sums."""
    return _code()[:MAILBOX] + mailbox + sums_code(baseline=baseline)


def sums_code(*, baseline: bool) -> bytes:
    """Return the code at `SUM_BLOCKS`; ``baseline``: ARMv6-M or ARMv8-M Baseline."""
    return _code()[SUM_BLOCKS:CRC_TABLE] if baseline else _code()[SUM_BLOCKS_7:]


def part(offset: int) -> bytes:
    """Return the code of a part that not every job needs: `CRC_TABLE` or `UNPACK`."""
    return _code()[CRC_TABLE:UNPACK] if offset == CRC_TABLE else _code()[UNPACK:SUM_BLOCKS_7]


def mailbox(
    *, cursor: int, stack_top: int, static_base: int, guard: int, page: int, halts: bool
) -> bytes:
    """Return the mailbox as it is uploaded; ``halts`` instead of polling when idle."""
    return _MAILBOX.pack(
        *(WELL, 0, 0, 0, 0, 0, 0, halts),
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
