"""Memory Protection Unit, PMSAv7. Sources: DDI 0403 B3.5, B3.1 (default memory map).

Kept: MPU_TYPE, CTRL, RNR, RBAR, RASR and their aliases; regions with subregions, the highest number
wins; PRIVDEFENA, HFNMIENA; XN. TEX, S, C and B are kept and mean nothing here: there are no caches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from onchip.arch.scs import MPU_CTRL, MPU_RASR, MPU_RBAR, MPU_RNR, MPU_TYPE

from ..bus import PPB_BASE, PPB_END
from .engine import Rights
from .profile import CoreProfile

_LAST = 0xE000_EDB8  # MPU_RASR_A3
_SMALLEST, _SMALLEST_DIVIDED = 4, 7  # SIZE of 32 and of 256 bytes
_RASR_WRITABLE = 0x173F_FF3F
_NEVER_EXECUTED = ((0x4000_0000, 0x6000_0000), (0xA000_0000, 1 << 32))


_NOTHING = Rights(read=False, write=False, execute=False)
_BY_AP = {  # (privileged reads, privileged writes), (unprivileged reads, unprivileged writes)
    0b001: ((True, True), (False, False)),
    0b010: ((True, True), (True, False)),
    0b011: ((True, True), (True, True)),
    0b101: ((True, False), (False, False)),
    0b110: ((True, False), (True, False)),
    0b111: ((True, False), (True, False)),
}
_NO_ACCESS = ((False, False), (False, False))


class _Region(NamedTuple):
    """One region that is enabled."""

    first: int
    size: int
    disabled: int
    """SRD: subregions that do not belong to it."""
    privileged: Rights
    unprivileged: Rights

    def holds(self, address: int) -> bool:
        offset = address - self.first
        return 0 <= offset < self.size and not self.disabled >> (8 * offset // self.size) & 1


class Mpu:
    """The registers, and what they allow. ``changed`` is called after every change of that."""

    def __init__(self, profile: CoreProfile) -> None:
        self.count = profile.mpu_regions
        self.changed: Callable[[], None] = lambda: None
        self.reset()

    def reset(self) -> None:
        """Return to the state after a system reset."""
        self.control = MPU_CTRL(0)
        self.enabled = False
        """Whether it protects anything."""
        self._number = 0
        self._bases = [0] * self.count
        self._attributes = [0] * self.count
        self._regions: list[_Region] = []

    # ---- what is allowed ------------------------------------------------------------------------

    def rights(self, address: int, *, privileged: bool) -> Rights:
        """Return what code may do at ``address`` while the unit is in force."""
        if PPB_BASE <= address < PPB_END:  # always the default map
            return Rights(read=True, write=True, execute=False)
        for region in self._regions:
            if region.holds(address):
                rights = region.privileged if privileged else region.unprivileged
                return rights._replace(execute=rights.execute and _executable(address))
        if privileged and self.control.PRIVDEFENA:
            return Rights(read=True, write=True, execute=_executable(address))
        return _NOTHING

    def allows(self, address: int, size: int, *, write: bool, privileged: bool) -> bool:
        """Tell whether an access is allowed; it is if each of its bytes is."""
        ends = {address, (address + size - 1) & 0xFFFF_FFFF}
        found = [self.rights(at, privileged=privileged) for at in ends]
        return all(rights.write if write else rights.read for rights in found)

    def borders(self) -> set[int]:
        """Return the addresses at which rights may change."""
        borders: set[int] = set()
        for region in self._regions:
            parts = 8 if region.size >= 256 else 1
            step = region.size // parts
            borders |= set(range(region.first, region.first + region.size + 1, step))
        return borders

    # ---- registers ------------------------------------------------------------------------------

    def owns(self, address: int) -> bool:
        """Tell whether a word of the System Control Space belongs to this unit."""
        return MPU_TYPE <= address <= _LAST and (self.count > 0 or address == MPU_TYPE)

    def read(self, address: int) -> int:
        """Return a register."""
        if address == MPU_TYPE:
            return self.count << 8
        if address == MPU_CTRL.address:
            return self.control
        if address == MPU_RNR:
            return self._number
        if (address - MPU_RBAR.address) % 8 == 0:
            return self._bases[self._number] | self._number
        return self._attributes[self._number]

    def write(self, address: int, value: int) -> None:
        """Write a register."""
        if address == MPU_CTRL.address:
            self.control = MPU_CTRL(value & 7)
            self.enabled = bool(self.control.ENABLE)
        elif address == MPU_RNR:
            self._number = (value & 0xFF) % self.count
            return
        elif address == MPU_TYPE:
            return
        elif (address - MPU_RBAR.address) % 8 == 0:
            base = MPU_RBAR(value)
            if base.VALID:
                self._number = base.REGION % self.count
            self._bases[self._number] = value & 0xFFFF_FFE0
        else:
            self._attributes[self._number] = value & _RASR_WRITABLE
        regions = map(_region, self._bases, self._attributes)
        self._regions = [region for region in regions if region is not None][::-1]
        self.changed()


def _executable(address: int) -> bool:
    return not any(first <= address < end for first, end in _NEVER_EXECUTED)


def _region(base: int, attributes: int) -> _Region | None:
    rasr = MPU_RASR(attributes)
    if not rasr.ENABLE or rasr.SIZE < _SMALLEST:
        return None
    size = 2 << rasr.SIZE
    privileged, unprivileged = _BY_AP.get(rasr.AP, _NO_ACCESS)
    disabled = rasr.SRD if rasr.SIZE >= _SMALLEST_DIVIDED else 0
    rights = [
        Rights(reads, writes, reads and not rasr.XN) for reads, writes in (privileged, unprivileged)
    ]
    return _Region(base & ~(size - 1) & 0xFFFF_FFFF, size, disabled, *rights)
