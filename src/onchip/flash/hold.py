"""Holds the target for a job: after a reset, or for a while that its program does not notice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from onchip.arch.scs import DFSR, DHCSR
from onchip.errors import AlgorithmCrash, OnchipError, TargetError

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.batch import Batch
    from onchip.dap.transfers import Element, Transfers
    from onchip.target.chip import Chip

_ALL = 0x1F
_IPSR = 0x1FF


@contextlib.contextmanager
def reset_and_hold(core: Core, chip: Chip) -> Iterator[None]:
    """Reset and halt, undo what the chip's boot code has not done yet; catch faults meanwhile.

    Raises:
        TargetError: the core did not come to a halt.
        TransferError, ProbeError: the way to the target broke.
    """
    core.reset(halt=True)
    batch = core.memory.batch()
    for word in chip.after_reset:
        core.memory.queue_write_u32(batch, word.address, word.value)
    batch.run()
    core.errand = "and what was to be flashed has to be programmed again"
    try:
        with _catching_faults(core):
            yield
    finally:
        core.errand = ""


@contextlib.contextmanager
def borrow(core: Core, start: int, length: int) -> Iterator[None]:
    """Put registers and ``length`` bytes of RAM back afterwards; catch faults meanwhile.

    The core has to be halted, and is halted afterwards; if it crashed into a fault handler it has
    been reset, for there is no other way out.

    Raises:
        TransferError, ProbeError: the way to the target broke.
    """
    memory = core.ap  # as it is, with breakpoints in it
    registers, told = core.read_registers(), core.told
    saved = memory.read(start, length)
    try:
        core.write_registers({"control": 0, "primask": 1})
        with _catching_faults(core):
            yield
    except AlgorithmCrash as crash:
        with contextlib.suppress(OnchipError):  # what went wrong first is what matters
            if core.read_register("xpsr") & _IPSR != registers["xpsr"] & _IPSR:
                core.reset(halt=True)
                registers = {}
                crash.hint = crash.hint or "the target had to be reset"
            memory.write(start, saved)
            core.write_registers(registers)
        raise
    except BaseException:
        with contextlib.suppress(OnchipError):
            memory.write(start, saved)
            core.write_registers(registers)
        raise
    memory.write(start, saved)
    core.write_registers(registers)
    core.told = told  # it stands where it stood


@contextlib.contextmanager
def _catching_faults(core: Core) -> Iterator[None]:
    """Halt at faults and resets only: a watchpoint may lie where the algorithm keeps its data.

    Breakpoints and watchpoints are armed again afterwards.
    """
    before = core.vector_catch
    armed = core.breakpoints.armed or core.watchpoints.armed
    batch = core.memory.batch()
    if armed:
        core.breakpoints.arming.queue_disarm(batch)
        core.watchpoints.queue_disarm(batch)
    core.catch.queue(batch, before | {"hardfault", "reset"})
    try:
        _stand_by(core, batch)
        yield
    except BaseException:
        with contextlib.suppress(OnchipError):  # what went wrong first is what matters
            _put_back(core, before, armed=armed)
        raise
    _put_back(core, before, armed=armed)


def _stand_by(core: Core, batch: Batch) -> None:
    """Clear DFSR, in which a vector catch will tell of a reset; refuse if one came before that.

    DHCSR would tell as well, but once, to whoever reads it first: to the wait for S_REGRDY, say.
    """
    seen: list[Element] = []

    def emit(t: Transfers) -> None:
        t.barrier()
        core.ap.emit_write_word(t, DFSR.address, _ALL)
        seen.append(core.run.emit_read_dhcsr(t))

    batch.add(emit)
    batch.run()
    dhcsr = DHCSR(seen[-1].word())
    core.run.note(dhcsr)
    if dhcsr.S_RESET_ST or not dhcsr.S_HALT:
        raise TargetError(
            "the target was reset, or runs, while a flash job was about to begin",
            hint="is there a watchdog that bites, or a supply that dips?",
        )


def _put_back(core: Core, vector_catch: frozenset[str], *, armed: bool) -> None:
    batch = core.memory.batch()
    core.catch.queue(batch, vector_catch)
    if armed:
        core.breakpoints.arming.queue_rearm(batch)
        core.watchpoints.queue_rearm(batch)
    batch.run()
