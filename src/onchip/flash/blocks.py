"""Has the target compute sums, or CRCs, of blocks of its memory.

Where the RAM is too small for that, what is there is read, and they are computed here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from . import driver
from .block_run import SHAPE, BlockRun, block_command
from .command import Command
from .sums import BLANK, Sums, blank_sums, sums

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
    found: list[Sums] = []
    if not _fits(runner, driver.SUM_BLOCKS):
        for run, address, data in _read(runner, runs):
            found.append(sums(data, address))
            done(run.block)
        return found
    pattern = erased_value * 0x0101_0101
    for run, answer in _answers(runner, runs, driver.SUM_BLOCKS, _SUMS.size, pattern):
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
    if not _fits(runner, driver.CRC_BLOCKS):
        return [zlib.crc32(data) for _, _, data in _read(runner, runs)]
    table = runner.crc_table
    runner.call([Command(runner.part(driver.CRC_TABLE), (table,), "the CRC table")])
    found: list[int] = []
    for _, answer in _answers(runner, runs, driver.CRC_BLOCKS, 4, table):
        found += struct.unpack(f"<{len(answer) // 4}I", answer)
    return found


def _fits(runner: Runner, function: int) -> bool:
    """Say whether the target can answer for one block."""
    return runner.room(function) >= SHAPE.size + _SUMS.size


def _read(runner: Runner, runs: Iterable[BlockRun]) -> Iterator[tuple[BlockRun, int, bytes]]:
    """Give each block's address and bytes."""
    for run in runs:
        for index in range(run.count):
            address = run.address + index * run.block
            yield run, address, runner.memory.read(address, run.block)


def _answers(
    runner: Runner, runs: Iterable[BlockRun], function: int, size: int, last: int
) -> Iterator[tuple[BlockRun, bytes]]:
    """Call a function on runs of blocks, as many in a round trip as fit the ring."""
    entry = runner.part(function)
    group: list[tuple[BlockRun, Command]] = []
    length = 0
    for run in _limited(runs, (runner.room(function) - SHAPE.size) // size):
        command = block_command(entry, run, size, last)
        if group and length + command.length > runner.capacity:
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
