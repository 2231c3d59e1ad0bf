"""Registers and exception entry and return on Unicorn, in the order that its edges demand.

Registers go through batch functions with arrays made once: 1 us for 17 registers. A write of IPSR,
XPSR or CONTROL leaves cached flags stale; a write of APSR_NZCV afterwards rebuilds them. In
unprivileged thread mode MSP, PSP and the masks read 0 and ignore writes: IPSR is 3 meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine import FrameContext
from .library import Register, RegisterBatch, Unicorn

EPSR_T = 0x0100_0000
NZCV = 0xF000_0000
_BANKED = frozenset({"msp", "psp", "primask", "basepri", "faultmask"})


class UnicornRegisters:
    """The registers of one engine: that part of ``Engine``."""

    def __init__(self, unicorn: Unicorn, uc: Any) -> None:
        self._unicorn = unicorn
        self._uc = uc
        self._next_pc: int | None = None
        """The PC where that is known; to be set to None whenever it is written."""
        self._named: dict[str, Register] = {}
        self._make_batches()

    def _make_batches(self) -> None:
        handle = self._uc._uch

        def batch(*names: str) -> RegisterBatch:
            ids = [self._unicorn.register(name) for name in names]
            return RegisterBatch(self._unicorn.direct, handle, ids)

        low = ("r0", "r1", "r2", "r3")
        self._frame = batch(*low, "r12", "lr", "pc", "xpsr", "sp", "control")
        self._fp = batch(*(f"s{i}" for i in range(16)), "fpscr")
        self._masks = batch("primask", "basepri", "faultmask")
        self._pc, self._esr, self._xpsr = (
            self._single("pc"),
            self._single("esr"),
            self._single("xpsr"),
        )
        self._control, self._ipsr = self._single("control"), self._single("ipsr")
        self._state = batch("ipsr", "control")
        self._rebuild = self._single("apsr_nzcv")  # a write of the flags rebuilds what is cached
        # Exception entry from handler or MSP; from PSP privileged; from PSP unprivileged. The last
        # two leave thread mode with SPSEL clear, which only privileged thread mode can do.
        end = ("xpsr", "control", "lr", "apsr_nzcv", "pc")
        self._enter_msp = batch("sp", *end)
        self._enter_psp = batch("sp", "control", *end)
        self._enter_user = batch("sp", "ipsr", "control", "ipsr", "control", *end)
        tail: tuple[str, ...] = ("faultmask", "control", "xpsr_nzcvqg", "xpsr", "control")
        tail += (*low, "r12", "lr", "apsr_nzcv", "pc")
        self._leave_msp, self._leave_psp = batch("msp", *tail), batch("psp", *tail)
        general = (*(f"r{n}" for n in range(13)), "sp", "lr", "xpsr")
        self._all, self._whole = batch(*general), batch(*general, "pc")

    def read_register(self, name: str) -> int:
        """Return a register by name."""
        register = self._named.get(name)
        if register is None:
            register = self._named[name] = self._single(name)
        if name not in _BANKED or not self.unprivileged():
            return register.read()
        self._ipsr.write(3)
        value = register.read()
        self._ipsr.write(0)
        self._rebuild_flags()
        return value

    def _single(self, name: str) -> Register:
        return Register(self._unicorn.direct, self._uc._uch, self._unicorn.register(name))

    def write_register(self, name: str, value: int) -> None:
        """Write a register by name."""
        if name == "pc":
            thumb = self._xpsr.read() & EPSR_T
            self._pc.write(value & ~1 | (1 if thumb else 0))
            self._next_pc = None
            return
        user = self.unprivileged()
        if user and (name in _BANKED or name == "control"):
            self._ipsr.write(3)
            if name == "control":
                self._control.write(0)  # drops nPRIV, so that SPSEL can be written below
                self._ipsr.write(0)
                self._control.write(value)
            else:
                self._uc.reg_write(self._unicorn.register(name), value)
                self._ipsr.write(0)
        else:
            self._uc.reg_write(self._unicorn.register(name), value)
            if name == "xpsr":  # alone it leaves GE out
                self._uc.reg_write(self._unicorn.reg.UC_ARM_REG_XPSR_NZCVQG, value)
        self._rebuild_flags()

    def _rebuild_flags(self) -> None:
        self._rebuild.write(self._xpsr.read() & NZCV)

    def state(self) -> tuple[int, ...]:
        """Return R0-R12, SP, LR, xPSR and PC."""
        return tuple(self._whole.read())

    def frame_context(self) -> FrameContext:
        """Return what goes into an exception frame."""
        return FrameContext(*self._frame.read())

    def fp_context(self) -> list[int]:
        """Return S0-S15 and FPSCR."""
        return list(self._fp.read())

    def write_fp_context(self, values: Sequence[int]) -> None:
        """Write S0-S15 and FPSCR."""
        self._fp.write(*values)

    def masks(self) -> tuple[int, int, int]:
        """Return PRIMASK, BASEPRI and FAULTMASK."""
        if self.unprivileged():
            self._ipsr.write(3)
            values = tuple(self._masks.read())
            self._ipsr.write(0)
            self._rebuild_flags()
            return values[0], values[1], values[2]
        primask, basepri, faultmask = self._masks.read()
        return primask, basepri, faultmask

    def ipsr(self) -> int:
        """Return the number of the exception whose handler runs."""
        return self._ipsr.read() & 0x1FF

    def unprivileged(self) -> bool:
        """Tell whether the code that runs is unprivileged."""
        ipsr, control = self._state.read()
        return bool(control & 1 and not ipsr)

    # ---- exceptions -----------------------------------------------------------------------------

    def enter_handler(
        self, context: FrameContext, sp: int, exception: int, lr: int, vector: int
    ) -> None:
        """Switch to handler mode on MSP."""
        self._next_pc = None
        thumb = EPSR_T if vector & 1 else 0
        xpsr = context.xpsr & 0xF800_0000 | thumb | exception
        nzcv, npriv = context.xpsr & NZCV, context.control & 1
        tail = (npriv, lr, nzcv, vector)
        thread = not context.xpsr & 0x1FF
        if not (thread and context.control & 2):
            self._enter_msp.write(sp, xpsr, *tail)
        elif not npriv:
            self._enter_psp.write(sp, 0, xpsr, *tail)
        else:
            self._enter_user.write(sp, 3, 0, 0, 0, xpsr, *tail)

    def leave_handler(
        self,
        frame: Sequence[int],
        sp: int,
        *,
        process_stack: bool,
        control: int,
        clear_faultmask: bool,
    ) -> None:
        """Resume what ``frame`` describes."""
        self._next_pc = None
        r0, r1, r2, r3, r12, lr, pc, xpsr = frame
        faultmask = 0 if clear_faultmask else int(self._masks.read()[2])
        batch = self._leave_psp if process_stack else self._leave_msp
        state = xpsr & 0xFF0F_FDFF
        # CONTROL is 0 in between: only privileged code can set SPSEL once thread mode is back.
        batch.write(
            *(sp, faultmask, 0, state, state, control),
            *(r0, r1, r2, r3, r12, lr, xpsr & NZCV),
            pc & ~1 | (1 if xpsr & EPSR_T else 0),
        )

    def reset(self, sp: int, vector: int) -> None:
        """Give the registers their values after reset."""
        self._next_pc = None
        self._ipsr.write(3)
        self._control.write(0)
        self._ipsr.write(0)
        self._control.write(0)
        self._masks.write(0, 0, 0)
        self._uc.reg_write(self._unicorn.reg.UC_ARM_REG_MSP, sp & ~3)
        self._uc.reg_write(self._unicorn.reg.UC_ARM_REG_PSP, 0)
        self._uc.reg_write(self._unicorn.reg.UC_ARM_REG_FPSCR, 0)
        self._uc.reg_write(self._unicorn.reg.UC_ARM_REG_LR, 0xFFFF_FFFF)
        self._xpsr.write(EPSR_T if vector & 1 else 0)
        self._rebuild.write(0)
        self._pc.write(vector)
