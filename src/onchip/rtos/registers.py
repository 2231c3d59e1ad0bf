"""The registers of all threads of a halted core: saved ones, interrupted ones, the core's own.

Thread mode     the kernel's running thread has the core's registers
Handler mode    the core handles an exception, which is no thread's; the running thread was
interrupted, and its registers lie in the frame at the process stack pointer
(r4-r11 in the handler's frames, if it changed them: the unwinder follows those)
in the middle   while the kernel switches, the thread that it calls running may not run yet: the
process stack pointer, which is on another one's stack, says so
"""

from __future__ import annotations

from collections.abc import Mapping

from onchip.cortex_m.core import Core
from onchip.rtos import frames
from onchip.rtos.frames import SavedRegisters
from onchip.rtos.interrupted import interrupted
from onchip.rtos.memory_view import MemoryView
from onchip.rtos.program import Program
from onchip.rtos.thread import KernelState

_SPSEL, _FPCA = 2, 4


def is_live(state: KernelState, registers: Mapping[str, int]) -> bool:
    """Say whether the kernel's running thread really is the one that runs, or was interrupted."""
    in_thread_mode = not registers["xpsr"] & 0x1FF
    return in_thread_mode or _owner(state, registers["psp"]) in (state.current, None)


def thread_registers(
    core: Core,
    view: MemoryView,
    program: Program,
    state: KernelState,
    registers: Mapping[str, int],
) -> dict[int, SavedRegisters]:
    """Return registers by control block; a thread is missing where no frame could be found.

    ``registers`` are those of the core, msp, psp and control among them.

    Raises:
        TransferError: the core cannot be asked about its floating-point registers.
    """
    live = state.current if is_live(state, registers) else None
    found = _saved(view, program, state, besides=live)
    for each in found.values():
        each.values.update(_unsaved(core, each, registers))
    if live is not None:
        running = (
            interrupted(core, view, registers, program.debug)
            if registers["xpsr"] & 0x1FF
            else SavedRegisters(dict(registers))
        )
        if running is not None:
            found[live] = running
    return found


def _saved(
    view: MemoryView, program: Program, state: KernelState, *, besides: int | None
) -> dict[int, SavedRegisters]:
    """Find the frames of the threads that sleep, in one round trip."""
    asleep = [
        (record.address, record.saved)
        for record in state.threads
        if record.saved is not None and record.address != besides
    ]
    ranges = [
        (saved.pointer, min(frames.LONGEST_FRAME, view.room(saved.pointer))) for _, saved in asleep
    ]
    stacked = [
        (saved, data or b"") for (_, saved), data in zip(asleep, view.read(ranges), strict=True)
    ]
    layout = frames.best_layout(stacked, program.is_code)
    if layout is None:
        return {}
    decoded = (saved.decode(data, layout, program.is_code) for saved, data in stacked)
    return {
        address: frame
        for (address, _), frame in zip(asleep, decoded, strict=True)
        if frame is not None
    }


def _unsaved(core: Core, frame: SavedRegisters, registers: Mapping[str, int]) -> dict[str, int]:
    """Return what a sleeping thread shares with the others, or must have had when it stopped.

    The main stack is the handlers'; and PendSV, which switches, takes no masked thread.
    """
    values = dict.fromkeys(("primask", "basepri", "faultmask"), 0)
    values["control"] = _SPSEL | (_FPCA if "fpscr" in frame.values else 0)
    values["msp"] = registers["msp"]
    return {name: value for name, value in values.items() if name in core.register_names}


def _owner(state: KernelState, pointer: int) -> int | None:
    """Return the thread on whose stack ``pointer`` is: the one that begins nearest below it."""
    below = [
        (record.stack.base, record.address)
        for record in state.threads
        if record.stack is not None
        and record.stack.base <= pointer
        and (record.stack.end is None or pointer <= record.stack.end)
    ]
    return max(below)[1] if below else None
