"""System Control Space of ARMv6-M, ARMv7-M and ARMv8-M: identification, control, faults, debug.

Sources: DDI 0403 (ARMv7-M) B3.2 and C1.6, DDI 0419 (ARMv6-M) B3.2 and C1.6.
"""

from __future__ import annotations

from enum import IntEnum

from .register import Register, bit, bits

SCS_BASE = 0xE000_E000

ICTR = 0xE000_E004
ACTLR = 0xE000_E008

SYST_CSR = 0xE000_E010
SYST_RVR = 0xE000_E014
SYST_CVR = 0xE000_E018
SYST_CALIB = 0xE000_E01C

NVIC_ISER = 0xE000_E100
NVIC_ICER = 0xE000_E180
NVIC_ISPR = 0xE000_E200
NVIC_ICPR = 0xE000_E280
NVIC_IABR = 0xE000_E300
NVIC_IPR = 0xE000_E400

VTOR = 0xE000_ED08
SCR = 0xE000_ED10
CCR = 0xE000_ED14
SHPR1 = 0xE000_ED18
SHPR2 = 0xE000_ED1C
SHPR3 = 0xE000_ED20
MMFAR = 0xE000_ED34
BFAR = 0xE000_ED38
AFSR = 0xE000_ED3C
ID_PFR0 = 0xE000_ED40
CLIDR = 0xE000_ED78
CPACR = 0xE000_ED88
MPU_TYPE = 0xE000_ED90
MPU_RNR = 0xE000_ED98
STIR = 0xE000_EF00
FPCAR = 0xE000_EF38
FPDSCR = 0xE000_EF3C
MVFR0 = 0xE000_EF40
MVFR1 = 0xE000_EF44
MVFR2 = 0xE000_EF48


class CPUID(Register, address=0xE000_ED00):
    """CPUID Base Register."""

    Revision = bits(3, 0)
    PartNo = bits(15, 4)
    Architecture = bits(19, 16)
    Variant = bits(23, 20)
    Implementer = bits(31, 24)


class PartNo(IntEnum):
    """CPUID.PartNo of the cores we know."""

    CORTEX_M0 = 0xC20
    CORTEX_M1 = 0xC21
    CORTEX_M3 = 0xC23
    CORTEX_M4 = 0xC24
    CORTEX_M7 = 0xC27
    CORTEX_M0P = 0xC60
    CORTEX_M23 = 0xD20
    CORTEX_M33 = 0xD21
    CORTEX_M55 = 0xD22
    CORTEX_M85 = 0xD23


class ICSR(Register, address=0xE000_ED04):
    """Interrupt Control and State Register."""

    VECTACTIVE = bits(8, 0)
    RETTOBASE = bit(11)
    VECTPENDING = bits(20, 12)
    ISRPENDING = bit(22)
    ISRPREEMPT = bit(23)
    PENDSTCLR = bit(25)
    PENDSTSET = bit(26)
    PENDSVCLR = bit(27)
    PENDSVSET = bit(28)
    NMIPENDSET = bit(31)


class AIRCR(Register, address=0xE000_ED0C):
    """Application Interrupt and Reset Control Register. Writes need VECTKEY 0x05FA."""

    VECTRESET = bit(0)
    VECTCLRACTIVE = bit(1)
    SYSRESETREQ = bit(2)
    PRIGROUP = bits(10, 8)
    ENDIANNESS = bit(15)
    VECTKEY = bits(31, 16)


VECTKEY = 0x05FA


class SHCSR(Register, address=0xE000_ED24):
    """System Handler Control and State Register."""

    MEMFAULTACT = bit(0)
    BUSFAULTACT = bit(1)
    USGFAULTACT = bit(3)
    SVCALLACT = bit(7)
    MONITORACT = bit(8)
    PENDSVACT = bit(10)
    SYSTICKACT = bit(11)
    USGFAULTPENDED = bit(12)
    MEMFAULTPENDED = bit(13)
    BUSFAULTPENDED = bit(14)
    SVCALLPENDED = bit(15)
    MEMFAULTENA = bit(16)
    BUSFAULTENA = bit(17)
    USGFAULTENA = bit(18)


class CFSR(Register, address=0xE000_ED28):
    """Configurable Fault Status Register: MMFSR [7:0], BFSR [15:8], UFSR [31:16]."""

    IACCVIOL = bit(0)
    DACCVIOL = bit(1)
    MUNSTKERR = bit(3)
    MSTKERR = bit(4)
    MLSPERR = bit(5)
    MMARVALID = bit(7)
    IBUSERR = bit(8)
    PRECISERR = bit(9)
    IMPRECISERR = bit(10)
    UNSTKERR = bit(11)
    STKERR = bit(12)
    LSPERR = bit(13)
    BFARVALID = bit(15)
    UNDEFINSTR = bit(16)
    INVSTATE = bit(17)
    INVPC = bit(18)
    NOCP = bit(19)
    STKOF = bit(20)
    UNALIGNED = bit(24)
    DIVBYZERO = bit(25)


class FPCCR(Register, address=0xE000_EF34):
    """Floating-Point Context Control Register, ARMv7-M."""

    LSPACT = bit(0)
    USER = bit(1)
    THREAD = bit(3)
    HFRDY = bit(4)
    MMRDY = bit(5)
    BFRDY = bit(6)
    MONRDY = bit(8)
    LSPEN = bit(30)
    ASPEN = bit(31)


class MPU_CTRL(Register, address=0xE000_ED94):
    """MPU Control Register, PMSAv7."""

    ENABLE = bit(0)
    HFNMIENA = bit(1)
    PRIVDEFENA = bit(2)


class MPU_RBAR(Register, address=0xE000_ED9C):
    """MPU Region Base Address Register; its aliases A1 to A3 follow 8 bytes apart."""

    REGION = bits(3, 0)
    VALID = bit(4)
    ADDR = bits(31, 5)


class MPU_RASR(Register, address=0xE000_EDA0):
    """MPU Region Attribute and Size Register; its aliases A1 to A3 follow 8 bytes apart."""

    ENABLE = bit(0)
    SIZE = bits(5, 1)
    SRD = bits(15, 8)
    B = bit(16)
    C = bit(17)
    S = bit(18)
    TEX = bits(21, 19)
    AP = bits(26, 24)
    XN = bit(28)


class HFSR(Register, address=0xE000_ED2C):
    """HardFault Status Register."""

    VECTTBL = bit(1)
    FORCED = bit(30)
    DEBUGEVT = bit(31)


class DFSR(Register, address=0xE000_ED30):
    """Debug Fault Status Register: why the core halted. Bits are cleared by writing 1."""

    HALTED = bit(0)
    BKPT = bit(1)
    DWTTRAP = bit(2)
    VCATCH = bit(3)
    EXTERNAL = bit(4)


class DHCSR(Register, address=0xE000_EDF0):
    """Debug Halting Control and Status Register. Writes need DBGKEY in [31:16]."""

    C_DEBUGEN = bit(0)
    C_HALT = bit(1)
    C_STEP = bit(2)
    C_MASKINTS = bit(3)
    C_SNAPSTALL = bit(5)
    S_REGRDY = bit(16)
    S_HALT = bit(17)
    S_SLEEP = bit(18)
    S_LOCKUP = bit(19)
    S_RETIRE_ST = bit(24)
    S_RESET_ST = bit(25)


DBGKEY = 0xA05F_0000
"""DHCSR[31:16] of a write; a write without it is ignored."""


class DCRSR(Register, address=0xE000_EDF4):
    """Debug Core Register Selector Register, write-only. REGSEL: see ``Regsel``."""

    REGSEL = bits(6, 0)
    REGWnR = bit(16)


DCRDR = 0xE000_EDF8
"""Debug Core Register Data Register."""


class Regsel(IntEnum):
    """DCRSR.REGSEL beyond R0-R15, which are 0-15 (R15 is the DebugReturnAddress)."""

    XPSR = 16
    MSP = 17
    PSP = 18
    CFBP = 20  # CONTROL [31:24], FAULTMASK [23:16], BASEPRI [15:8], PRIMASK [7:0]
    FPSCR = 33
    S0 = 64  # S0-S31 are 64-95


class DEMCR(Register, address=0xE000_EDFC):
    """Debug Exception and Monitor Control Register."""

    VC_CORERESET = bit(0)
    VC_MMERR = bit(4)
    VC_NOCPERR = bit(5)
    VC_CHKERR = bit(6)
    VC_STATERR = bit(7)
    VC_BUSERR = bit(8)
    VC_INTERR = bit(9)
    VC_HARDERR = bit(10)
    MON_EN = bit(16)
    MON_PEND = bit(17)
    MON_STEP = bit(18)
    MON_REQ = bit(19)
    TRCENA = bit(24)


class XPSR(Register, address=0):
    """Program Status Register: not memory mapped, reached through DCRSR."""

    Exception = bits(8, 0)
    A = bit(9)  # in a stacked frame: the stack was realigned by 4
    IT_IC_HIGH = bits(15, 10)
    GE = bits(19, 16)
    T = bit(24)
    IT_IC_LOW = bits(26, 25)
    Q = bit(27)
    V = bit(28)
    C = bit(29)
    Z = bit(30)
    N = bit(31)


class ExceptionNumber(IntEnum):
    """Exceptions with a fixed number; external interrupt *n* is 16 + n."""

    RESET = 1
    NMI = 2
    HARD_FAULT = 3
    MEM_MANAGE = 4
    BUS_FAULT = 5
    USAGE_FAULT = 6
    SVCALL = 11
    DEBUG_MONITOR = 12
    PENDSV = 14
    SYSTICK = 15
    IRQ0 = 16
