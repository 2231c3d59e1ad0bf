"""Stands in for the engine where it would execute in silence: see ``traps``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from onchip.arch.scs import CFSR, ExceptionNumber

from ..bus import Bus, BusFault
from . import scb as scb_bits
from .engine import Engine
from .fpu import Fpu
from .it_blocks import condition_holds
from .mpu import Mpu
from .profile import CoreProfile
from .protection import Protection
from .scb import SystemControlBlock
from .traps import InstructionTraps, Trap, classify

_MEM, _USAGE = int(ExceptionNumber.MEM_MANAGE), int(ExceptionNumber.USAGE_FAULT)
_REGISTERS = (*(f"r{n}" for n in range(13)), "sp", "lr", "pc")
MASKED_STEPS = 64
"""Single instructions before mask changes are made exits, which costs a retranslation."""


class Fault(NamedTuple):
    """The fault that an instruction ends in: exception, bit of CFSR, address of its access."""

    exception: int
    cause: int
    address: int | None = None


class SilentInstructions:
    """Knows which instructions have to be exits now, and what each means when it is reached.

    ``changed`` is called when ``addresses`` has.
    """

    def __init__(
        self,
        profile: CoreProfile,
        bus: Bus,
        engine: Engine,
        scb: SystemControlBlock,
        fpu: Fpu,
        mpu: Mpu,
        protection: Protection,
        changed: Callable[[], None],
    ) -> None:
        self._profile = profile
        self._bus = bus
        self._engine = engine
        self._scb = scb
        self._fpu = fpu
        self._mpu = mpu
        self._protection = protection
        self._changed = changed
        self._traps = InstructionTraps(bus)
        self._kinds: tuple[Trap, ...] = ()
        self.masked_slices = 0
        """Slices in a row in which a mask held back a pending exception."""

    @property
    def addresses(self) -> set[int]:
        """Where the engine has to stop."""
        return self._traps.addresses(*self._kinds)

    def reset(self) -> None:
        """Return to the state after a system reset."""
        self.masked_slices = 0
        self.arm()

    def arm(self) -> None:
        """Work out from CPACR, CCR, the MPU and the masks what has to be an exit."""
        scb = self._scb
        kinds = [Trap.SEND_EVENT] if self._profile.armv6m else [Trap.SEND_EVENT, Trap.UNPRIVILEGED]
        floats = self._profile.cpu in ("cortex-m4", "cortex-m7")  # their engines always do
        if floats and not self._fpu.allows(privileged=False):
            kinds.append(Trap.FLOATING_POINT)
        if scb.ccr & scb_bits.DIV_0_TRP and not self._profile.armv6m:
            kinds.append(Trap.DIVIDE)
        if self._mpu.enabled:
            kinds.append(Trap.PRIVILEGE_CHANGE)
        if self.masked_slices >= MASKED_STEPS:
            kinds.append(Trap.MASK_CHANGE)
        self._kinds = tuple(kinds)
        self._changed()

    def code_appears(self, address: int, length: int) -> None:
        """Look at code in RAM before it executes: a program may have written it."""
        self.code_changed([(address, length)])

    def code_changed(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Look again at bytes that have changed."""
        different = False
        for address, length in ranges:
            different |= self._traps.changed(address, length)
        if different:
            self._changed()

    def count(self, count: int, *, masked: bool) -> int:
        """Return how far to run when a mask holds back a pending exception, or did.

        No hook reports a change of the masks: go by single instructions, and if that lasts, make
        every instruction that changes a mask an exit.
        """
        if not masked:
            self.masked_slices = 0
            self.arm()
            return count
        self.masked_slices += 1
        if self.masked_slices < MASKED_STEPS:
            return 1
        if self.masked_slices == MASKED_STEPS:
            self.arm()
        return count

    def meaning(self, pc: int) -> Fault | Trap | None:
        """Return what the instruction at ``pc`` faults with, or what else it is."""
        first = self._bus.read(pc, 2)
        try:
            second = self._bus.read(pc + 2, 2)
        except BusFault:
            second = 0
        kind = classify(first, second)
        if kind is None or not condition_holds(self._engine.read_register("xpsr")):
            return None
        if kind is Trap.FLOATING_POINT and not self._fpu.allows(
            privileged=not self._engine.unprivileged()
        ):
            return Fault(_USAGE, CFSR.NOCP.mask)
        if kind is Trap.DIVIDE and self._divides_by_zero(second):
            return Fault(_USAGE, CFSR.DIVBYZERO.mask)
        if kind is Trap.UNPRIVILEGED:
            return self._user_fault(first, second) or kind
        return kind

    def _user_fault(self, first: int, second: int) -> Fault | None:
        """Return the fault of LDRT, STRT or one of their like, as the MPU has it."""
        base = self._engine.read_register(_REGISTERS[first & 0xF])
        address = base + (second & 0xFF) & 0xFFFF_FFFF
        size, write = 1 << (first >> 5 & 3), not first & 0x10
        if self._protection.allows_user(address, size, write=write):
            return None
        return Fault(_MEM, CFSR.DACCVIOL.mask, address)

    def _divides_by_zero(self, second: int) -> bool:
        divisor = f"r{second & 0xF}"
        return bool(self._scb.ccr & scb_bits.DIV_0_TRP) and not self._engine.read_register(divisor)
