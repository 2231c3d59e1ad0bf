"""Arm Debug Interface v5.2 and v6: the registers of the Debug Port and of a MEM-AP.

Sources: IHI 0031 (ADIv5.2) part B and C, IHI 0074 (ADIv6.0).
"""

from __future__ import annotations

from enum import IntEnum

from .register import Register, bit, bits


class Ack(IntEnum):
    """The three acknowledge bits of an SWD packet (ADIv5.2 B4.2.2)."""

    OK = 0b001
    WAIT = 0b010
    FAULT = 0b100
    NONE = 0b111  # nothing drives the line: it floats high


# ---- Debug Port: banked by SELECT.DPBANKSEL at address 0x4 (ADIv5.2 B2.2)


class DPIDR(Register, address=0x0):
    """Debug Port Identification Register, read-only."""

    RAO = bit(0)
    DESIGNER = bits(11, 1)
    VERSION = bits(15, 12)
    MIN = bit(16)
    PARTNO = bits(27, 20)
    REVISION = bits(31, 28)


class ABORT(Register, address=0x0):
    """AP Abort Register, write-only."""

    DAPABORT = bit(0)
    STKCMPCLR = bit(1)
    STKERRCLR = bit(2)
    WDERRCLR = bit(3)
    ORUNERRCLR = bit(4)


class CTRL_STAT(Register, address=0x4):
    """Control/Status Register, DPBANKSEL 0."""

    ORUNDETECT = bit(0)
    STICKYORUN = bit(1)
    TRNMODE = bits(3, 2)
    STICKYCMP = bit(4)
    STICKYERR = bit(5)
    READOK = bit(6)
    WDATAERR = bit(7)
    MASKLANE = bits(11, 8)
    TRNCNT = bits(23, 12)
    CDBGRSTREQ = bit(26)
    CDBGRSTACK = bit(27)
    CDBGPWRUPREQ = bit(28)
    CDBGPWRUPACK = bit(29)
    CSYSPWRUPREQ = bit(30)
    CSYSPWRUPACK = bit(31)


class DLCR(Register, address=0x4):
    """Data Link Control Register, DPBANKSEL 1."""

    TURNROUND = bits(9, 8)


class TARGETID(Register, address=0x4):
    """Target Identification Register, DPBANKSEL 2, DPv2 and later."""

    RAO = bit(0)
    TDESIGNER = bits(11, 1)
    TPARTNO = bits(27, 12)
    TREVISION = bits(31, 28)


class DLPIDR(Register, address=0x4):
    """Data Link Protocol Identification Register, DPBANKSEL 3, DPv2 and later."""

    PROTVSN = bits(3, 0)
    TINSTANCE = bits(31, 28)


class EVENTSTAT(Register, address=0x4):
    """Event Status Register, DPBANKSEL 4, DPv2 and later."""

    EA = bit(0)


class SELECT(Register, address=0x8):
    """AP Select Register, write-only."""

    DPBANKSEL = bits(3, 0)
    APBANKSEL = bits(7, 4)
    APSEL = bits(31, 24)


RESEND = 0x8  # read: the last read data once more
RDBUFF = 0xC  # read: the result of a posted AP read, without starting another access
TARGETSEL = 0xC  # write, DPv2: chooses one DP of a multi-drop bus


# ---- MEM-AP (ADIv5.2 C2.6)


class Size(IntEnum):
    """CSW.Size."""

    BYTE = 0
    HALFWORD = 1
    WORD = 2


class AddrInc(IntEnum):
    """CSW.AddrInc."""

    OFF = 0
    SINGLE = 1
    PACKED = 2


class CSW(Register, address=0x00):
    """Control/Status Word Register of a MEM-AP. ``Prot`` is drawn as the AHB-AP has it."""

    Size = bits(2, 0)
    AddrInc = bits(5, 4)
    DeviceEn = bit(6)
    TrInProg = bit(7)
    Mode = bits(11, 8)
    Type = bits(15, 12)
    SPIDEN = bit(23)
    HPROT = bits(28, 24)
    MasterType = bit(29)
    Prot30 = bit(30)
    DbgSwEnable = bit(31)


TAR = 0x04  # Transfer Address Register
DRW = 0x0C  # Data Read/Write Register
BD0 = 0x10  # Banked Data Registers: the word at TAR[31:4] + 0, 4, 8, 12
BD1 = 0x14
BD2 = 0x18
BD3 = 0x1C


class CFG(Register, address=0xF4):
    """Configuration Register of a MEM-AP."""

    BE = bit(0)
    LA = bit(1)
    LD = bit(2)


class BASE(Register, address=0xF8):
    """Debug Base Address Register: where the ROM table is. 0xFFFF_FFFF: there is none (legacy)."""

    P = bit(0)
    Format = bit(1)
    BASEADDR = bits(31, 12)


class IDR(Register, address=0xFC):
    """Identification Register, of any AP."""

    TYPE = bits(3, 0)
    VARIANT = bits(7, 4)
    CLASS = bits(16, 13)
    DESIGNER = bits(27, 17)
    REVISION = bits(31, 28)


CLASS_MEM_AP = 0x8
"""IDR.CLASS of a Memory Access Port."""


class ApType(IntEnum):
    """IDR.TYPE of Arm's MEM-APs (ADIv5.2 table C1-2)."""

    JTAG = 0x0
    AHB3 = 0x1
    APB = 0x2
    AXI = 0x4
    AHB5 = 0x5
    APB4 = 0x6
    AXI5 = 0x7
    AHB5_HPROT = 0x8


JEP106_ARM = 0x23B
"""DESIGNER of Arm Ltd: JEP106 continuation 4, code 0x3B."""
