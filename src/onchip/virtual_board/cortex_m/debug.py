"""Halting debug: DHCSR, DCRSR, DCRDR, DEMCR and DFSR. Sources: DDI 0403 C1.6, DDI 0419 C1.6.

These registers survive a system reset; power-on clears them. A DCRSR transfer completes at once;
one asked for while the core runs does nothing and leaves S_REGRDY 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from onchip.arch import scs
from onchip.arch.scs import DCRSR, DEMCR, DFSR, DHCSR, Regsel

from .profile import CoreProfile

_CONTROL_BITS = 0x2F
_STICKY_VC_V6 = DEMCR.VC_CORERESET.mask | DEMCR.VC_HARDERR.mask | DEMCR.TRCENA.mask
_DEMCR_V7 = 0x010F_07F1
_MONITOR_BITS = 0x000F_0000
_STACK_POINTERS = ("sp", "msp", "psp")  # whose bits [1:0] are always 0


class DebuggedCore(Protocol):
    """What the debug unit does with the core."""

    halted: bool
    in_reset: bool

    @property
    def sleeping(self) -> bool:
        """Tell whether WFI, WFE or sleep-on-exit holds the core."""
        ...

    @property
    def locked_up(self) -> bool:
        """Tell whether the core is locked up."""
        ...

    def debug_halt(self, reason: int) -> None:
        """Enter Debug state for the DFSR bits in ``reason``."""
        ...

    def debug_resume(self, *, step: bool) -> None:
        """Leave Debug state, for one instruction if ``step``."""
        ...

    def debug_control_changed(self) -> None:
        """Hear that C_DEBUGEN or C_MASKINTS has changed."""
        ...

    def change_demcr(self, change: Callable[[], None]) -> None:
        """Make ``change``, which switches DEMCR.TRCENA, and carry the trace units over it."""
        ...

    def take_retired(self) -> bool:
        """Tell whether an instruction has retired since this was last asked."""
        ...

    def debug_read_register(self, name: str) -> int:
        """Return a core register by name."""
        ...

    def debug_write_register(self, name: str, value: int) -> None:
        """Write a core register by name."""
        ...

    def request_monitor(self) -> None:
        """Pend DebugMonitor (DEMCR.MON_PEND)."""
        ...


class DebugUnit:
    """The debug registers of the System Control Space."""

    def __init__(self, profile: CoreProfile, core: DebuggedCore) -> None:
        self._profile = profile
        self._core = core
        self.power_on_reset()

    def power_on_reset(self) -> None:
        """Return to the state after power-on."""
        self.control = 0  # C_DEBUGEN, C_HALT, C_STEP, C_MASKINTS, C_SNAPSTALL
        self.demcr = DEMCR(0)
        self.dfsr = 0
        self._dcrdr = 0
        self._register_ready = True
        self.was_reset = True

    def system_reset(self) -> None:
        """Note a reset of the core, which leaves most of the unit alone."""
        self.was_reset = True
        self.control &= ~(DHCSR.C_STEP.mask | DHCSR.C_HALT.mask)
        self.demcr = DEMCR(self.demcr & ~_MONITOR_BITS)

    @property
    def enabled(self) -> bool:
        """Tell whether C_DEBUGEN is set."""
        return bool(self.control & DHCSR.C_DEBUGEN.mask)

    @property
    def mask_interrupts(self) -> bool:
        """Tell whether C_MASKINTS is in force."""
        return self.control & 0x9 == 0x9

    @property
    def trace_enabled(self) -> bool:
        """Tell whether DEMCR.TRCENA (DWTENA on ARMv6-M) is set."""
        return bool(self.demcr & DEMCR.TRCENA.mask)

    def entered_debug_state(self, reason: int) -> None:
        """Note that the core has halted: C_HALT reads 1 after every halt."""
        self.dfsr |= reason
        self.control = self.control & ~DHCSR.C_STEP.mask | DHCSR.C_HALT.mask

    # ---- registers ------------------------------------------------------------------------------

    def read(self, address: int, *, debugger: bool) -> int:
        """Return one of the registers."""
        match address:
            case DHCSR.address:
                return self._read_dhcsr(debugger=debugger)
            case scs.DCRDR:
                return self._dcrdr
            case DEMCR.address:
                return int(self.demcr)
            case DFSR.address:
                return self.dfsr
            case _:
                return 0

    def write(self, address: int, value: int, *, debugger: bool) -> None:
        """Write one of the registers."""
        match address:
            case DHCSR.address:
                if value & 0xFFFF_0000 == scs.DBGKEY:
                    self._write_dhcsr(value & _CONTROL_BITS, debugger=debugger)
            case DCRSR.address:
                self._transfer(DCRSR(value))
            case scs.DCRDR:
                self._dcrdr = value
            case DEMCR.address:
                self._write_demcr(value)
            case DFSR.address:
                self.dfsr &= ~value

    def _read_dhcsr(self, *, debugger: bool) -> int:
        core = self._core
        retired = core.take_retired() if debugger else False
        value = DHCSR(self.control).replace(
            S_REGRDY=self._register_ready,
            S_HALT=core.halted,
            S_SLEEP=core.sleeping,
            S_LOCKUP=core.locked_up,
            S_RETIRE_ST=retired,
            S_RESET_ST=self.was_reset,
        )
        if debugger:
            self.was_reset = core.in_reset  # set again at once while the reset lasts
        return value

    def _write_dhcsr(self, value: int, *, debugger: bool) -> None:
        if not debugger:  # software cannot write C_DEBUGEN
            value = value & ~DHCSR.C_DEBUGEN.mask | self.control & DHCSR.C_DEBUGEN.mask
        if not value & DHCSR.C_DEBUGEN.mask:
            value = 0
        core = self._core
        if not core.halted and value & DHCSR.C_HALT.mask:
            value &= ~DHCSR.C_STEP.mask
        self.control = value
        core.debug_control_changed()
        if core.halted:
            if not value & DHCSR.C_HALT.mask:
                core.debug_resume(step=bool(value & DHCSR.C_STEP.mask))
        elif value & DHCSR.C_HALT.mask:
            core.debug_halt(DFSR.HALTED.mask)

    def _write_demcr(self, value: int) -> None:
        writable = _STICKY_VC_V6 if self._profile.armv6m else _DEMCR_V7
        new = DEMCR(value & writable)
        pend = new.MON_PEND and not self.demcr.MON_PEND

        def change() -> None:
            self.demcr = new

        if (new ^ self.demcr) & DEMCR.TRCENA.mask:
            self._core.change_demcr(change)
        else:
            change()
        if pend:
            self._core.request_monitor()

    # ---- register transfer ----------------------------------------------------------------------

    def _transfer(self, request: DCRSR) -> None:
        self._register_ready = self._core.halted
        if not self._core.halted:
            return
        if request.REGSEL == Regsel.CFBP:
            if request.REGWnR:
                self._write_cfbp(self._dcrdr)
            else:
                self._dcrdr = self._read_cfbp()
            return
        name = self._name(request.REGSEL)
        if name is None:
            if not request.REGWnR:
                self._dcrdr = 0
        elif request.REGWnR:
            value = self._dcrdr & ~3 if name in _STACK_POINTERS else self._dcrdr
            self._core.debug_write_register(name, value)
        else:
            self._dcrdr = self._core.debug_read_register(name)

    def _name(self, selector: int) -> str | None:
        fixed = {13: "sp", 14: "lr", 15: "pc", Regsel.XPSR: "xpsr"}
        fixed |= {Regsel.MSP: "msp", Regsel.PSP: "psp"}
        if selector < 13:
            return f"r{selector}"
        if selector in fixed:
            return fixed[selector]
        if self._profile.fpu and selector == Regsel.FPSCR:
            return "fpscr"
        if self._profile.fpu and Regsel.S0 <= selector < Regsel.S0 + 32:
            return f"s{selector - Regsel.S0}"
        return None

    def _read_cfbp(self) -> int:
        read = self._core.debug_read_register
        value = read("control") << 24 | read("primask")
        if not self._profile.armv6m:
            value |= read("faultmask") << 16 | read("basepri") << 8
        return value

    def _write_cfbp(self, value: int) -> None:
        write = self._core.debug_write_register
        write("primask", value & 1)
        if not self._profile.armv6m:
            write("basepri", value >> 8 & self._profile.priority_mask)
            write("faultmask", value >> 16 & 1)
        writable = 0x7 if self._profile.fpu else 0x3
        if not self._profile.unprivileged:
            writable &= ~1
        write("control", value >> 24 & writable)
