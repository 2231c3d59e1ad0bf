"""PIDR, CIDR, DEVTYPE and the ROM table of the Private Peripheral Bus, as Arm ships them.

Sources: the Technical Reference Manuals of Cortex-M0, M0+, M3, M4 and M7, tables of CoreSight
components; IHI 0031 D for the ROM table.
"""

from __future__ import annotations

from dataclasses import dataclass

from onchip.arch import coresight

from .profile import CoreProfile

SCS, DWT, FPB, ITM = 0xE000_E000, 0xE000_1000, 0xE000_2000, 0xE000_0000
TPIU, ETM, ROM_TABLE = 0xE004_0000, 0xE004_1000, 0xE00F_F000
_ARM = 0x4_000B_B000  # PIDR: JEP106 code 0x3B, bank 4, JEDEC bit


@dataclass(frozen=True, slots=True)
class Identity:
    """What a component's last words say."""

    pidr: int
    component_class: int
    devtype: int | None = None

    def read(self, offset: int) -> int | None:
        """Return a word of the identification block, or None if ``offset`` is not in it."""
        if offset >= coresight.CIDR0_OFFSET:
            cidr = coresight.CIDR_PREAMBLE | self.component_class << 12
            return cidr >> 8 * ((offset - coresight.CIDR0_OFFSET) // 4) & 0xFF
        if offset >= coresight.PIDR4_OFFSET:
            index = (offset - coresight.PIDR4_OFFSET) // 4
            return self.pidr >> 8 * ((index + 4) % 8) & 0xFF
        if offset == coresight.DEVTYPE_OFFSET and self.devtype is not None:
            return self.devtype
        return None


def _arm(part: int, revision: int = 0) -> int:
    return _ARM | part | revision << 20


_IP = coresight.ComponentClass.GENERIC_IP
_CS = coresight.ComponentClass.CORESIGHT


def components(profile: CoreProfile) -> dict[int, Identity]:
    """Return the identity of each debug component the core has, by base address."""
    rom = {"cortex-m0": 0x471, "cortex-m0p": 0x4C0, "cortex-m3": 0x4C3}
    rom |= {"cortex-m4": 0x4C4, "cortex-m7": 0x4C7}
    rom_pidr = profile.rom_table_pidr
    if rom_pidr is None:
        rom_pidr = _arm(rom[profile.cpu])
    table = Identity(rom_pidr, coresight.ComponentClass.ROM_TABLE)
    if profile.armv6m:
        found = {
            SCS: Identity(_arm(0x008), _IP),
            DWT: Identity(_arm(0x00A), _IP),
            FPB: Identity(_arm(0x00B), _IP),
        }
    else:
        m3 = profile.cpu == "cortex-m3"
        found = {
            SCS: Identity(_arm(0x00C if profile.fpu or profile.cpu == "cortex-m7" else 0x000), _IP),
            DWT: Identity(_arm(0x002, 3), _IP),
            FPB: Identity(_arm(0x003, 2), _IP),
        }
        if profile.itm:
            found[ITM] = Identity(_arm(0x001, 3), _IP)
        if profile.tpiu:
            found[TPIU] = Identity(_arm(0x923 if m3 else 0x9A1), _CS, 0x11)
        if profile.etm:
            found[ETM] = Identity(_arm(0x924 if m3 else 0x925), _CS, 0x13)
    if profile.rom_table:
        found[ROM_TABLE] = table
    return found


def rom_entries(profile: CoreProfile) -> tuple[int, ...]:
    """Return the entries of the ROM table, without the final zero."""
    present = components(profile)
    order = (SCS, DWT, FPB) if profile.armv6m else (SCS, DWT, FPB, ITM, TPIU, ETM)
    return tuple(
        (base - ROM_TABLE & 0xFFFF_F000) | 2 | (1 if base in present else 0) for base in order
    )
