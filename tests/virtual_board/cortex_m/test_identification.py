"""What a core says it is, typed from the Technical Reference Manuals.

Cortex-M0: DDI 0432C tables 4-1, 6-1 to 6-5. Cortex-M0+: DDI 0484C table 7-1. Cortex-M3: DDI 0337I
tables 4-1, 7-1 to 7-3. Cortex-M4: DDI 0439D tables 4-1, 5-1, 8-1 to 8-7, 9-1, 10-1.
"""

from __future__ import annotations

import pytest

from onchip.virtual_board.bus import BusFault
from tests.virtual_board.cortex_m.machine import Machine

ROM, SCS, DWT, FPB, ITM, TPIU, ETM = (
    *(0xE00F_F000, 0xE000_E000, 0xE000_1000, 0xE000_2000, 0xE000_0000),
    *(0xE004_0000, 0xE004_1000),
)
GENERIC, CORESIGHT, TABLE = 0xE0, 0x90, 0x10  # CIDR1
COMPONENTS = [  # cpu, base, PIDR0 to PIDR3, CIDR1
    ("m0", ROM, [0x71, 0xB4, 0x0B, 0x00], TABLE),
    ("m0", SCS, [0x08, 0xB0, 0x0B, 0x00], GENERIC),
    ("m0", DWT, [0x0A, 0xB0, 0x0B, 0x00], GENERIC),
    ("m0", FPB, [0x0B, 0xB0, 0x0B, 0x00], GENERIC),
    ("m0p", ROM, [0xC0, 0xB4, 0x0B, 0x00], TABLE),
    ("m0p", SCS, [0x08, 0xB0, 0x0B, 0x00], GENERIC),
    ("m3", ROM, [0xC3, 0xB4, 0x0B, 0x00], TABLE),
    ("m3", SCS, [0x00, 0xB0, 0x0B, 0x00], GENERIC),
    ("m3", DWT, [0x02, 0xB0, 0x3B, 0x00], GENERIC),
    ("m3", FPB, [0x03, 0xB0, 0x2B, 0x00], GENERIC),
    ("m3", ITM, [0x01, 0xB0, 0x3B, 0x00], GENERIC),
    ("m3", TPIU, [0x23, 0xB9, 0x0B, 0x00], CORESIGHT),
    ("m3", ETM, [0x24, 0xB9, 0x0B, 0x00], CORESIGHT),
    ("m4", ROM, [0xC4, 0xB4, 0x0B, 0x00], TABLE),
    ("m4", SCS, [0x00, 0xB0, 0x0B, 0x00], GENERIC),  # an M4 without FPU
    ("m4f", SCS, [0x0C, 0xB0, 0x0B, 0x00], GENERIC),
    ("m4f", DWT, [0x02, 0xB0, 0x3B, 0x00], GENERIC),
    ("m4f", FPB, [0x03, 0xB0, 0x2B, 0x00], GENERIC),
    ("m4f", ITM, [0x01, 0xB0, 0x3B, 0x00], GENERIC),
    ("m4f", TPIU, [0xA1, 0xB9, 0x0B, 0x00], CORESIGHT),
    ("m4f", ETM, [0x25, 0xB9, 0x0B, 0x00], CORESIGHT),
]
REGISTERS = {
    "m0": {0xE000_ED00: 0x410C_C200, 0xE000_ED14: 0x208, DWT: 0x2200_0000, FPB: 0x40},
    "m0p": {0xE000_ED00: 0x410C_C601, 0xE000_ED14: 0x208, 0xE000_ED0C: 0xFA05_0000},
    "m3": {
        0xE000_ED00: 0x412F_C231,
        0xE000_ED0C: 0xFA05_0000,
        0xE000_ED14: 0x200,
        0xE000_ED40: 0x30,
        0xE000_ED44: 0x200,
        0xE000_ED48: 0x0010_0000,
        0xE000_ED4C: 0,
        0xE000_ED50: 0x30,
        0xE000_ED54: 0,
        0xE000_ED58: 0x0100_0000,
        0xE000_ED5C: 0,
        0xE000_ED60: 0x0110_1110,
        0xE000_ED64: 0x0211_1000,
        0xE000_ED68: 0x2111_2231,
        0xE000_ED6C: 0x0111_1110,
        0xE000_ED70: 0x0131_0132,
        0xE000_ED90: 0x800,
        DWT: 0x4000_0000,
        FPB: 0x260,
        DWT + 0x38: 0x200,
    },
    "m4f": {
        0xE000_ED00: 0x410F_C241,
        0xE000_ED0C: 0xFA05_0000,
        0xE000_ED14: 0x200,
        0xE000_ED40: 0x30,
        0xE000_ED44: 0x200,
        0xE000_ED48: 0x0010_0000,
        0xE000_ED4C: 0,
        0xE000_ED50: 0x0010_0030,
        0xE000_ED54: 0,
        0xE000_ED58: 0x0100_0000,
        0xE000_ED5C: 0,
        0xE000_ED60: 0x0114_1110,
        0xE000_ED64: 0x0211_2000,
        0xE000_ED68: 0x2123_2231,
        0xE000_ED6C: 0x0111_1131,
        0xE000_ED70: 0x0131_0132,
        0xE000_ED90: 0x800,
        0xE000_EF40: 0x1011_0021,
        0xE000_EF44: 0x1100_0011,
        0xE000_EF34: 0xC000_0000,
        DWT: 0x4000_0000,
        FPB: 0x260,
        DWT + 0x38: 0x200,
    },
    "m4": {0xE000_ED00: 0x410F_C241, 0xE000_EF40: 0, 0xE000_EF34: 0},
}


@pytest.fixture(scope="module")
def machines() -> dict[str, Machine]:
    big = {"m3": {"etm": True}, "m4": {"etm": True}, "m4f": {"etm": True}}
    return {cpu: Machine(cpu, **big.get(cpu, {})) for cpu in ("m0", "m0p", "m3", "m4", "m4f")}


def words(machine: Machine, base: int, offsets: range) -> list[int]:
    return [machine.read(base + offset) for offset in offsets]


@pytest.mark.parametrize(("cpu", "base", "pidr", "cidr1"), COMPONENTS)
def test_components(
    machines: dict[str, Machine], cpu: str, base: int, pidr: list[int], cidr1: int
) -> None:
    machine = machines[cpu]
    assert words(machine, base, range(0xFD0, 0xFE0, 4)) == [4, 0, 0, 0]
    assert words(machine, base, range(0xFE0, 0xFF0, 4)) == pidr
    assert words(machine, base, range(0xFF0, 0x1000, 4)) == [0x0D, cidr1, 0x05, 0xB1]


@pytest.mark.parametrize("cpu", REGISTERS)
def test_registers_after_reset(machines: dict[str, Machine], cpu: str) -> None:
    found = {address: machines[cpu].read(address) for address in REGISTERS[cpu]}
    assert found == REGISTERS[cpu]


@pytest.mark.parametrize(
    ("cpu", "entries"),
    [
        ("m0", [0xFFF0_F003, 0xFFF0_2003, 0xFFF0_3003, 0]),
        ("m0p", [0xFFF0_F003, 0xFFF0_2003, 0xFFF0_3003, 0]),
        *(
            (cpu, [0xFFF0_F003, 0xFFF0_2003, 0xFFF0_3003, 0xFFF0_1003, 0xFFF4_1003, 0xFFF4_2003, 0])
            for cpu in ("m3", "m4f")
        ),
    ],
)
def test_rom_tables(machines: dict[str, Machine], cpu: str, entries: list[int]) -> None:
    assert words(machines[cpu], ROM, range(0, 4 * len(entries), 4)) == entries
    assert machines[cpu].read(ROM + 0xFCC) == 1  # MEMTYPE


def test_the_maker_names_himself_in_the_rom_table() -> None:
    machine = Machine("m4f", rom_table_pidr=0x00_000A_0413)
    assert words(machine, ROM, range(0xFE0, 0xFF0, 4)) == [0x13, 0x04, 0x0A, 0x00]
    assert machine.read(ROM + 0xFD0) == 0


def test_absent_components_do_not_answer() -> None:
    machine = Machine("m3", itm=False, tpiu=False)
    for address in (ITM, TPIU, ETM, 0xE000_3000):
        with pytest.raises(BusFault):
            machine.read(address)
        with pytest.raises(BusFault):
            machine.write(address, 0)
    assert machine.read(ROM + 0xC) == 0xFFF0_1002


def test_the_trace_units_tell_their_type(machines: dict[str, Machine]) -> None:
    assert (machines["m3"].read(TPIU + 0xFCC), machines["m3"].read(ETM + 0xFCC)) == (0x11, 0x13)
