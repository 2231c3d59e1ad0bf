"""Values of real chips, typed from the manuals: they judge ``arch``, which both ends share."""

from __future__ import annotations

import pytest

from onchip.arch import adi, coresight, dwt, fpb, scs


def test_dpidr_of_a_cortex_m4() -> None:
    # STM32F4 reference manual RM0090, 38.8.3: SW-DP identification code 0x2BA0_1477.
    dpidr = adi.DPIDR(0x2BA0_1477)
    assert (dpidr.DESIGNER, dpidr.VERSION, dpidr.PARTNO, dpidr.REVISION) == (0x23B, 1, 0xBA, 2)
    assert dpidr.RAO
    assert not dpidr.MIN


def test_dpidr_of_a_cortex_m0_plus_is_a_minimal_dp() -> None:
    # RP2040 data sheet 2.3.4: 0x0BC1_2477, DPv2, MINDP.
    dpidr = adi.DPIDR(0x0BC1_2477)
    assert (dpidr.VERSION, dpidr.MIN, dpidr.PARTNO) == (2, True, 0xBC)


def test_idr_of_an_ahb_ap() -> None:
    # Cortex-M3 TRM 100165 11.2: AHB-AP IDR 0x2477_0011.
    idr = adi.IDR(0x2477_0011)
    assert (idr.CLASS, idr.TYPE, idr.DESIGNER) == (adi.CLASS_MEM_AP, adi.ApType.AHB3, 0x23B)
    assert idr.VARIANT == 1


def test_idr_of_nordics_ctrl_ap_is_no_mem_ap() -> None:
    # nRF52840 Product Specification 4.8.2: CTRL-AP IDR 0x0288_0000, Nordic's JEP106 0x144.
    idr = adi.IDR(0x0288_0000)
    assert idr.CLASS == 0
    assert idr.DESIGNER == 0x144


def test_csw_for_word_accesses_with_increment() -> None:
    assert adi.CSW.build(Size=2, AddrInc=1, DeviceEn=1) == 0x52


@pytest.mark.parametrize(
    ("cpuid", "part", "variant", "revision"),
    [
        (0x410C_C200, scs.PartNo.CORTEX_M0, 0, 0),  # Cortex-M0 TRM DDI 0432 4.1
        (0x410C_C601, scs.PartNo.CORTEX_M0P, 0, 1),  # Cortex-M0+ TRM DDI 0484 4.1
        (0x412F_C230, scs.PartNo.CORTEX_M3, 2, 0),  # Cortex-M3 TRM, r2p0
        (0x410F_C241, scs.PartNo.CORTEX_M4, 0, 1),  # Cortex-M4 TRM, r0p1
    ],
)
def test_cpuid(cpuid: int, part: int, variant: int, revision: int) -> None:
    value = scs.CPUID(cpuid)
    assert (value.Implementer, value.PartNo) == (0x41, part)
    assert (value.Variant, value.Revision) == (variant, revision)


def test_dhcsr_of_a_halted_core() -> None:
    # ARMv7-M C1.6.2: S_REGRDY [16], S_HALT [17], C_HALT [1], C_DEBUGEN [0].
    dhcsr = scs.DHCSR(0x0003_0003)
    assert dhcsr.S_HALT
    assert dhcsr.S_REGRDY
    assert dhcsr.C_HALT
    assert not dhcsr.S_LOCKUP


def test_absolute_addresses_of_the_debug_registers() -> None:
    # ARMv7-M table C1-9.
    assert [r.address for r in (scs.DFSR, scs.DHCSR, scs.DCRSR, scs.DEMCR)] == [
        0xE000ED30,
        0xE000EDF0,
        0xE000EDF4,
        0xE000EDFC,
    ]
    assert scs.DCRDR == 0xE000EDF8


def test_precise_bus_fault_as_cortex_m_reports_it() -> None:
    # ARMv7-M B3.2.15: BFSR is bits [15:8]; PRECISERR is its bit 1, BFARVALID its bit 7.
    cfsr = scs.CFSR(0x0000_8200)
    assert cfsr.PRECISERR
    assert cfsr.BFARVALID
    assert not cfsr.IMPRECISERR


def test_usage_fault_bits_stand_in_the_upper_halfword() -> None:
    # ARMv7-M B3.2.15: UFSR DIVBYZERO is bit 9, UNDEFINSTR bit 0 of [31:16].
    assert scs.CFSR.DIVBYZERO.mask == 1 << 25
    assert scs.CFSR.UNDEFINSTR.mask == 1 << 16


def test_fp_ctrl_of_an_m4() -> None:
    # Cortex-M4 TRM 11.3: reset value 0x0000_0260, six code and two literal comparators, FPBv1.
    ctrl = fpb.FP_CTRL(0x0000_0260)
    assert (ctrl.NUM_CODE2 << 4 | ctrl.NUM_CODE1, ctrl.NUM_LIT, ctrl.REV) == (6, 2, 0)


def test_dwt_ctrl_of_an_m4() -> None:
    # Cortex-M4 TRM 9.3: reset value 0x4000_0000, four comparators, everything implemented.
    assert dwt.DWT_CTRL(0x4000_0000).NUMCOMP == 4


def test_component_id_of_the_scs() -> None:
    # Cortex-M4 TRM table 4-6: PIDR0 0x0C, PIDR1 0xB0, PIDR2 0x0B, PIDR4 0x04: Arm's SCS, part 00C.
    pidr = 0x0000_0004_000B_B00C
    assert coresight.pidr_part(pidr) == 0x00C
    assert coresight.pidr_designer(pidr) == adi.JEP106_ARM


def test_rom_table_entry_of_the_scs() -> None:
    # Cortex-M3 TRM table 4-1: entry 0 is 0xFFF0_F003, present, from 0xE00F_F000 to 0xE000_E000.
    entry = coresight.RomEntry(0xFFF0_F003)
    assert entry.PRESENT
    assert (0xE00F_F000 + (entry.OFFSET << 12)) & 0xFFFF_FFFF == 0xE000_E000
