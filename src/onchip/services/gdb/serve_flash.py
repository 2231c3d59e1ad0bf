"""``load``: what GDB erases and writes is collected, then programmed and verified at once.

After it the chip is reset and stands before its first instruction: the program that ran is gone,
and GDB sets pc to the new one's entry.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onchip.errors import CoreStateError, UsageError
from onchip.services.gdb.handlers import Handlers, Reply
from onchip.target.memory_map import FlashRegion, MemoryMap
from onchip.wire.gdb_rsp import flash
from onchip.wire.gdb_rsp.replies import OK

if TYPE_CHECKING:
    from onchip.services.gdb.stub import Stub


@dataclass(slots=True)
class FlashJob:
    """What was asked since the last ``vFlashDone``: ranges to erase, pieces to write."""

    erases: list[tuple[int, int]] = field(default_factory=list)
    writes: list[tuple[int, bytes]] = field(default_factory=list)

    def untouched_sectors(self, memory_map: MemoryMap) -> list[tuple[int, int]]:
        """Return the ranges (address, length) of sectors to erase that no write touches."""
        written = {
            sector.start
            for region in memory_map.flash
            for address, data in self.writes
            for sector in region.sectors_covering(address, len(data))
        }
        sectors = {
            sector.start: sector.size
            for region in memory_map.flash
            for address, length in self.erases
            for sector in region.sectors_covering(address, length)
        }
        ranges: list[tuple[int, int]] = []
        for start, size in sorted(sectors.items()):
            if start in written:
                continue
            if ranges and sum(ranges[-1]) == start:
                ranges[-1] = (ranges[-1][0], ranges[-1][1] + size)
            else:
                ranges.append((start, size))
        return ranges


def _erase(stub: Stub, request: flash.FlashErase) -> Reply:
    _in_flash(stub, request.address, request.length)
    stub.flash.erases.append((request.address, request.length))
    return OK


def _write(stub: Stub, request: flash.FlashWrite) -> Reply:
    _in_flash(stub, request.address, len(request.data))
    if request.data:
        stub.flash.writes.append((request.address, request.data))
    return OK


def _in_flash(stub: Stub, address: int, length: int) -> None:
    """Refuse what is not flash before anything is touched."""
    end = address + length
    while address < end:
        region = stub.target.session.memory_map.find(address)
        if not isinstance(region, FlashRegion) or not region.algorithm:
            raise UsageError(f"0x{address:08X} is not in flash that can be programmed")
        address = region.end


def _done(stub: Stub, request: flash.FlashDone) -> Reply:
    from onchip.flash.image import Image

    job, stub.flash = stub.flash, FlashJob()
    if not job.erases and not job.writes:
        return OK
    target = stub.target
    if target.run.running:
        raise CoreStateError("programming flash needs a halted core; interrupt it first")
    stub.attach()
    target.run.points.settle()
    if target.options.erase == "sector" or not job.writes:
        for address, length in job.untouched_sectors(target.session.memory_map):
            target.session.erase(address, length, reset=False)
    if job.writes:
        image = Image.from_segments(job.writes, source="GDB load")
        report = target.session.flash(
            image,
            erase=target.options.erase,
            read_back=target.options.read_back,
            reset=False,
            progress=target.on_progress,
        )
        stub.log(
            f"load: {report.image_bytes} bytes, {report.programmed_bytes} programmed, "
            f"{report.same_bytes} already there, verified"
        )
    target.reset(halt=True)
    return OK


HANDLERS: Handlers = {
    flash.FlashErase: _erase,
    flash.FlashWrite: _write,
    flash.FlashDone: _done,
}
