"""System Control Block: configuration, fault status, and requests that others carry out.

Sources: DDI 0403 B3.2, DDI 0419 B3.2. Registers that ARMv6-M lacks read 0 there.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.arch import scs
from onchip.arch.scs import AIRCR, CFSR, ICSR, SHCSR, ExceptionNumber

from .fpu import Fpu
from .nvic import Nvic
from .profile import CoreProfile

SLEEPONEXIT, SLEEPDEEP, SEVONPEND = 1 << 1, 1 << 2, 1 << 4
NONBASETHRDENA, USERSETMPEND, UNALIGN_TRP, DIV_0_TRP = 1 << 0, 1 << 1, 1 << 3, 1 << 4
BFHFNMIGN, STKALIGN = 1 << 8, 1 << 9

_SHCSR_ACTIVE = {
    SHCSR.MEMFAULTACT.mask: ExceptionNumber.MEM_MANAGE,
    SHCSR.BUSFAULTACT.mask: ExceptionNumber.BUS_FAULT,
    SHCSR.USGFAULTACT.mask: ExceptionNumber.USAGE_FAULT,
    SHCSR.SVCALLACT.mask: ExceptionNumber.SVCALL,
    SHCSR.MONITORACT.mask: ExceptionNumber.DEBUG_MONITOR,
    SHCSR.PENDSVACT.mask: ExceptionNumber.PENDSV,
    SHCSR.SYSTICKACT.mask: ExceptionNumber.SYSTICK,
}
_SHCSR_PENDED = {
    SHCSR.USGFAULTPENDED.mask: ExceptionNumber.USAGE_FAULT,
    SHCSR.MEMFAULTPENDED.mask: ExceptionNumber.MEM_MANAGE,
    SHCSR.BUSFAULTPENDED.mask: ExceptionNumber.BUS_FAULT,
    SHCSR.SVCALLPENDED.mask: ExceptionNumber.SVCALL,
}
_SHCSR_ENABLES = 0x0007_0000
_ACTLR = {"cortex-m3": 0x007, "cortex-m4": 0x307, "cortex-m7": 0x1FFF_FFFF}

# ID_PFR0-1, DFR0, AFR0, MMFR0-3, ISAR0-4: Cortex-M3 TRM r2p1 table 4-1, Cortex-M4 TRM table 4-1
_ID_M3 = (0x30, 0x200, 0x0010_0000, 0, 0x30, 0, 0x0100_0000, 0)
_ID_M4 = (0x30, 0x200, 0x0010_0000, 0, 0x0010_0030, 0, 0x0100_0000, 0)
_ISAR_M3 = (0x0110_1110, 0x0211_1000, 0x2111_2231, 0x0111_1110, 0x0131_0132)
_ISAR_M4 = (0x0114_1110, 0x0211_2000, 0x2123_2231, 0x0111_1131, 0x0131_0132)


class SystemControlBlock:
    """The registers at 0xE000_ED00 and their neighbours, without debug."""

    def __init__(
        self, profile: CoreProfile, nvic: Nvic, fpu: Fpu, *, request_reset: Callable[[str], None]
    ) -> None:
        self._profile = profile
        self._nvic = nvic
        self._fpu = fpu
        self._request_reset = request_reset
        self.changed: Callable[[], None] = lambda: None
        """Called after CCR has changed: it decides what instructions do."""
        self.clear_active: Callable[[], None] = lambda: None
        """Called for AIRCR.VECTCLRACTIVE."""
        self.reset()

    def reset(self) -> None:
        """Return to the state after a system reset."""
        v6 = self._profile.armv6m
        self.vtor = self._profile.vector_base
        self.scr = 0
        self.ccr = STKALIGN | UNALIGN_TRP if v6 else STKALIGN
        self.shcsr = 0  # the enables only
        self.cfsr = self.hfsr = 0
        self.fault_address = 0
        """MMFAR and BFAR: one register under two names (Cortex-M3 and M4 TRM, table 4-1)."""
        self.actlr = 0

    def handler_enabled(self, exception: int) -> bool:
        """Tell whether SHCSR enables the handler of a configurable fault."""
        return bool(self.shcsr >> (exception - ExceptionNumber.MEM_MANAGE + 16) & 1)

    # ---- reading --------------------------------------------------------------------------------

    def read(self, address: int, current: int) -> int:
        """Return a word; ``current`` is the exception whose handler runs."""
        if address == scs.CPUID.address:
            return self._profile.cpuid
        if address == ICSR.address:
            return self._read_icsr(current)
        if scs.SHPR1 <= address <= scs.SHPR3:
            first = 4 + address - scs.SHPR1
            return int.from_bytes(self._nvic.priorities[first : first + 4], "little")
        if address == AIRCR.address:
            return AIRCR.build(VECTKEY=0xFA05, PRIGROUP=self._nvic.prigroup)
        if address == SHCSR.address:
            return self._read_shcsr()
        common = {
            scs.VTOR: self.vtor if self._profile.vtor else 0,
            scs.SCR: self.scr,
            scs.CCR: self.ccr,
        }
        if address in common:
            return common[address]
        return 0 if self._profile.armv6m else self._read_v7(address)

    def _read_v7(self, address: int) -> int:
        if scs.ID_PFR0 <= address < scs.ID_PFR0 + 52:
            m3 = self._profile.cpu == "cortex-m3"
            words = (*_ID_M3, *_ISAR_M3) if m3 else (*_ID_M4, *_ISAR_M4)
            return words[(address - scs.ID_PFR0) // 4]
        values = {
            scs.ICTR: max(0, self._profile.irqs - 1) // 32,
            scs.ACTLR: self.actlr,
            CFSR.address: self.cfsr,
            scs.HFSR.address: self.hfsr,
            scs.MMFAR: self.fault_address,
            scs.BFAR: self.fault_address,
        }
        found = self._fpu.read(address)
        return values.get(address, 0) if found is None else found

    def _read_icsr(self, current: int) -> int:
        nvic = self._nvic
        best = nvic.best_pending() or 0
        value = ICSR.build(
            VECTACTIVE=current,
            VECTPENDING=best,
            PENDSTSET=ExceptionNumber.SYSTICK in nvic.pending,
            PENDSVSET=ExceptionNumber.PENDSV in nvic.pending,
            NMIPENDSET=ExceptionNumber.NMI in nvic.pending,
            ISRPENDING=any(e >= ExceptionNumber.IRQ0 for e in nvic.pending),
        )
        if not self._profile.armv6m and not nvic.active - {current}:
            value = value.replace(RETTOBASE=1)
        return value

    def _read_shcsr(self) -> int:
        nvic = self._nvic
        if self._profile.armv6m:
            pended = ExceptionNumber.SVCALL in nvic.pending
            return SHCSR.build(SVCALLPENDED=pended)
        value = self.shcsr
        value |= sum(bit for bit, e in _SHCSR_ACTIVE.items() if e in nvic.active)
        return value | sum(bit for bit, e in _SHCSR_PENDED.items() if e in nvic.pending)

    # ---- writing --------------------------------------------------------------------------------

    def write(self, address: int, value: int) -> None:
        """Write a word."""
        if scs.SHPR1 <= address <= scs.SHPR3:
            for i in range(4):
                self.write_priority(address + i, value >> 8 * i)
        elif address == ICSR.address:
            self._write_icsr(ICSR(value))
        elif address == AIRCR.address:
            self._write_aircr(AIRCR(value))
        elif address == scs.SCR:
            self.scr = value & (SLEEPONEXIT | SLEEPDEEP | SEVONPEND)
        elif address == scs.VTOR:
            if self._profile.vtor:
                self.vtor = value & (0xFFFF_FF00 if self._profile.armv6m else 0xFFFF_FF80)
        elif address == SHCSR.address:
            self._write_shcsr(value)
        elif not self._profile.armv6m:
            self._write_v7(address, value)

    def write_priority(self, address: int, value: int) -> None:
        """Set one byte of SHPR1 to SHPR3; handlers that do not exist keep priority 0."""
        exception = 4 + address - scs.SHPR1
        exists = (11, 14, 15) if self._profile.armv6m else (4, 5, 6, 11, 12, 14, 15)
        if exception in exists:
            self._nvic.write_priority(exception, value & 0xFF)

    def _write_v7(self, address: int, value: int) -> None:
        match address:
            case CFSR.address:
                self.cfsr &= ~value
            case scs.HFSR.address:
                self.hfsr &= ~value
            case scs.MMFAR | scs.BFAR:
                self.fault_address = value
            case scs.ACTLR:
                self.actlr = value & _ACTLR[self._profile.cpu]
            case scs.CCR:
                self.ccr = value & 0x31B
                self.changed()
            case scs.STIR:
                self._nvic.pend(16 + (value & 0x1FF))
            case _:
                self._fpu.write(address, value)

    def _write_icsr(self, value: ICSR) -> None:
        nvic = self._nvic
        if value.NMIPENDSET:
            nvic.pend(ExceptionNumber.NMI)
        if value.PENDSVSET:
            nvic.pend(ExceptionNumber.PENDSV)
        elif value.PENDSVCLR:
            nvic.unpend(ExceptionNumber.PENDSV)
        if value.PENDSTSET:
            nvic.pend(ExceptionNumber.SYSTICK)
        elif value.PENDSTCLR:
            nvic.unpend(ExceptionNumber.SYSTICK)

    def _write_aircr(self, value: AIRCR) -> None:
        if value.VECTKEY != scs.VECTKEY:
            return
        self._nvic.set_prigroup(value.PRIGROUP)
        if value.VECTCLRACTIVE:
            self.clear_active()
        if value.SYSRESETREQ:
            self._request_reset("system")
        elif value.VECTRESET and not self._profile.armv6m:
            self._request_reset("core")

    def _write_shcsr(self, value: int) -> None:
        nvic = self._nvic
        if self._profile.armv6m:
            return
        self.shcsr = value & _SHCSR_ENABLES
        for bit, exception in _SHCSR_ACTIVE.items():
            if bool(value & bit) != (exception in nvic.active):
                nvic.set_active(exception, active=bool(value & bit))
        for bit, exception in _SHCSR_PENDED.items():
            if value & bit:
                nvic.pend(exception)
            else:
                nvic.unpend(exception)
