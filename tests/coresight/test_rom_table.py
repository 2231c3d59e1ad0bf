"""ROM tables of the chips, and tables built in plain RAM: nested, class 9, absent, broken."""

from __future__ import annotations

import pytest

from onchip.arch.adi import BASE
from onchip.coresight import rom_table
from onchip.coresight.parts import component_name, designer_name
from onchip.errors import TransferNoAck, UsageError
from tests.coresight.conftest import RAM, Rig, make_rig


def component(
    rig: Rig, at: int, *, pidr: int, kind: int, devarch: int = 0, devtype: int = 0
) -> None:
    """Write a component's identification into RAM, as IHI 0029 B2 lays it out."""
    block = bytearray(0x44)
    block[0:4] = devarch.to_bytes(4, "little")
    block[0x10:0x14] = devtype.to_bytes(4, "little")
    for i in range(8):
        place = 0x14 + 4 * ((i + 4) % 8)  # PIDR4-7 stand before PIDR0-3
        block[place] = pidr >> 8 * i & 0xFF
    cidr = 0xB105_000D | kind << 12
    for i in range(4):
        block[0x34 + 4 * i] = cidr >> 8 * i & 0xFF
    rig.ap.write(at + 0xFBC, bytes(block))


def entries(rig: Rig, at: int, *words: int) -> None:
    rig.ap.write(at, b"".join((w & 0xFFFF_FFFF).to_bytes(4, "little") for w in words))


ARM = 0x4_000B_B000  # JEP106: continuation 4, code 0x3B with its flag


def test_nested_tables_of_both_classes(rig: Rig) -> None:
    root, inner, scs, itm = RAM, RAM + 0x4000, RAM + 0x1000, RAM + 0x2000
    component(rig, root, pidr=ARM | 0x4C4, kind=1)
    entries(rig, root, 0x1003, 0x3002, 0x4003, 0)
    component(rig, inner, pidr=ARM | 0x123, kind=9, devarch=0x4770_0AF7)
    entries(rig, inner, (itm - inner) | 3, 0x8000_0002, (root - inner) | 3, 0)
    component(rig, scs, pidr=ARM | 0x00C, kind=0xE)
    component(rig, itm, pidr=ARM | 0xD21, kind=9, devarch=0x4770_1A01, devtype=0x43)
    before = rig.link.mark()
    tree = rom_table.walk(rig.ap, root)
    assert (rig.link.traffic - before).round_trips <= 4
    assert [c.address for c in tree] == [root, scs, inner, itm]  # absent and circular: left out
    assert [c.name for c in tree] == [
        "ROM table (Cortex-M4)", "SCS (Cortex-M4/M7)", "ROM table", "ITM (Cortex-M33)",
    ]  # fmt: skip
    assert tree.children[1].children[0].devtype == 0x43
    assert all(c.designer == "Arm" for c in tree)
    shown = str(tree).splitlines()
    assert shown[0] == "0x20000000 ROM table (Cortex-M4), Arm"
    assert shown[3] == "    0x20002000 ITM (Cortex-M33), Arm"


def test_what_does_not_answer_is_told_and_passed_over(rig: Rig) -> None:
    component(rig, RAM, pidr=ARM | 0x4C4, kind=1)
    entries(rig, RAM, 0x6000_0003, 0x1003, 0x2003, 0x7000_0003, 0)
    component(rig, RAM + 0x1000, pidr=ARM | 0x002, kind=0xE)
    tree = rom_table.walk(rig.ap, RAM)
    problems = [c.problem for c in tree.children]
    assert "does not answer" in problems[0]
    assert "FAULT" in problems[0]
    assert problems[1] == ""
    assert "no CoreSight component" in problems[2]
    assert "does not answer" in problems[3]
    assert tree.children[1].name == "DWT (Cortex-M3/M4/M7)"
    assert "does not answer" in str(tree)


def test_a_long_table_is_read_to_its_end(rig: Rig) -> None:
    component(rig, RAM, pidr=ARM | 0x4C4, kind=1)
    component(rig, RAM + 0x1000, pidr=ARM | 0x002, kind=0xE)
    entries(rig, RAM, *[0x5002] * 40, 0x1003, 0)
    assert [c.address for c in rom_table.walk(rig.ap, RAM)] == [RAM, RAM + 0x1000]


def test_a_single_component_instead_of_a_table(rig: Rig) -> None:
    component(rig, RAM, pidr=ARM | 0x002, kind=0xE)
    assert [c.name for c in rom_table.walk(rig.ap, RAM)] == ["DWT (Cortex-M3/M4/M7)"]


def test_a_root_that_does_not_answer(rig: Rig) -> None:
    tree = rom_table.walk(rig.ap, 0x9000_0000)
    assert tree.children == []
    assert "does not answer" in tree.problem


@pytest.mark.parametrize(
    ("base", "address"),
    [
        (0xFFFF_FFFF, None),
        (0xE00F_F003, 0xE00F_F000),
        (0xE00F_F002, None),
        (0xE00F_F000, 0xE00F_F000),
    ],
)
def test_where_base_points(base: int, address: int | None) -> None:
    assert rom_table.table_address(BASE(base)) == address


def test_an_ap_without_a_table_is_refused(rig: Rig) -> None:
    rig.ap.base = BASE(0xFFFF_FFFF)
    with pytest.raises(UsageError, match="no ROM table"):
        rom_table.walk(rig.ap)


def test_a_dead_wire_is_no_missing_component(rig: Rig) -> None:
    rig.board.faults.no_ack(count=None)
    with pytest.raises(TransferNoAck):
        rom_table.walk(rig.ap, RAM)


@pytest.mark.parametrize(
    ("chip", "designer", "names"),
    [
        ("stm32f407", "STMicroelectronics", {"SCS (Cortex-M4/M7)", "FPB (Cortex-M3/M4)"}),
        ("nrf52840", "Nordic Semiconductor", {"SCS (Cortex-M4/M7)", "ITM (Cortex-M3/M4/M7)"}),
        ("lpc1768", "", {"SCS (Cortex-M3)", "DWT (Cortex-M3/M4/M7)"}),
        ("nrf51822", "Nordic Semiconductor", {"SCS (Cortex-M0/M0+)", "BPU (Cortex-M0/M0+)"}),
    ],
)  # fmt: skip
def test_the_tables_of_the_chips(chip: str, designer: str, names: set[str]) -> None:
    rig = make_rig(chip=chip)
    tree = rom_table.walk(rig.ap)
    assert designer in tree.designer
    assert names <= {c.name for c in tree}
    assert all(not c.problem for c in tree)
    rig.board.close()


def test_names_of_the_unknown() -> None:
    assert designer_name(0x020) == "STMicroelectronics"
    assert designer_name(0x7F) == "designer 0x07f"
    assert component_name(0x23B, 0xFFF, 9, 0x1A02) == "DWT"
    assert component_name(0x23B, 0xFFF, 9, None) == "CoreSight component, part 0xfff"
    assert component_name(0x7F, 0x1, 5, None) == "class 0x5 component, part 0x001"
