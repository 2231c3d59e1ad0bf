"""``load``: what GDB erases and writes is collected, then programmed and verified at once.

After it the chip is reset and stands before its first instruction: the program that ran is gone,
and GDB sets pc to the new one's entry.
"""

from __future__ import annotations

from onchip.errors import CoreStateError, FlashError, UsageError
from onchip.flash.progress import Progress
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.flash_job import FlashJob
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.target.memory_map import FlashRegion
from onchip.wire.gdb_rsp import flash
from onchip.wire.gdb_rsp.replies import OK


def _erase(talk: Conversation, request: flash.FlashErase) -> Reply:
    _in_flash(talk, request.address, request.length)
    talk.flash.erases.append((request.address, request.length))
    return OK


def _write(talk: Conversation, request: flash.FlashWrite) -> Reply:
    _in_flash(talk, request.address, len(request.data))
    if request.data:
        talk.flash.writes.append((request.address, request.data))
    return OK


def _in_flash(talk: Conversation, address: int, length: int) -> None:
    """Refuse what is not flash before anything is touched."""
    end = address + length
    while address < end:
        region = talk.target.session.memory_map.find(address)
        if not isinstance(region, FlashRegion) or not region.algorithm:
            raise UsageError(f"0x{address:08X} is not in flash that can be programmed")
        address = region.end


def _done(talk: Conversation, request: flash.FlashDone) -> Reply:
    from onchip.flash.images.image import Image

    job, talk.flash = talk.flash, FlashJob()
    if not job.erases and not job.writes:
        return OK
    target = talk.target

    def progress(step: Progress) -> None:
        target.on_progress(step)
        if talk.interrupted():
            raise FlashError("interrupted: the flash does not hold the program", hint="load again")

    if target.run.running:
        raise CoreStateError("programming flash needs a halted core; interrupt it first")
    talk.attach()
    target.run.points.settle()
    if target.options.erase == "sector" or not job.writes:
        for address, length in job.untouched_sectors(target.session.memory_map):
            target.session.erase(address, length, reset=False, progress=progress)
    if job.writes:
        image = Image.from_segments(job.writes, source="GDB load")
        report = target.session.flash(
            image,
            erase=target.options.erase,
            read_back=target.options.read_back,
            reset=False,
            progress=progress,
        )
        talk.log(
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
