"""The two sums by which a block of flash is compared with what has to be there.

The target computes them (``sum_blocks`` in ``algorithms/runner.S``) in a fifth of the time of a
CRC: over the words x1 ... xn of a block, the plain sum and the weighted sum n x1 + ... + xn, of 64
bits each. Both are exact, not remainders: blocks are far shorter than what could overflow. Two
blocks that differ have the same sums only if the differences d1 ... dn satisfy both

    d1 + d2 + ... + dn = 0        and        1 d1 + 2 d2 + ... + n dn = 0

So whatever makes all differences point one way is noticed, always: bits that did not program (they
read too high), bits that were lost (too low), a page that stayed blank or came twice over one that
was blank. So are any two wrong words. At least three words must be wrong, up and down, in exact
proportion. A CRC of 32 bits promises the first two of these to nobody; see ADR 0008.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import accumulate
from typing import TypeAlias

Sums: TypeAlias = tuple[int, int]
"""The plain and the weighted sum."""

_MASK = (1 << 64) - 1
BLANK: Sums = (_MASK, _MASK)
"""What the target says of a block that is blank: no sums can be that."""


def sums(data: bytes, address: int = 0) -> Sums:
    """Return the sums of ``data`` at ``address``.

    Bytes before the first and after the last whole word count for themselves.
    """
    head = min(-address & 3, len(data))
    count = (len(data) - head) // 4
    words = struct.unpack_from(f"<{count}I", data, head)
    rest = head + 4 * count
    if head or rest != len(data):
        words = (*data[:head], *words, *data[rest:])
    return sum(words), sum(accumulate(words)) & _MASK


@lru_cache(maxsize=64)
def blank_sums(length: int, misalignment: int, erased_value: int) -> Sums:
    """Return the sums of ``length`` blank bytes, at an address of that remainder by four."""
    return sums(bytes([erased_value]) * length, misalignment)
