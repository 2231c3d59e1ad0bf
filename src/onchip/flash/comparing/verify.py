"""Compares what is on the chip with what has to be there.

The target computes two sums over each block (`sums`); only a block that differs is read, to name
the first byte that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from onchip.errors import VerifyError

from ..images.segment import Segment
from ..planning.planner import Range, runs_of
from ..running.command import hex32
from ..running.runner import Runner
from ..running.sums import Sums, sums
from .blocks import block_sums

if TYPE_CHECKING:
    from onchip.coresight.memory import Memory

BLOCK = 1 << 15
"""Bytes whose sums verify at once: fewer answers to read than the plan needs."""


def survey(
    runner: Runner,
    ranges: Sequence[Range],
    block: int,
    origin: int,
    *,
    erased_value: int = 0xFF,
    done: Callable[[int], None] = lambda _count: None,
) -> dict[Range, Sums]:
    """Return the sums of each part that ``ranges`` are cut into at block borders.

    ``done`` is told how many more bytes have been looked at, list by list.

    Raises:
        AlgorithmError: a range cannot be read by the target.
        TransferError, ProbeError: the way to the target broke.
    """
    runs = runs_of(ranges, block, origin)
    answers = iter(block_sums(runner, runs, erased_value, done))
    return {
        Range(run.address + index * run.block, run.block): next(answers)
        for run in runs
        for index in range(run.count)
    }


def compare(memory: Memory, expected: Sequence[Segment], found: dict[Range, Sums]) -> None:
    """Check the sums of `survey` against the bytes that have to be there.

    Raises:
        VerifyError: with the first address that differs, and both contents.
    """
    covered = 0
    for part, answer in sorted(found.items(), key=lambda item: item[0].address):
        wanted = content(expected, part)
        covered += part.length
        if wanted is not None and sums(wanted, part.address) != answer:
            raise _difference(memory, part, wanted)
    total = sum(len(segment.data) for segment in expected)
    if covered != total:
        raise VerifyError(f"{covered} of {total} bytes were compared: a fault of the verification")


def content(expected: Sequence[Segment], part: Range) -> bytes | None:
    """Return the bytes that belong there, None if no single segment has all of them."""
    for segment in expected:
        if segment.address <= part.address and part.end <= segment.end:
            offset = part.address - segment.address
            return segment.data[offset : offset + part.length]
    return None


def _difference(memory: Memory, part: Range, wanted: bytes) -> VerifyError:
    read = memory.read(part.address, part.length)
    offset = next((i for i, (a, b) in enumerate(zip(wanted, read, strict=True)) if a != b), None)
    if offset is None:
        return VerifyError(
            f"the target's sum of {part.length} bytes at {hex32(part.address)} is wrong, "
            "though they read as they should",
            address=part.address,
            hint="the flash is read differently by core and debugger, or the clock is too fast",
        )
    address = part.address + offset
    return VerifyError(
        f"{hex32(address)} reads {read[offset : offset + 8].hex(' ')}, "
        f"expected {wanted[offset : offset + 8].hex(' ')}",
        address=address,
    )


def compare_memory(memory: Memory, segments: Sequence[Segment]) -> None:
    """Read RAM back and compare.

    Raises:
        VerifyError: with the first address that differs, and both contents.
        TransferError: the memory cannot be read.
    """
    for segment in segments:
        read = memory.read(segment.address, len(segment.data))
        if read != segment.data:
            raise _difference(memory, Range(segment.address, len(segment.data)), segment.data)
