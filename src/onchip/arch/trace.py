"""Trace: ITM (ARMv7-M C1.7) and TPIU (C1.10)."""

from __future__ import annotations

from .register import Register, bit, bits

ITM_STIM0 = 0xE000_0000
ITM_TER0 = 0xE000_0E00
ITM_TPR = 0xE000_0E40
ITM_LAR = 0xE000_0FB0
TPIU_BASE = 0xE004_0000
TPIU_SSPSR = 0xE004_0000
TPIU_CSPSR = 0xE004_0004
TPIU_ACPR = 0xE004_0010
TPIU_SPPR = 0xE004_00F0
TPIU_FFCR = 0xE004_0304

LAR_KEY = 0xC5AC_CE55
"""Written to a Lock Access Register to open the component for writes."""


class ITM_TCR(Register, address=0xE000_0E80):
    """ITM Trace Control Register."""

    ITMENA = bit(0)
    TSENA = bit(1)
    SYNCENA = bit(2)
    TXENA = bit(3)
    SWOENA = bit(4)
    TSPrescale = bits(9, 8)
    GTSFREQ = bits(11, 10)
    TraceBusID = bits(22, 16)
    BUSY = bit(23)
