"""Has the target compute sums, or CRCs, of blocks of its memory."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from . import driver
from .block_run import SHAPE, BlockRun, block_command
from .command import Command
from .sums import BLANK, Sums, blank_sums

if TYPE_CHECKING:
    from .runner import Runner

_SUMS = struct.Struct("<2I")


def block_sums(
    runner: Runner,
    runs: Iterable[BlockRun],
    erased_value: int,
    done: Callable[[int], None] = lambda _count: None,
) -> list[Sums]:
    """Return the `Sums` of each block of ``runs``, in order; ``done`` is told of bytes summed.

    Raises:
        AlgorithmError: a block cannot be read, or the target is too slow.
        TransferError, ProbeError: the way to the target broke.
    """
    entry = runner.space.start + driver.SUM_BLOCKS
    found: list[Sums] = []
    for run, answer in _answers(runner, runs, entry, _SUMS.size, erased_value * 0x0101_0101):
        done(run.block * run.count)
        for index, (first, second) in enumerate(_SUMS.iter_unpack(answer)):
            pair = first, second
            if pair == BLANK:
                pair = blank_sums(run.block, run.address + index * run.block & 3, erased_value)
            found.append(pair)
    return found


def block_crcs(runner: Runner, runs: Iterable[BlockRun]) -> list[int]:
    """Return the CRC-32 (as zlib's) of each block of ``runs``, in order.

    Raises:
        AlgorithmError: a block cannot be read, or the target is too slow.
        TransferError, ProbeError: the way to the target broke.
    """
    table = runner.space.crc_table
    runner.call([Command(runner.part(driver.CRC_TABLE), (table,), "the CRC table")])
    found: list[int] = []
    for _, answer in _answers(runner, runs, runner.part(driver.CRC_BLOCKS), 4, table):
        found += struct.unpack(f"<{len(answer) // 4}I", answer)
    return found


def _answers(
    runner: Runner, runs: Iterable[BlockRun], entry: int, size: int, last: int
) -> Iterator[tuple[BlockRun, bytes]]:
    """Call a function on runs of blocks, as many in a round trip as fit the ring."""
    group: list[tuple[BlockRun, Command]] = []
    length = 0
    for run in _limited(runs, (runner.space.room - SHAPE.size) // size):
        command = block_command(entry, run, size, last)
        if group and length + command.length > runner.space.capacity:
            yield from _call(runner, group)
            group, length = [], 0
        group.append((run, command))
        length += command.length
    if group:
        yield from _call(runner, group)


def _call(
    runner: Runner, group: list[tuple[BlockRun, Command]]
) -> Iterator[tuple[BlockRun, bytes]]:
    answers = runner.call([command for _, command in group])
    return zip((run for run, _ in group), answers, strict=True)


def _limited(runs: Iterable[BlockRun], most: int) -> Iterator[BlockRun]:
    """Split runs of more blocks than one record can answer."""
    for run in runs:
        for first in range(0, run.count, most):
            count = min(most, run.count - first)
            yield BlockRun(run.address + first * run.block, run.block, count)
