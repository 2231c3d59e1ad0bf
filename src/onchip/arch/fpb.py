"""Flash Patch and Breakpoint unit (ARMv7-M C1.11) and the ARMv6-M Breakpoint Unit (C1.9)."""

from __future__ import annotations

from .register import Register, bit, bits

FPB_BASE = 0xE000_2000
FP_COMP0 = 0xE000_2008  # FP_COMPn = FP_COMP0 + 4 * n


class FP_CTRL(Register, address=0xE000_2000):
    """FlashPatch Control Register. A write that changes ENABLE needs KEY = 1.

    The number of code comparators is NUM_CODE2 * 16 + NUM_CODE1. REV 0 is FPBv1: addresses below
    0x2000_0000 only; REV 1 is FPBv2: any address.
    """

    ENABLE = bit(0)
    KEY = bit(1)
    NUM_CODE1 = bits(7, 4)
    NUM_LIT = bits(11, 8)
    NUM_CODE2 = bits(14, 12)
    REV = bits(31, 28)


class FP_REMAP(Register, address=0xE000_2004):
    """FlashPatch Remap Register."""

    REMAP = bits(28, 5)
    RMPSPT = bit(29)


class FP_COMP(Register, address=FP_COMP0):
    """FlashPatch Comparator, FPBv1 (and the Breakpoint Unit's BP_COMPn)."""

    ENABLE = bit(0)
    COMP = bits(28, 2)
    REPLACE = bits(31, 30)  # 0 remap, 1 lower halfword, 2 upper halfword, 3 both


class FP_COMP_V2(Register, address=FP_COMP0):
    """FlashPatch Comparator, FPBv2."""

    BE = bit(0)
    BPADDR = bits(31, 1)
