"""Which calls carry out a plan, in which order, and how long each may take.

Sectors are erased in groups, each followed by what goes into it: so the pages of one group travel
while it is erased, and where the wire is slower than the flash both work all the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from onchip.target.memory_map import Sector

from ..algorithm import FlashAlgorithm
from ..images.segment import Segment
from ..running.command import Command
from ..running.packing import Packer
from ..running.runner import Runner, page_size
from .planner import RegionPlan, Write

INIT_TIMEOUT_S = 5.0
FOR_ERASE, FOR_PROGRAM, FOR_VERIFY = 1, 2, 3
FIRST_CHUNK = 1024
"""Bytes of the first record of pages: to have the flash at work soon."""
_MARGIN = 2.0
_SLACK_S = 0.5
_UNSAID_ERASE_S, _UNSAID_PROGRAM_S = 10.0, 1.0
"""For descriptions that give no time."""


def init(runner: Runner, plan: RegionPlan, clock_hz: int, function: int) -> list[Command]:
    """Return the call that has to come before those for ``function``, if there is one."""
    if not plan.algorithm.has("Init"):
        return []
    arguments = (plan.algorithm.device.start, clock_hz, function)
    where = plan.region.start
    return [runner.function("Init", *arguments, address=where, timeout_s=INIT_TIMEOUT_S)]


def uninit(runner: Runner, plan: RegionPlan, function: int) -> list[Command]:
    """Return the call that ends what `init` began, if there is one."""
    if not plan.algorithm.has("UnInit"):
        return []
    where = plan.region.start
    return [runner.function("UnInit", function, address=where, timeout_s=INIT_TIMEOUT_S)]


def commands(runner: Runner, plan: RegionPlan, clock_hz: int) -> Iterator[Command]:
    """Give the calls that erase and program what a plan asks for."""
    writes = plan.writes()
    behind = 0
    packer = Packer(runner)
    for group in _erasing(runner, plan):
        yield from init(runner, plan, clock_hz, FOR_ERASE)
        yield from group
        yield from uninit(runner, plan, FOR_ERASE)
        end = group[-1].arguments[0] + group[-1].progress if group[-1].arguments else 1 << 32
        ready = [write for write in writes[behind:] if write.address < end]
        behind += len(ready)
        yield from _programming(runner, plan, clock_hz, ready, packer)
    yield from _programming(runner, plan, clock_hz, writes[behind:], packer)


def _erasing(runner: Runner, plan: RegionPlan) -> Iterator[list[Command]]:
    """Give the calls that erase, in groups of as many bytes as the ring holds half of."""
    algorithm = plan.algorithm
    if plan.erase_all and algorithm.has("EraseChip"):
        sectors = sum(run.count for run in plan.region.sectors)
        yield [
            runner.function(
                "EraseChip",
                address=plan.region.start,
                timeout_s=erase_timeout(algorithm, sectors),
                progress=plan.region.length,
            )
        ]
        return
    limit = max(runner.capacity, runner.chunk) // 2
    group: list[Command] = []
    length = 0
    for sector in plan.region.all_sectors() if plan.erase_all else plan.erase:
        if length >= limit:
            yield group
            group, length = [], 0
        group.append(_erase(runner, algorithm, sector))
        length += sector.size
    if group:
        yield group


def _erase(runner: Runner, algorithm: FlashAlgorithm, sector: Sector) -> Command:
    return runner.function(
        "EraseSector",
        sector.start,
        address=sector.start,
        timeout_s=erase_timeout(algorithm, 1),
        progress=sector.size,
    )


def _programming(
    runner: Runner, plan: RegionPlan, clock_hz: int, writes: Sequence[Write], packer: Packer
) -> Iterator[Command]:
    if not writes:
        return
    yield from init(runner, plan, clock_hz, FOR_PROGRAM)
    step = page_size(plan.algorithm)
    entry = runner.entry("ProgramPage", plan.region.start)
    timeout_s = program_timeout(plan.algorithm)
    pieces: Iterable[Write] = writes
    if not plan.wary:
        pieces = _without_blanks(writes, step, plan.algorithm.device.erased_value)
    for address, data in chunks(pieces, step, runner.chunk // step * step or step):
        pages = Command(
            entry,
            (address, len(data), 0),
            "ProgramPage",
            address,
            timeout_s=timeout_s,
            data=data,
            places=((2, 0),),
            pages=True,
            calls=-(-len(data) // step),
            progress=len(data),
        )
        yield from packer.commands(pages)
    yield from uninit(runner, plan, FOR_PROGRAM)


def verifying(runner: Runner, plan: RegionPlan) -> Iterator[Command]:
    """Give the calls of Verify for what the plan's image holds, page by page."""
    page = page_size(plan.algorithm)
    entry = runner.entry("Verify", plan.region.start)
    for piece in plan.pieces:
        for at in range(0, len(piece.data), page):
            data = piece.data[at : at + page]
            address = piece.address + at
            yield Command(
                entry,
                (address, len(data), 0),
                "Verify",
                address,
                expected=address + len(data),
                timeout_s=program_timeout(plan.algorithm),
                data=data,
                places=((2, 0),),
                progress=len(data),
            )


def _without_blanks(writes: Iterable[Write], page: int, erased_value: int) -> Iterator[Write]:
    """Leave out pages that are blank anyway: blocks of small pages may hold some."""
    blank = bytes([erased_value]) * page
    for write in writes:
        start = 0
        data = write.data
        for at in range(0, len(data), page):
            if data[at : at + page] == blank:
                if at > start:
                    yield Write(write.address + start, data[start:at])
                start = at + page
        if start < len(data):
            yield Write(write.address + start, data[start:])


def chunks(writes: Iterable[Write], page: int, most: int) -> Iterator[tuple[int, bytes]]:
    """Join writes that follow each other, and cut them into chunks of up to ``most`` bytes.

    The first is small: the flash has nothing to do until it has arrived. All are cut at multiples
    of ``page`` from where a write begins.
    """
    limit = min(-(-FIRST_CHUNK // page) * page, most)
    start, data = 0, b""
    for write in writes:
        content, address = write.data, write.address
        while content:
            if data and (start + len(data) != address or len(data) >= limit or len(data) % page):
                yield start, data
                limit = most
                data = b""
            if not data:
                start = address
            room = limit - len(data)
            data += content[:room]
            address += min(room, len(content))
            content = content[room:]
    if data:
        yield start, data


def expected_content(plan: RegionPlan) -> list[Segment]:
    """Return what has to be there: the plan's own view, or all blank where the job only erases."""
    if plan.pieces or not plan.erase_all:
        return plan.expected()
    blank = bytes([plan.algorithm.device.erased_value])
    return [Segment(plan.region.start, blank * plan.region.length)]


def erased_length(plan: RegionPlan) -> int:
    """Return how many bytes the plan erases."""
    return plan.region.length if plan.erase_all else sum(sector.size for sector in plan.erase)


def erase_timeout(algorithm: FlashAlgorithm, sectors: int) -> float:
    """Return how long a call that erases that many sectors may take, in seconds."""
    return ((algorithm.device.erase_timeout_s or _UNSAID_ERASE_S) + _SLACK_S) * _MARGIN * sectors


def program_timeout(algorithm: FlashAlgorithm) -> float:
    """Return how long one call of ProgramPage may take, in seconds."""
    return ((algorithm.device.program_timeout_s or _UNSAID_PROGRAM_S) + _SLACK_S) * _MARGIN
