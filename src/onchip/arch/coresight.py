"""CoreSight identification registers and ROM-table entries (IHI 0029 B2, IHI 0031 D).

Every component ends its 4 KiB block with PIDR/CIDR; class 9 components add DEVARCH and DEVTYPE.
"""

from __future__ import annotations

from enum import IntEnum

from .register import Register, bit, bits

DEVARCH_OFFSET = 0xFBC
DEVID_OFFSET = 0xFC8
DEVTYPE_OFFSET = 0xFCC
PIDR4_OFFSET = 0xFD0  # PIDR4-7, then PIDR0-3, one byte in each word
PIDR0_OFFSET = 0xFE0
CIDR0_OFFSET = 0xFF0  # CIDR0-3
MEMTYPE_OFFSET = 0xFCC  # class 1 ROM table


class ComponentClass(IntEnum):
    """CIDR1[7:4]."""

    GENERIC_VERIFICATION = 0x0
    ROM_TABLE = 0x1
    CORESIGHT = 0x9
    PERIPHERAL_TEST = 0xB
    GENERIC_IP = 0xE
    PRIMECELL = 0xF


CIDR_PREAMBLE = 0xB105_000D
"""CIDR3..CIDR0 with the class field zero."""
CIDR_CLASS_MASK = 0x0000_F000


class RomEntry(Register, address=0x000):
    """An entry of a class 1 ROM table, 32-bit format. Zero ends the table."""

    PRESENT = bit(0)
    FORMAT = bit(1)
    POWERIDVALID = bit(2)
    POWERID = bits(8, 4)
    OFFSET = bits(31, 12)


class RomEntry9(Register, address=0x000):
    """An entry of a class 9 ROM table, 32-bit format. PRESENT: 0 end, 2 absent, 3 present."""

    PRESENT = bits(1, 0)
    POWERIDVALID = bit(2)
    POWERID = bits(8, 4)
    OFFSET = bits(31, 12)


class DEVARCH(Register, address=DEVARCH_OFFSET):
    """Device Architecture Register."""

    ARCHID = bits(15, 0)
    REVISION = bits(19, 16)
    PRESENT = bit(20)
    ARCHITECT = bits(31, 21)


ARCHID_ROM_TABLE = 0x0AF7
"""DEVARCH.ARCHID of a class 9 ROM table."""


class DEVTYPE(Register, address=DEVTYPE_OFFSET):
    """Device Type Identifier Register."""

    MAJOR = bits(3, 0)
    SUB = bits(7, 4)


def pidr_part(pidr: int) -> int:
    """Return PART_0/PART_1 of a 64-bit PIDR (PIDR0 in the lowest byte)."""
    return pidr & 0xFFF


PIDR_JEDEC = 1 << 19
"""PIDR2.JEDEC: the designer is a JEP106 code. Without it the table names nobody."""


def pidr_designer(pidr: int) -> int:
    """Return the 11-bit JEP106 designer (continuation << 7 | code) of a 64-bit PIDR."""
    return (pidr >> 32 & 0xF) << 7 | (pidr >> 12 & 0x7F)
