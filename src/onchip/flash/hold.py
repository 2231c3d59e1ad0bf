"""Holds the target for a job: after a reset, or for a while that its program does not notice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from onchip.errors import OnchipError

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.target.chip import Chip


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

    The core has to be halted, and is halted afterwards.

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
    except BaseException:
        with contextlib.suppress(OnchipError):  # what went wrong first is what matters
            memory.write(start, saved)
            core.write_registers(registers)
        raise
    memory.write(start, saved)
    core.write_registers(registers)
    core.told = told  # it stands where it stood


@contextlib.contextmanager
def _catching_faults(core: Core) -> Iterator[None]:
    """Halt at faults, and at nothing else: a watchpoint may lie where the algorithm keeps its data.

    Breakpoints and watchpoints are armed again afterwards.
    """
    before = core.vector_catch
    armed = core.breakpoints.armed or core.watchpoints.armed
    if armed:
        batch = core.memory.batch()
        core.breakpoints.queue_disarm(batch)
        core.watchpoints.queue_disarm(batch)
        batch.run()
    core.vector_catch = before | {"hardfault"}
    try:
        yield
    except BaseException:
        with contextlib.suppress(OnchipError):  # what went wrong first is what matters
            _put_back(core, before, armed=armed)
        raise
    _put_back(core, before, armed=armed)


def _put_back(core: Core, vector_catch: frozenset[str], *, armed: bool) -> None:
    core.vector_catch = vector_catch
    if armed:
        batch = core.memory.batch()
        core.breakpoints.queue_rearm(batch)
        core.watchpoints.queue_rearm(batch)
        batch.run()
