"""Exception frames: what is pushed on entry and popped on return.

Sources: DDI 0403 B1.5.6 to B1.5.8, DDI 0419 B1.5.6 to B1.5.8. FP state is stacked lazily where that
cannot fail: in RAM, with the MPU off. Elsewhere it is stacked at once, so that MLSPERR and LSPERR
never arise but MSTKERR and STKERR.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from onchip.arch.scs import CFSR, ExceptionNumber

from ..bus import Bus, BusFault
from . import scb as scb_bits
from .engine import Engine, FrameContext
from .fpu import Fpu
from .profile import CoreProfile
from .protection import Protection
from .scb import SystemControlBlock

_BUS, _USAGE = int(ExceptionNumber.BUS_FAULT), int(ExceptionNumber.USAGE_FAULT)
_MEM = int(ExceptionNumber.MEM_MANAGE)
_BASIC, _EXTENDED = struct.Struct("<8I"), struct.Struct("<26I")
_FP = 0x20
"""Offset of S0 in a frame."""
_PADDED = 1 << 9
_FPCA = 4


class Trouble(NamedTuple):
    """A fault that pushing or popping a frame has met: exception, and bit of CFSR."""

    exception: int
    cause: int


class Pushed(NamedTuple):
    """Where the frame is, the EXC_RETURN that leads back, and what went wrong."""

    sp: int
    exc_return: int
    trouble: Trouble | None


class Popped(NamedTuple):
    """What to resume: the basic frame, the stack pointer above it."""

    frame: tuple[int, ...]
    sp: int
    process_stack: bool
    extended: bool


class Stacking:
    """Pushes and pops the frames of one core."""

    def __init__(
        self,
        profile: CoreProfile,
        engine: Engine,
        bus: Bus,
        scb: SystemControlBlock,
        fpu: Fpu,
        protection: Protection,
    ) -> None:
        self._armv6m = profile.armv6m
        self._engine, self._bus, self._scb = engine, bus, scb
        self._fpu, self._protection = fpu, protection

    def push(self, context: FrameContext, ready: Callable[[], int]) -> Pushed:
        """Push a frame; ``ready()`` says which faults can preempt it (``Fpu.put_off``)."""
        extended = self._fpu.present and bool(context.control & _FPCA)
        aligned = extended or self._scb.ccr & scb_bits.STKALIGN
        size = _EXTENDED.size if extended else _BASIC.size
        sp = (context.sp - size) & (0xFFFF_FFF8 if aligned else 0xFFFF_FFFC)
        padded = _PADDED if aligned and context.sp & 4 else 0
        words = (*context[:7], context.xpsr & ~_PADDED | padded)
        thread = not context.xpsr & 0x1FF
        user = bool(thread and context.control & 1)
        exc_return = 0xFFFF_FFE1 if extended else 0xFFFF_FFF1
        if thread:
            exc_return |= 0xC if context.control & 2 else 0x8
        permitted = self._protection.permits(
            sp, size, write=True, exception=context.xpsr & 0x1FF, privileged=not user
        )
        trouble = None
        if not permitted:
            trouble = Trouble(_MEM, CFSR.MSTKERR.mask)
        elif not extended:
            trouble = self._store(sp, _BASIC.pack(*words))
        elif self._puts_off(sp, size):
            trouble = self._store(sp, _BASIC.pack(*words))
            self._fpu.put_off(sp + _FP, thread=thread, user=user, ready=ready())
        elif not self._fpu.allows(privileged=not user):
            trouble = self._store(sp, _BASIC.pack(*words)) or Trouble(_USAGE, CFSR.NOCP.mask)
        else:
            trouble = self._store(sp, _EXTENDED.pack(*words, *self._engine.fp_context(), 0))
        return Pushed(sp, exc_return, trouble)

    def _puts_off(self, sp: int, size: int) -> bool:
        if self._protection.active or not self._fpu.is_lazy():
            return False
        window = self._bus.find(sp)
        memory = window.memory if window is not None else None
        return memory is not None and memory.kind == "ram" and sp + size <= window.end  # type: ignore[union-attr]

    def pop(self, exc_return: int) -> Popped | Trouble:
        """Read the frame that ``exc_return`` leads to."""
        engine = self._engine
        process_stack = exc_return & 0xF == 0xD
        extended = self._fpu.present and not exc_return & 0x10
        sp = engine.read_register("psp" if process_stack else "msp")
        to_thread = bool(exc_return & 8)
        user = bool(to_thread and engine.read_register("control") & 1)
        size = _EXTENDED.size if extended else _BASIC.size
        permitted = self._protection.permits(
            sp,
            size,
            write=False,
            exception=0 if to_thread else int(ExceptionNumber.SVCALL),  # no urgent one
            privileged=not user,
        )
        if not permitted:
            return Trouble(_MEM, CFSR.MUNSTKERR.mask)
        data = self._load(sp, _BASIC.size)
        if data is None:
            return Trouble(_BUS, CFSR.UNSTKERR.mask)
        frame = _BASIC.unpack(data)
        if not self._armv6m and to_thread != (frame[7] & 0x1FF == 0):
            return Trouble(_USAGE, CFSR.INVPC.mask)
        trouble = self._pop_fp(sp, user=user) if extended else None
        if trouble is not None:
            return trouble
        sp += size
        if frame[7] & _PADDED and (extended or self._scb.ccr & scb_bits.STKALIGN):
            sp += 4
        return Popped(frame, sp & 0xFFFF_FFFF, process_stack, extended)

    def _pop_fp(self, sp: int, *, user: bool) -> Trouble | None:
        if self._fpu.take_back():
            return None
        if not self._fpu.allows(privileged=not user):
            return Trouble(_USAGE, CFSR.NOCP.mask)
        data = self._load(sp + _FP, _EXTENDED.size - _FP)
        if data is None:
            return Trouble(_BUS, CFSR.UNSTKERR.mask)
        self._engine.write_fp_context(struct.unpack("<17I", data[:68]))
        return None

    def _store(self, address: int, data: bytes) -> Trouble | None:
        """Write (part of) a frame."""
        window = self._bus.find(address)
        memory = window.memory if window is not None else None
        end = address + len(data)
        if window is not None and memory is not None and memory.kind == "ram" and end <= window.end:
            start = address - window.base + window.offset
            memory.data[start : start + len(data)] = data
            return None
        try:
            for i in range(0, len(data), 4):
                word = int.from_bytes(data[i : i + 4], "little")
                self._bus.write((address + i) & 0xFFFF_FFFF, 4, word)
        except BusFault:
            return Trouble(_BUS, CFSR.STKERR.mask)
        return None

    def _load(self, address: int, length: int) -> bytes | None:
        """Read (part of) a frame, or return None if the bus refuses."""
        try:
            return self._bus.read_block(address, length)
        except BusFault:
            return None
