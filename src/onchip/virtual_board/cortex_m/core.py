"""A Cortex-M core on a bus: what its neighbours see of it.

The timeline asks for time, the chip drives interrupts and resets, the debug units halt and resume,
the program reaches the bus. How instructions get executed stands in ``execution``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from onchip.arch.scs import ExceptionNumber

from ..bus import Bus
from . import scb as scb_bits
from .address_map import AddressMap
from .bit_band import ALIAS_SIZE, REGIONS, BitBand
from .debug import DebugUnit
from .dwt import Dwt
from .engine import REGISTER_NAMES, Engine
from .exceptions import ExceptionModel
from .execution import LEAST_PATIENCE
from .fpb import Fpb
from .fpu import Fpu
from .itm import Itm, Tpiu
from .mpu import Mpu
from .nvic import Nvic
from .ppb import Ppb
from .profile import CoreProfile
from .protection import Protection
from .resets import Resets
from .scb import SystemControlBlock
from .silent import SilentInstructions
from .stacking import Stacking
from .systick import SysTick
from .unicorn.engine import UnicornEngine
from .waiting import WaitingLoops


class VirtualCore(Resets):
    """A Cortex-M core on a bus. It attaches itself to ``bus.timeline`` and ``bus.ppb``.

    After building, fill the memories and call ``reset("power-on")``.

    Raises:
        BoardError: the instruction engine is missing or unusable.
    """

    def __init__(self, bus: Bus, profile: CoreProfile) -> None:
        self.bus = bus
        self.profile = profile
        super().__init__(profile)
        self._build()

    def _build(self) -> None:
        bus, profile = self.bus, self.profile
        self.engine: Engine = UnicornEngine.start(
            profile.cpu, on_read=self._load, on_write=self._store
        )
        self.waiting = WaitingLoops(bus, self.engine)
        self.nvic = Nvic(profile)
        self.systick = SysTick(profile)
        self.fpu = Fpu(profile, self.engine)
        self.scb = SystemControlBlock(profile, self.nvic, self.fpu, request_reset=self._ask_reset)
        self.scb.clear_active = self._clear_active
        self.mpu = Mpu(profile)
        self.protection = Protection(self.mpu, bus, self.engine)
        self.silent = SilentInstructions(
            *(profile, bus, self.engine, self.scb, self.fpu, self.mpu, self.protection),
            self._exits_changed,
        )
        self.engine.on_code = self.silent.code_appears
        self.scb.changed = self._configuration_changed
        self.fpu.changed = self.silent.arm
        self.mpu.changed = self._mpu_changed
        self.exceptions = ExceptionModel(
            *(profile, self.engine, bus, self.nvic, self.scb),
            Stacking(profile, self.engine, bus, self.scb, self.fpu, self.protection),
        )
        self.debug = DebugUnit(profile, self)
        self.exceptions.monitor_enabled = lambda: bool(self.debug.demcr.MON_EN)
        self.fpb = Fpb(profile, self._exits_changed)
        self.dwt = Dwt(profile, self, lambda: self.debug.trace_enabled)
        self.itm = Itm(enabled=lambda: self.debug.trace_enabled, unprivileged=self.unprivileged)
        self.tpiu = Tpiu()
        self.ppb = Ppb(
            *(profile, self, self.nvic, self.systick, self.scb, self.mpu),
            *(self.debug, self.fpb, self.dwt, self.itm, self.tpiu),
        )
        if profile.bit_band:
            for alias, target in REGIONS:
                bus.add_device("bit-band", alias, ALIAS_SIZE, BitBand(bus, target))
        self._map = AddressMap(self.engine, self.end_leap)
        bus.ppb = self.ppb
        bus.attach(self._map)
        bus.timeline.attach(self)

    def close(self) -> None:
        """Free the engine (1 GiB of address space) now instead of at garbage collection."""
        self.engine.close()

    # ---- state ----------------------------------------------------------------------------------

    @property
    def sleeping(self) -> bool:
        """Tell whether WFI, WFE or sleep-on-exit holds the core."""
        return self._sleep != ""

    @property
    def deep_sleep(self) -> bool:
        """Tell whether the sleep is a deep one (SCR.SLEEPDEEP)."""
        return self.sleeping and bool(self.scb.scr & scb_bits.SLEEPDEEP)

    @property
    def locked_up(self) -> bool:
        """Tell whether the core is locked up."""
        return self.exceptions.locked_up

    @property
    def on_trace(self) -> Callable[[bytes], None] | None:
        """What takes the bytes that leave SWO: ITM packets without a formatter."""
        return self.itm.sink

    @on_trace.setter
    def on_trace(self, sink: Callable[[bytes], None] | None) -> None:
        self.itm.sink = sink

    # ---- time -----------------------------------------------------------------------------------

    def cycle(self) -> int:
        """Return the cycle at which the current instruction started."""
        return self.cycles + self.engine.elapsed

    @property
    def now_ns(self) -> int:
        """Return the same as a time."""
        return self._clock.ns_of(self.cycles + self.engine.elapsed)

    @property
    def clock_hz(self) -> int:
        """The core's clock. Setting it counts from the end of the current instruction."""
        return self._clock.frequency_hz

    @clock_hz.setter
    def clock_hz(self, value: int) -> None:
        end_ns = self._clock.ns_of(self._end)
        self._clock.change(value, self.cycle())
        self._leap_to = None
        if self.engine.running:
            self._end = self._clock.cycle_at(end_ns)
            self.engine.stop_after_instruction()

    def shorten(self, ns: int) -> None:
        """Make the run in progress end at ``ns`` already."""
        self._end = min(self._end, self._clock.cycle_at(ns))
        self.engine.limit(self._end - self.cycles)

    def quiet_until_ns(self) -> int | None:
        """Return until when nothing is executed; None: until something happens from outside."""
        if self._stopped():
            return None
        sleeps = self._sleep and not self._wakes()
        leaps = self._leap_to is not None and self.exceptions.due() is None
        if self.nvic.newly_pending or not (sleeps or leaps):
            return 0
        cycles = [c for c in (self._leap_to, self.systick.deadline) if c is not None]
        return self._clock.ns_of(min(cycles)) if cycles else None

    def leap(self, ns: int) -> None:
        """Do nothing until ``ns``, from the end of the current instruction."""
        self._leap_to = self._clock.cycle_at(ns)
        self.engine.stop_after_instruction()

    def end_leap(self) -> None:
        """Go on at once."""
        self._leap_to = None

    def counted_cycles(self) -> int:
        """Return cycles so far, without those spent in Debug state or asleep."""
        return self.cycle() - self._uncounted

    def exception_cycles(self) -> int:
        """Return the cycles so far that exception entries and returns took."""
        return self._excepted

    def sleep_cycles(self) -> int:
        """Return the cycles so far that the core slept."""
        return self._slept

    # ---- debug: what DebugUnit, Fpb and Dwt ask for ---------------------------------------------

    def debug_halt(self, reason: int) -> None:
        """Enter Debug state for the DFSR bits in ``reason``."""
        self._halt_request |= reason
        if self.engine.running:
            self.engine.stop_after_instruction()
        elif not self.in_reset:
            self._halt_now()

    def debug_resume(self, *, step: bool) -> None:
        """Leave Debug state, for one instruction if ``step``."""
        self.halted = False
        self._stepping = step
        self._check_state = True
        self._patience, self._next_look = LEAST_PATIENCE, self._instructions
        self.systick.thaw(self.cycles)

    def debug_control_changed(self) -> None:
        """Hear that C_DEBUGEN or C_MASKINTS has changed."""
        self.exceptions.hold_interrupts = self.debug.mask_interrupts

    def change_demcr(self, change: Callable[[], None]) -> None:
        """Make ``change``, which switches DEMCR.TRCENA."""
        self.dwt.trace_enable_changes(change)

    def take_retired(self) -> bool:
        """Tell whether an instruction has retired since this was last asked."""
        retired = self._instructions != self._instructions_seen
        self._instructions_seen = self._instructions
        return retired

    def debug_read_register(self, name: str) -> int:
        """Return a core register by name."""
        return self.engine.read_register(name)

    def debug_write_register(self, name: str, value: int) -> None:
        """Write a core register by name."""
        self.engine.write_register(name, value)

    def request_monitor(self) -> None:
        """Pend DebugMonitor."""
        self.nvic.pend(ExceptionNumber.DEBUG_MONITOR)

    def watchpoint_hit(self) -> None:
        """Hear that a DWT comparator matched."""
        self._watch_hit = True
        self.engine.stop_after_instruction()

    def watches_changed(self) -> None:
        """Tell the engine what to watch."""
        self.engine.set_watches(self.dwt.watches, self.dwt.on_access)
        self._exits_changed()

    def _exits_changed(self) -> None:
        wanted = self.fpb.addresses | self.dwt.addresses
        wanted |= self.silent.addresses
        if wanted != self._armed:
            self._armed = wanted
            self.waiting.forget()
            self.engine.set_exits(set(wanted))

    def _configuration_changed(self) -> None:
        self.silent.arm()
        self.engine.trap_unaligned(everything=bool(self.scb.ccr & scb_bits.UNALIGN_TRP))

    def _mpu_changed(self) -> None:
        self.protection.changed()
        self.silent.arm()

    def sampled_pc(self) -> int:
        """Return what DWT_PCSR shows: the last address seen, all ones in Debug state."""
        return 0xFFFF_FFFF if self.halted else self.engine.pc

    # ---- the bus, as the program sees it --------------------------------------------------------

    def _load(self, address: int, size: int) -> int:
        return self.bus.read(address, size)

    def _store(self, address: int, size: int, value: int) -> None:
        self.bus.write(address, size, value)

    def current_exception(self) -> int:
        """Return the exception whose handler runs."""
        return self.engine.ipsr()

    def unprivileged(self) -> bool:
        """Tell whether an access counts as one of unprivileged code."""
        return self._as_user or self.engine.unprivileged()

    def system_register_written(self) -> None:
        """Look again at priorities, pending state and deadlines."""
        self.engine.stop_after_instruction()
        if self.halted:
            self.systick.freeze(self.cycles)

    # ---- signals from outside -------------------------------------------------------------------

    def set_irq(self, number: int, level: int) -> None:
        """Drive interrupt line ``number``: 0 or False is low, all else is high.

        A line that stays high pends again after its handler.
        """
        if self.nvic.set_line(16 + number, level=bool(level)):
            self._signalled()

    def pulse_irq(self, number: int) -> None:
        """Pend interrupt ``number`` once."""
        if self.nvic.pend(16 + number):
            self._signalled()

    def set_nmi(self, level: int) -> None:
        """Drive the NMI line; its rising edge pends NMI, which even ends a lock-up."""
        number = int(ExceptionNumber.NMI)
        if level and self.nvic.pend(number):
            if self.exceptions.locked_up and self.engine.ipsr() != number:
                self.exceptions.locked_up = False
            self._signalled()

    def _signalled(self) -> None:
        self.engine.stop_after_instruction()

    def _clear_active(self) -> None:
        """Carry out VECTCLRACTIVE: forget every active exception and go to thread mode."""
        if self.halted:
            self.nvic.clear_active()
            xpsr = self.engine.read_register("xpsr")
            self.engine.write_register("xpsr", xpsr & ~0x1FF)

    # ---- for tests ------------------------------------------------------------------------------

    def fingerprint(self) -> str:
        """Return a digest of registers, RAM and system state: equal states, equal digests."""
        digest = hashlib.blake2b(digest_size=16)
        names = [n for n in REGISTER_NAMES if self.profile.fpu or n[0] != "s" or n == "sp"]
        for name in names:
            if name != "fpscr" or self.profile.fpu:
                digest.update(self.engine.read_register(name).to_bytes(4, "little"))
        nvic, scb = self.nvic, self.scb
        state = (sorted(nvic.pending), sorted(nvic.active), sorted(nvic.enabled))
        state2 = (bytes(nvic.priorities), scb.cfsr, scb.hfsr, scb.vtor, scb.scr, scb.ccr)
        clock = (self.counted_cycles(), self.systick.value(self.cycles), self._sleep)
        floating = self.engine.fp_control() if self.profile.fpu else ()
        digest.update(repr((state, state2, clock, floating)).encode())
        for memory in self.bus.memories:
            digest.update(memory.data)
        return digest.hexdigest()
