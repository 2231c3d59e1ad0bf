"""The Private Peripheral Bus: sends each access to the unit that owns the address.

Unprivileged code gets a bus fault everywhere except at ITM stimulus ports, and at STIR if
CCR.USERSETMPEND allows it. Where no component sits, nobody answers.
"""

from __future__ import annotations

from typing import Protocol

from onchip.arch import scs
from onchip.arch.scs import CFSR, HFSR

from ..bus import BusFault
from . import identification as ids
from .debug import DebugUnit
from .dwt import Dwt
from .fpb import Fpb
from .itm import Itm, Tpiu
from .mpu import Mpu
from .nvic import Nvic
from .profile import CoreProfile
from .scb import USERSETMPEND, SystemControlBlock
from .systick import SysTick

_DEBUG = frozenset({0xE000_ED30, 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8, 0xE000_EDFC})
_WRITE_ONE = frozenset({CFSR.address, HFSR.address, 0xE000_ED30})


class Host(Protocol):
    """What the bus asks of the core."""

    def cycle(self) -> int:
        """Return the cycle at which the current instruction started."""
        ...

    def current_exception(self) -> int:
        """Return the exception whose handler runs."""
        ...

    def unprivileged(self) -> bool:
        """Tell whether unprivileged code runs."""
        ...

    def system_register_written(self) -> None:
        """Hear that priorities, pending state or deadlines may have changed."""
        ...


class Ppb:
    """Implements ``bus.PrivatePeripherals``."""

    def __init__(
        self,
        profile: CoreProfile,
        host: Host,
        nvic: Nvic,
        systick: SysTick,
        scb: SystemControlBlock,
        mpu: Mpu,
        debug: DebugUnit,
        fpb: Fpb,
        dwt: Dwt,
        itm: Itm,
        tpiu: Tpiu,
    ) -> None:
        self._host = host
        self._nvic, self._systick, self._scb, self._debug = nvic, systick, scb, debug
        self._fpb, self._dwt, self._itm, self._tpiu = fpb, dwt, itm, tpiu
        self._mpu = mpu
        self._identities = ids.components(profile)
        self._rom = ids.rom_entries(profile)

    def read(self, address: int, size: int, *, debugger: bool) -> int:
        """Return what a load of ``size`` bytes sees."""
        self._check(address, size, debugger=debugger)
        word = self._read_word(address & ~3, debugger=debugger)
        return word >> 8 * (address & 3) & ((1 << 8 * size) - 1)

    def write(self, address: int, size: int, value: int, *, debugger: bool) -> None:
        """Take a store of ``size`` bytes."""
        self._check(address, size, debugger=debugger)
        base = address & ~0xFFF
        if base == ids.SCS:
            if size != 4:
                self._write_part(address, size, value, debugger=debugger)
            else:
                self._write_scs(address, value, debugger=debugger)
            self._host.system_register_written()
        elif base == ids.ITM:
            self._itm.write(address & 0xFFC, size, value, debugger=debugger)
        elif base == ids.DWT:
            self._dwt.write(address & 0xFFC, value)
        elif base == ids.FPB:
            self._fpb.write(address & 0xFFC, value)
        elif base == ids.TPIU:
            self._tpiu.write(address & 0xFFC, value)

    def _check(self, address: int, size: int, *, debugger: bool) -> None:
        if address & ~0xFFF not in self._identities or (address & 3) + size > 4:
            raise BusFault(address)
        if debugger or not self._host.unprivileged():
            return
        stir = address == scs.STIR and self._scb.ccr & USERSETMPEND
        if not stir and address & ~0xFFF != ids.ITM:
            raise BusFault(address)

    # ---- reading --------------------------------------------------------------------------------

    def _read_word(self, address: int, *, debugger: bool) -> int:
        base, offset = address & ~0xFFF, address & 0xFFC
        if offset >= 0xFCC:
            word = self._identities[base].read(offset)
            if word is not None:
                return word
        if base == ids.SCS:
            return self._read_scs(address, debugger=debugger)
        if base == ids.DWT:
            return self._dwt.read(offset)
        if base == ids.FPB:
            return self._fpb.read(offset)
        if base == ids.ITM:
            return self._itm.read(offset, debugger=debugger)
        if base == ids.TPIU:
            return self._tpiu.read(offset)
        if base == ids.ROM_TABLE:
            if offset == 0xFCC:
                return 1  # MEMTYPE: system memory is on this bus too
            return self._rom[offset // 4] if offset // 4 < len(self._rom) else 0
        return 0

    def _read_scs(self, address: int, *, debugger: bool) -> int:
        if 0xE000_E100 <= address < 0xE000_E800:
            return self._nvic.read(address)
        if 0xE000_E010 <= address < 0xE000_E020:
            return self._systick.read(address & 0xF, self._host.cycle(), debugger=debugger)
        if address in _DEBUG:
            return self._debug.read(address, debugger=debugger)
        if self._mpu.owns(address):
            return self._mpu.read(address)
        return self._scb.read(address, self._host.current_exception())

    # ---- writing --------------------------------------------------------------------------------

    def _write_scs(self, address: int, value: int, *, debugger: bool) -> None:
        if 0xE000_E100 <= address < 0xE000_E800:
            self._nvic.write(address, value)
        elif 0xE000_E010 <= address < 0xE000_E020:
            self._systick.write(address & 0xF, value, self._host.cycle())
        elif address in _DEBUG:
            self._debug.write(address, value, debugger=debugger)
        elif self._mpu.owns(address):
            self._mpu.write(address, value)
        else:
            self._scb.write(address, value)

    def _write_part(self, address: int, size: int, value: int, *, debugger: bool) -> None:
        """Write a byte or halfword: priorities have bytes, other registers are merged."""
        shift, word = 8 * (address & 3), address & ~3
        if scs.NVIC_IPR <= address < scs.NVIC_IPR + 0x400:
            for i in range(size):
                self._nvic.write_priority(16 + address - scs.NVIC_IPR + i, value >> 8 * i & 0xFF)
            return
        if scs.SHPR1 <= address < scs.SHPR3 + 4:
            for i in range(size):
                self._scb.write_priority(address + i, value >> 8 * i & 0xFF)
            return
        merged = value << shift
        if word not in _WRITE_ONE and not 0xE000_E100 <= word < 0xE000_E400:
            mask = ((1 << 8 * size) - 1) << shift
            merged |= self._read_word(word, debugger=True) & ~mask
        self._write_scs(word, merged, debugger=debugger)
