"""The two check sums by which a block of flash is compared with what has to be there.

The target computes them (``sum_blocks`` in ``algorithms/driver.S``) in a fifth of the time of a
CRC-32. Each takes in a block word by word, mixing with a multiplication and a rotation:

    first  = ror((first ^ w) * 0x9E37_79B1, 15)
    second = ror((second + w) * 0x9E37_79B1, 11)          (all modulo 2**32)

Every step can be undone, so one wrong word, wherever it is, always changes both. Whatever else is
wrong goes unnoticed once in 2**64, as in any good hash of that length; a CRC-32 misses one damage
in 2**32. Plain or weighted sums would be faster still, but a table 0, 1, 1, 0 that became
1, 0, 0, 1 leaves those as they were. See ADR 0008.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TypeAlias

Sums: TypeAlias = tuple[int, int]
"""The first and the second sum, of 32 bits each."""

_WORD = 0xFFFF_FFFF
_MULTIPLIER = 0x9E37_79B1
BLANK: Sums = (_WORD, _WORD)
"""What the target says of a block that is blank, without computing anything."""
TOLD_BLANK: Sums = (-2, -2)
"""Stands for the sums of what the algorithm's BlankCheck calls blank, however it may read."""
AS_WANTED: Sums = (-1, -1)
"""Stands for the sums of bytes that are known to be those of the image."""


def sums(data: bytes, address: int = 0) -> Sums:
    """Return the sums of ``data`` at ``address``.

    Bytes before the first and after the last whole word count for themselves.
    """
    return _sums_behind(bytes(data), min(-address & 3, len(data)))


@lru_cache(maxsize=64)  # blocks of an erased chip are all the same, and a job may come twice
def _sums_behind(data: bytes, head: int) -> Sums:
    """Return the sums of ``data``, whose first whole word comes after ``head`` bytes."""
    count = (len(data) - head) // 4
    words = struct.unpack_from(f"<{count}I", data, head)
    rest = head + 4 * count
    if head or rest != len(data):
        words = (*data[:head], *words, *data[rest:])
    first, second = 1, 2
    for word in words:
        first = (first ^ word) * _MULTIPLIER & _WORD
        first = first >> 15 | first << 17 & _WORD
        second = (second + word) * _MULTIPLIER & _WORD
        second = second >> 11 | second << 21 & _WORD
    return first, second


@lru_cache(maxsize=64)
def blank_sums(length: int, misalignment: int, erased_value: int) -> Sums:
    """Return the sums of ``length`` blank bytes, at an address of that remainder by four."""
    return sums(bytes([erased_value]) * length, misalignment)
