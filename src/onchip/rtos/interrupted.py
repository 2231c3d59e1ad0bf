"""The registers of a thread that an exception came upon, while the core is in Handler mode.

The process stack pointer is where the exception left it: handlers use the main stack. The frame
there has r0-r3, r12, lr, pc and xPSR. r4-r11 are those of the core unless a handler saved and
changed them; the unwinder finds that out where there is call frame information. Sources: ARMv7-M
B1.5.6, B1.5.7 (lazy stacking).
"""

from __future__ import annotations

from collections.abc import Mapping

from onchip.arch.scs import FPCCR
from onchip.cortex_m.core import Core
from onchip.errors import TransferError
from onchip.rtos.frames import R4_R11, SavedRegisters, hardware_frame
from onchip.rtos.memory_view import MemoryView, word
from onchip.symbols.dwarf import DebugInfo
from onchip.symbols.unwind import unwind

_LONGEST = 0x6C
_LOOKED_AT = 1024
"""Bytes of the main stack that are read for the handlers' frames."""

_SPSEL, _FPCA = 2, 4
_TO_THREAD = {0xFFFF_FFED: True, 0xFFFF_FFFD: False, 0xFFFF_FFAC: True, 0xFFFF_FFBC: False}
"""EXC_RETURN values that lead to Thread mode on the process stack: is the frame an extended one?"""

_LOW_DOUBLES = (*(f"d{n}" for n in range(8)), "fpscr")
_HIGH_DOUBLES = tuple(f"d{n}" for n in range(8, 16))


def interrupted(
    core: Core, view: MemoryView, registers: Mapping[str, int], debug: DebugInfo | None
) -> SavedRegisters | None:
    """Return the registers of the interrupted thread; None where no frame lies at psp.

    ``registers`` are those of the halted core, msp and psp among them.

    Raises:
        TransferError: the core cannot be asked about its floating-point registers.
    """
    psp, msp = registers["psp"], registers["msp"]
    ranges = [(psp, min(_LONGEST, view.room(psp))), (msp, min(_LOOKED_AT, view.room(msp)))]
    frame, handlers = (data or b"" for data in view.read(ranges))
    extended = core.has_fpu and _is_extended(registers["lr"], handlers)
    found = hardware_frame(frame, psp, extended=extended)
    if found is None:
        return None
    found.values.update({name: registers[name] for name in (*R4_R11, "msp")})
    found.values["control"] = registers["control"] | _SPSEL | (_FPCA if extended else 0)
    found.values.update(_unwound(registers, found, debug, (msp, handlers), (psp, frame)))
    if core.has_fpu:
        found.values.update(core.read_registers(_HIGH_DOUBLES))
        if extended and _is_lazy(core, psp):  # room in the frame, but the registers still have it
            for name in _LOW_DOUBLES:
                found.places.pop(name)
            found.values.update(core.read_registers(_LOW_DOUBLES))
    return found


def _is_extended(lr: int, handlers: bytes) -> bool:
    """Say what kind of frame the first exception pushed.

    Its handler got EXC_RETURN in lr, and has it there still or has pushed it; later handlers lie
    below it on the main stack.
    """
    words = [lr, *(word(handlers, at) for at in range(0, len(handlers) - 3, 4))]
    return next((_TO_THREAD[value] for value in words if value in _TO_THREAD), False)


def _is_lazy(core: Core, psp: int) -> bool:
    data = core.memory.read(FPCCR.address, 8)  # FPCCR, FPCAR
    return bool(FPCCR(word(data, 0)).LSPACT) and word(data, 4) == psp + 0x20


def _unwound(
    registers: Mapping[str, int],
    frame: SavedRegisters,
    debug: DebugInfo | None,
    *stacks: tuple[int, bytes],
) -> dict[str, int]:
    """Return r4-r11 as they were when the exception came, as far as the unwinder finds out.

    It gets no further than what was read already: the handlers' frames, and the thread's first one.
    """
    if debug is None:
        return {}

    def read(address: int, length: int) -> bytes:
        for start, data in stacks:
            if 0 <= address - start <= len(data) - length:
                return data[address - start :][:length]
        raise TransferError(f"{address:#010x} was not read")

    for each in unwind(registers, read, debug).frames:
        if each.exception is not None and each.sp == frame.values["sp"]:
            return {name: each.registers[name] for name in R4_R11 if name in each.registers}
    return {}
