"""target.xml and the memory map."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from onchip.services.gdb.documents.memory_map_xml import memory_map_xml
from onchip.services.gdb.documents.target_xml import target_xml
from onchip.services.gdb.registers import RegisterLayout

from ..fake_core import FLASH, RAM
from ..fakes import MEMORY_MAP


def features(layout):
    root = ET.fromstring(target_xml(layout))
    assert root.findtext("architecture") == "arm"
    assert root.findtext("osabi") == "none"  # ADR 0027
    return {
        feature.get("name"): {reg.get("name"): dict(reg.attrib) for reg in feature}
        for feature in root.iter("feature")
    }


def test_a_cortex_m4_with_fpu():
    found = features(RegisterLayout(has_fpu=True, mainline=True))
    general = found["org.gnu.gdb.arm.m-profile"]
    assert list(general) == [*(f"r{n}" for n in range(13)), "sp", "lr", "pc", "xpsr"]
    assert [int(reg["regnum"]) for reg in general.values()] == list(range(17))
    system = found["org.gnu.gdb.arm.m-system"]
    assert list(system) == ["msp", "psp", "primask", "basepri", "faultmask", "control"]
    vfp = found["org.gnu.gdb.arm.vfp"]
    assert list(vfp) == [*(f"d{n}" for n in range(16)), "fpscr"]
    assert vfp["d0"]["bitsize"] == "64"
    assert vfp["d0"]["type"] == "ieee_double"  # to GDB
    assert (vfp["d0"]["encoding"], vfp["d0"]["format"]) == ("ieee754", "float")  # to LLDB
    assert "encoding" not in vfp["fpscr"]


def test_a_cortex_m0():
    found = features(RegisterLayout(has_fpu=False, mainline=False))
    assert list(found["org.gnu.gdb.arm.m-system"]) == ["msp", "psp", "primask", "control"]
    assert "org.gnu.gdb.arm.vfp" not in found


def test_the_memory_map_covers_every_address_once():
    text = memory_map_xml(MEMORY_MAP).decode()
    rows = ET.fromstring(text.partition('gdb-memory-map.dtd">')[2])
    position = 0
    for row in rows:
        assert int(row.get("start"), 16) == position
        position += int(row.get("length"), 16)
    assert position == 1 << 32
    flash = [
        (int(row.get("start"), 16), int(row.get("length"), 16), int(row.findtext("property"), 16))
        for row in rows
        if row.get("type") == "flash"
    ]
    assert flash == [(FLASH, 0x8000, 0x400), (FLASH + 0x8000, 0x8000, 0x4000)]
    kinds = {int(row.get("start"), 16): row.get("type") for row in rows}
    assert kinds[0x1FFF_0000] == "rom"
    assert kinds[RAM] == "ram"
