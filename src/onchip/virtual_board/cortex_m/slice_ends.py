"""What comes of the end of a slice: exceptions, faults, sleep, debug events.

The engine says why it stopped (``Stop``); here stands what that means on a Cortex-M.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from onchip.arch.scs import CFSR, DFSR, HFSR, ExceptionNumber

from .debug import DebugUnit
from .dwt import Dwt
from .engine import Engine, Stop
from .exceptions import ExceptionModel
from .fpb import Fpb
from .nvic import Nvic
from .profile import CoreProfile
from .silent import Fault, SilentInstructions
from .traps import Trap

_BUS, _USAGE = ExceptionNumber.BUS_FAULT, ExceptionNumber.USAGE_FAULT
_MEM = ExceptionNumber.MEM_MANAGE


class SliceEnds(ABC):
    """That part of a core which acts on what its engine stopped for."""

    engine: Engine
    nvic: Nvic
    exceptions: ExceptionModel
    silent: SilentInstructions
    debug: DebugUnit
    fpb: Fpb
    dwt: Dwt

    def __init__(self, profile: CoreProfile) -> None:
        self.profile = profile
        self.cycles = 0
        """Cycles since power-on of the board, up to the current slice."""
        self._sleep: Literal["", "wfi", "wfe"] = ""
        self._stepping = False
        self._halt_request = 0
        self._as_user = False  # LDRT or STRT executes

    @abstractmethod
    def _step(self) -> None:
        """Execute one instruction, even one that is an exit."""

    @abstractmethod
    def _settle(self) -> None:
        """Account for what the exception model did; halt for vector catch and steps."""

    def _handle(self, stop: Stop) -> None:
        exceptions, engine = self.exceptions, self.engine
        match stop:
            case Stop.EXCEPTION_RETURN:
                exceptions.leave(engine.address)
            case Stop.SVC:
                exceptions.supervisor_call()
            case Stop.WFI:
                self._sleep = "" if self._stepping else "wfi"
            case Stop.WFE:
                self._wait_for_event()
            case Stop.EXIT:
                self._at_exit(engine.pc)
            case Stop.BKPT:
                self._debug_event(DFSR.BKPT.mask)
            case Stop.UNDEFINED:
                self._fault(_USAGE, CFSR.UNDEFINSTR.mask)
            case Stop.INVALID_STATE:
                self._fault(_USAGE, CFSR.INVSTATE.mask)
            case Stop.NO_COPROCESSOR:
                self._fault(_USAGE, CFSR.NOCP.mask)
            case Stop.UNALIGNED:
                self._fault(_USAGE, CFSR.UNALIGNED.mask)
            case Stop.EXECUTE_NEVER:
                self._fault(_MEM, CFSR.IACCVIOL.mask)
            case Stop.FETCH_FAULT:
                if engine.pc >= 0xE000_0000 or 0x4000_0000 <= engine.pc < 0x6000_0000:
                    self._fault(_MEM, CFSR.IACCVIOL.mask)
                else:
                    self._fault(_BUS, CFSR.IBUSERR.mask)
            case Stop.PROTECTED:
                self._fault(_MEM, CFSR.DACCVIOL.mask, address=engine.address)
            case Stop.DATA_FAULT:
                if exceptions.ignores_bus_fault(engine.address):
                    engine.skip()
                else:
                    self._fault(_BUS, CFSR.PRECISERR.mask, address=engine.address)

    def _fault(self, exception: int, cause: int, *, address: int | None = None) -> None:
        self.exceptions.fault(exception, cause, address=address)
        self._settle()

    def _wait_for_event(self) -> None:
        if self.exceptions.event:
            self.exceptions.event = False
        elif not self._stepping:
            self._sleep = "wfe"

    def _at_exit(self, pc: int) -> None:
        """Act on an instruction that was made an exit."""
        if pc in self.fpb.addresses:
            self._debug_event(DFSR.BKPT.mask)
        elif pc in self.dwt.addresses:
            self.dwt.on_address(pc)
            self._trap(pc)
            self._debug_event(DFSR.DWTTRAP.mask)
        else:
            self._trap(pc)

    def _trap(self, pc: int) -> None:
        """Execute an instruction that the engine would execute in silence, or fault instead."""
        meaning = self.silent.meaning(pc)
        if isinstance(meaning, Fault):
            self.cycles += 1
            self._fault(meaning.exception, meaning.cause, address=meaning.address)
            return
        if meaning is Trap.SEND_EVENT:
            self.exceptions.event = True
        self._as_user = meaning is Trap.UNPRIVILEGED
        self._step()
        self._as_user = False

    def _debug_event(self, reason: int) -> None:
        """Halt, or take DebugMonitor; a breakpoint that can do neither is a HardFault."""
        if self.debug.enabled:
            self._halt_request |= reason
            return
        if self.debug.demcr.MON_EN:
            self.debug.dfsr |= reason
            monitor = int(ExceptionNumber.DEBUG_MONITOR)
            limit = self.nvic.masked_priority(*self.engine.masks())
            if reason != DFSR.BKPT.mask:
                self.nvic.pend(monitor)
                return
            if self.nvic.group_priority(monitor) < limit:
                self.exceptions.enter(monitor)
                return
        if reason == DFSR.BKPT.mask:
            if not self.profile.armv6m:
                self.debug.dfsr |= reason
            self.exceptions.hard_fault(HFSR.DEBUGEVT.mask)
