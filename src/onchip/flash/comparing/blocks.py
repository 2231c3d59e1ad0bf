"""Has the target compute sums, or CRCs, of blocks of its memory.

Where the RAM is too small for that, what is there is read, and they are computed here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from onchip.errors import AlgorithmCrash, TransferFault

from ..running import driver
from ..running.block_run import READING, SHAPE, BlockRun, block_command
from ..running.command import Command
from ..running.sums import BLANK, Sums, blank_sums, sums

if TYPE_CHECKING:
    from ..running.runner import Runner

_SUMS = struct.Struct("<2I")
_SHAPES = SHAPE.size + 4
"""Bytes of the longest shape."""
_LEAST_ROOM = _SHAPES + _SUMS.size
_BLANK_CHECK_S = 0.02
"""Seconds that BlankCheck may take beside reading: some ask the flash's controller."""


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


def blank_blocks(runner: Runner, runs: Iterable[BlockRun], pattern: int) -> list[bool] | None:
    """Return of each block whether it is blank, as the algorithm's BlankCheck says; or None.

    None: the RAM is too small to ask. The algorithm has to be initialised.

    Raises:
        AlgorithmError: it has no BlankCheck, or crashed.
        TransferError, ProbeError: the way to the target broke.
    """
    check = struct.pack("<I", runner.entry("BlankCheck") | 1)
    if runner.room(driver.CHECK_BLANK) < _LEAST_ROOM:
        return None
    found: list[bool] = []
    asked = partial(block_command, name="BlankCheck", more=check, timeout_s=_BLANK_CHECK_S)
    for _, answer in _answers(runner, runs, driver.CHECK_BLANK, 1, pattern, asked):
        found += [not byte for byte in answer]
    return found


def _fits(runner: Runner, function: int) -> bool:
    """Say whether the target can answer for one block."""
    return runner.room(function) >= _LEAST_ROOM


def _read(runner: Runner, runs: Iterable[BlockRun]) -> Iterator[tuple[BlockRun, int, bytes]]:
    """Give each block's address and bytes."""
    for run in runs:
        for index in range(run.count):
            address = run.address + index * run.block
            try:
                data = runner.memory.read(address, run.block)
            except TransferFault as error:
                raise AlgorithmCrash(error.message, address=address, function=READING) from error
            yield run, address, data


def _answers(
    runner: Runner,
    runs: Iterable[BlockRun],
    function: int,
    size: int,
    last: int,
    asked: Callable[[int, BlockRun, int, int], Command] = block_command,
) -> Iterator[tuple[BlockRun, bytes]]:
    """Call a function on runs of blocks, as many in a round trip as fit the ring."""
    entry = runner.part(function)
    group: list[tuple[BlockRun, Command]] = []
    length = 0
    for run in _limited(runs, (runner.room(function) - _SHAPES) // size):
        command = asked(entry, run, size, last)
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
