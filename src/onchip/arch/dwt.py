"""Data Watchpoint and Trace unit, ARMv7-M C1.8 and ARMv6-M C1.8.

ARMv8-M renumbers DWT_FUNCTION (ARMv8-M D1.2.68): ``DWT_FUNCTION_V8``.
"""

from __future__ import annotations

from enum import IntEnum

from .register import Register, bit, bits

DWT_BASE = 0xE000_1000
DWT_CYCCNT = 0xE000_1004
DWT_PCSR = 0xE000_101C
DWT_COMP0 = 0xE000_1020  # comparator n: COMP, MASK, FUNCTION at DWT_COMP0 + 16 * n
DWT_MASK0 = 0xE000_1024
DWT_FUNCTION0 = 0xE000_1028
DWT_STRIDE = 16


class DWT_CTRL(Register, address=0xE000_1000):
    """DWT Control Register."""

    CYCCNTENA = bit(0)
    POSTPRESET = bits(4, 1)
    POSTINIT = bits(8, 5)
    CYCTAP = bit(9)
    SYNCTAP = bits(11, 10)
    PCSAMPLENA = bit(12)
    EXCTRCENA = bit(16)
    CPIEVTENA = bit(17)
    EXCEVTENA = bit(18)
    SLEEPEVTENA = bit(19)
    LSUEVTENA = bit(20)
    FOLDEVTENA = bit(21)
    CYCEVTENA = bit(22)
    NOPRFCNT = bit(24)
    NOCYCCNT = bit(25)
    NOEXTTRIG = bit(26)
    NOTRCPKT = bit(27)
    NUMCOMP = bits(31, 28)


class Function(IntEnum):
    """DWT_FUNCTIONn.FUNCTION for watchpoints (ARMv7-M table C1-14)."""

    DISABLED = 0b0000
    PC = 0b0100
    READ = 0b0101
    WRITE = 0b0110
    READ_WRITE = 0b0111


class DWT_FUNCTION(Register, address=DWT_FUNCTION0):
    """DWT Comparator Function Register, ARMv6-M and ARMv7-M. Reading it clears MATCHED."""

    FUNCTION = bits(3, 0)
    EMITRANGE = bit(5)
    CYCMATCH = bit(7)
    DATAVMATCH = bit(8)
    LNK1ENA = bit(9)
    DATAVSIZE = bits(11, 10)
    DATAVADDR0 = bits(15, 12)
    DATAVADDR1 = bits(19, 16)
    MATCHED = bit(24)


class DWT_FUNCTION_V8(Register, address=DWT_FUNCTION0):
    """DWT Comparator Function Register, ARMv8-M."""

    MATCH = bits(3, 0)
    ACTION = bits(5, 4)
    DATAVSIZE = bits(11, 10)
    MATCHED = bit(24)
    ID = bits(31, 27)
