"""Resets of a core: by the program, the debugger, a device, or nRESET. Source: DDI 0403 B1.5.5."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from onchip.arch.scs import DFSR, DHCSR, HFSR

from ..bus import Bus, BusFault
from .exceptions import LOCKUP_PC
from .execution import Execution, ResetKind
from .fpu import Fpu
from .itm import Itm, Tpiu
from .mpu import Mpu
from .profile import CoreProfile


class Resets(Execution):
    """That part of a core which resets it."""

    bus: Bus
    mpu: Mpu
    fpu: Fpu
    itm: Itm
    tpiu: Tpiu

    def __init__(self, profile: CoreProfile) -> None:
        super().__init__(profile)
        self.on_reset_request: Callable[[ResetKind], None] | None = None
        """Called when SYSRESETREQ ("system") or VECTRESET ("core") is written, by the program or
        the debugger. The core resets itself right after, unless this has called ``reset``."""
        self._resets = 0

    @abstractmethod
    def debug_control_changed(self) -> None:
        """Hear that C_DEBUGEN or C_MASKINTS has changed."""

    def _ask_reset(self, kind: str) -> None:
        self._reset_request = "core" if kind == "core" else "system"
        if self.engine.running:
            self.engine.stop_after_instruction()
        else:
            self._reset_now()

    def _reset_now(self) -> None:
        asked, self._reset_request = self._reset_request, None
        device, self._reset_by_device = self._reset_by_device, None
        if device is not None:
            self.reset(device)
        elif asked is not None:
            before = self._resets
            if self.on_reset_request is not None:
                self.on_reset_request(asked)
            if self._resets == before:
                self.reset(asked)

    def reset(self, kind: ResetKind = "system") -> None:
        """Reset the core: debug registers survive all but "power-on".

        Reads SP and PC from the vector table and runs, or halts there for VC_CORERESET. Called
        from a device while the program runs, it counts from the end of the current instruction.
        """
        if self.engine.running:
            self._reset_by_device = kind
            self.engine.stop_after_instruction()
            return
        self._resets += 1
        if kind == "power-on":
            self.debug.power_on_reset()
            for unit in (self.fpb, self.dwt, self.itm, self.tpiu):
                unit.power_on_reset()
        held_halt = self.in_reset and self.debug.control & DHCSR.C_HALT.mask
        self.debug.system_reset()
        self.debug_control_changed()
        for part in (self.nvic, self.systick, self.scb, self.fpu, self.mpu, self.exceptions):
            part.reset()
        self.halted = self._stepping = self._check_state = self._watch_hit = False
        self._sleep = ""
        self._leap_to = None
        self._halt_request = 0
        self.silent.reset()
        self.engine.trap_unaligned(everything=False)
        self._load_vectors()
        if self.debug.enabled and (self.debug.demcr.VC_CORERESET or held_halt):
            self._halt_request = DFSR.VCATCH.mask if not held_halt else DFSR.HALTED.mask
            if not self.in_reset:
                self._halt_now()

    def _load_vectors(self) -> None:
        try:
            sp, vector = self.bus.read(self.scb.vtor, 4), self.bus.read(self.scb.vtor + 4, 4)
        except BusFault:
            self.engine.reset(0, LOCKUP_PC | 1)
            self.scb.hfsr |= HFSR.VECTTBL.mask
            self.exceptions.lock_up()
            return
        self.engine.reset(sp, vector)
        self.exceptions.invalid_state = not vector & 1

    def hold_reset(self, asserted: int) -> None:
        """Drive nRESET: the core stands still while it is asserted and starts when released."""
        if asserted:
            self.in_reset = True
            self.halted = False
            self._sleep = ""
            self._leap_to = None
            self.exceptions.locked_up = False
            self.debug.system_reset()
        elif self.in_reset:
            held = self.debug.control & DHCSR.C_HALT.mask and self.debug.enabled
            self.in_reset = False
            self.reset("system")
            if held and not self.halted:
                self._halt_request = DFSR.HALTED.mask
                self._halt_now()
