"""The FPU's system registers, and how the state of an FP context gets onto a stack.

Sources: DDI 0403 B1.4.7, B1.5.7 and B3.2.20 to B3.2.23. FPCCR, FPCAR and FPDSCR are kept by the
engine, which does by itself what they ask for at an FP instruction: it begins a context, and stacks
the one whose stacking was put off. Whether FP instructions are allowed (CPACR) is seen to by
``silent``.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.arch import scs
from onchip.arch.scs import FPCCR

from .engine import Engine, FpControl
from .profile import CoreProfile

_RESET = FpControl(FPCCR.build(ASPEN=1, LSPEN=1), 0, 0)
_CPACR_WRITABLE = 0x00F0_0000
_FPDSCR_WRITABLE = 0x07C0_0000
_ENABLES, _LSPEN, _LSPACT = 0xC000_0000, FPCCR.LSPEN.mask, FPCCR.LSPACT.mask
_THREAD, _USER = FPCCR.THREAD.mask, FPCCR.USER.mask
_PRIVILEGED, _FULL = 0b01, 0b11


class Fpu:
    """The registers. ``changed`` is called when CPACR has changed."""

    def __init__(self, profile: CoreProfile, engine: Engine) -> None:
        self.present = profile.fpu
        self._double = profile.cpu == "cortex-m7"
        self._engine = engine
        self.changed: Callable[[], None] = lambda: None
        self._written = _RESET  # the engine clears LSPACT, and changes nothing else
        self.reset()

    def reset(self) -> None:
        """Return to the state after a system reset."""
        self.cpacr = 0
        if self.present:
            self._set(_RESET)

    def allows(self, *, privileged: bool) -> bool:
        """Tell whether CPACR gives code access to the FPU."""
        rights = {self.cpacr >> 20 & 3, self.cpacr >> 22 & 3}  # CP10 and CP11 must agree
        return self.present and (rights == {_FULL} or (privileged and rights == {_PRIVILEGED}))

    # ---- contexts -------------------------------------------------------------------------------

    def is_lazy(self) -> bool:
        """Tell whether stacking FP state is to be put off."""
        return bool(self._written.fpccr & _LSPEN)

    def put_off(self, address: int, *, thread: bool, user: bool, ready: int) -> None:
        """Note that S0 to FPSCR belong at ``address``, for code in that mode.

        ``ready`` has the bits HFRDY, BFRDY, MMRDY and MONRDY of FPCCR.
        """
        fpccr = self._written.fpccr & _ENABLES | _LSPACT | ready
        fpccr |= (_THREAD if thread else 0) | (_USER if user else 0)
        self._set(FpControl(fpccr, address, self._written.fpdscr))

    def take_back(self) -> bool:
        """Tell whether stacking was put off and has not been made up for; from now on it was not.

        The registers still hold the state then.
        """
        if not self._written.fpccr & _LSPACT:
            return False
        now = self._engine.fp_control()
        self._written = now._replace(fpccr=now.fpccr & ~_LSPACT)
        if not now.fpccr & _LSPACT:
            return False
        self._engine.set_fp_control(self._written)
        return True

    def _set(self, control: FpControl) -> None:
        self._written = control
        self._engine.set_fp_control(control)

    # ---- registers ------------------------------------------------------------------------------

    def read(self, address: int) -> int | None:
        """Return a register, None for an address that is not one of the FPU."""
        if not self.present:
            return None
        fixed = {
            scs.CPACR: self.cpacr,
            scs.MVFR0: 0x1011_0221 if self._double else 0x1011_0021,
            scs.MVFR1: 0x1200_0011 if self._double else 0x1100_0011,
            scs.MVFR2: 0x40 if self._double else 0,
        }
        if address in fixed:
            return fixed[address]
        control = self._engine.fp_control()
        kept = {
            FPCCR.address: control.fpccr,
            scs.FPCAR: control.fpcar,
            scs.FPDSCR: control.fpdscr,
        }
        return kept.get(address)

    def write(self, address: int, value: int) -> None:
        """Write a register; nothing happens at an address that is not one of the FPU."""
        if not self.present:
            return
        if address == scs.CPACR:
            self.cpacr = value & _CPACR_WRITABLE
            self.changed()
            return
        control = self._engine.fp_control()
        match address:
            case FPCCR.address:
                control = control._replace(fpccr=value & FPCCR_WRITABLE)
            case scs.FPCAR:
                control = control._replace(fpcar=value & ~7 & 0xFFFF_FFFF)
            case scs.FPDSCR:
                control = control._replace(fpdscr=value & _FPDSCR_WRITABLE)
            case _:
                return
        self._set(control)


FPCCR_WRITABLE = FPCCR.build(
    ASPEN=1, LSPEN=1, MONRDY=1, BFRDY=1, MMRDY=1, HFRDY=1, THREAD=1, USER=1, LSPACT=1
)
