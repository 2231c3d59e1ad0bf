"""Registers: ``g G p P``, of the thread that ``Hg`` chose.

A task that does not execute has its registers in memory; what its kernel did not save is answered
as not available. So are the registers of a running core, but for the pc, without which GDB does not
connect: that is where the DWT last saw it (DWT_PCSR), and 0 where there is no such register.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onchip.arch.dwt import DWT_PCSR
from onchip.cortex_m import Core
from onchip.errors import TransferFault, UsageError
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.registers import EXPEDITED, RegisterSpec
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.services.gdb.thread_source import Task
from onchip.wire.gdb_rsp import registers
from onchip.wire.gdb_rsp.replies import OK

_NO_SAMPLE = 0xFFFF_FFFF
"""What DWT_PCSR reads while the core is halted, or sleeps."""


def _read_all(talk: Conversation, request: registers.ReadRegisters) -> Reply:
    talk.knows_g = True
    return _read(talk, [talk.target.layout.by_name[name] for name in EXPEDITED])


def _read_one(talk: Conversation, request: registers.ReadRegister) -> Reply:
    return _read(talk, [talk.target.layout.find(request.number)])


def _read(talk: Conversation, specs: Sequence[RegisterSpec]) -> bytes:
    values: Mapping[str, int]
    target = talk.target
    names = [spec.name for spec in specs]
    if talk.view is not None:
        values = talk.view.registers()
    elif target.run.core_runs():
        values = {"pc": _sampled_pc(target.core)} if "pc" in names else {}
    elif (task := _task(talk)) is not None:
        values = task.read_registers()
    else:
        values = target.core.read_registers(names)
    return b"".join(
        spec.encode(values[spec.name]).hex().encode() if spec.name in values else spec.unavailable
        for spec in specs
    )


def _task(talk: Conversation) -> Task | None:
    """Return the task that ``Hg`` chose; None: the core itself."""
    thread = talk.selected.thread
    return None if thread <= 0 or talk.stops.on else talk.target.threads.task(thread)


def _write_all(talk: Conversation, request: registers.WriteRegisters) -> Reply:
    _write(talk, talk.target.layout.decode(request.data), "registers")
    return OK


def _write_one(talk: Conversation, request: registers.WriteRegister) -> Reply:
    spec = talk.target.layout.find(request.number)
    if len(request.data) != spec.bits // 8:
        raise UsageError(f"{spec.name} has {spec.bits // 8} bytes, not {len(request.data)}")
    _write(talk, {spec.name: int.from_bytes(request.data, "little")}, spec.name)
    return OK


def _write(talk: Conversation, values: dict[str, int], what: str) -> None:
    talk.need_live(f"writing {what}")
    talk.target.run.need_halted(f"writing {what}")
    task = _task(talk)
    if "pc" in values:
        talk.told = None  # who moves the pc is about to go on from somewhere else
    if task is None:
        talk.target.core.write_registers(values)
    else:
        task.write_registers(values)


def _sampled_pc(core: Core) -> int:
    """Return where the running core was seen last, 0 if that cannot be known."""
    try:
        pc = core.memory.read_u32(DWT_PCSR)
    except TransferFault:
        return 0
    return 0 if pc == _NO_SAMPLE else pc


HANDLERS: Handlers = {
    registers.ReadRegisters: _read_all,
    registers.WriteRegisters: _write_all,
    registers.ReadRegister: _read_one,
    registers.WriteRegister: _write_one,
}
