"""Blocks of memory whose sums or CRCs the target computes, and the call that asks for them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .command import Command

SLOWEST_S = 40e-6
"""Seconds a byte that a very slow core (1 MHz, flash with wait states) may take."""
SHAPE = struct.Struct("<2I")
READING = "the check sum"
"""Name of the calls that read flash."""


@dataclass(frozen=True, slots=True)
class BlockRun:
    """``count`` blocks of ``block`` bytes each, from ``address``: one answer for each."""

    address: int
    block: int
    count: int


def block_command(
    entry: int,
    run: BlockRun,
    size: int,
    last: int,
    *,
    name: str = READING,
    more: bytes = b"",
    timeout_s: float = 0.0,
) -> Command:
    """Return a call of a function (data, shape, answers, last) that answers ``size`` bytes each.

    ``more`` belongs to the shape; ``timeout_s`` is what each block may take beside its reading.
    """
    shape = SHAPE.pack(run.block, run.count) + more
    return Command(
        entry,
        (run.address, 0, 0, last),
        name,
        run.address,
        timeout_s=1.0 + run.count * (timeout_s + run.block * SLOWEST_S),
        data=shape,
        room=size * run.count,
        places=((1, 0), (2, len(shape))),
    )
