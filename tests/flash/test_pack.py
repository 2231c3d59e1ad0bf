"""CMSIS-Packs: the PDSC's levels, memories and algorithms; jobs with a chip from one."""

from __future__ import annotations

import zipfile
from importlib import resources
from pathlib import Path

import pytest

from onchip.errors import AlgorithmError, UsageError, WrongChip
from onchip.flash.pack import Pack, find_chip
from onchip.session import Session, connect
from tests.support.images import counting_loop

PDSC = """<?xml version="1.0" encoding="UTF-8"?>
<package schemaVersion="1.7.7">
  <vendor>Acme</vendor><name>Widgets_DFP</name>
  <devices>
    <family Dfamily="Widget" Dvendor="Acme:13">
      <processor Dcore="Cortex-M4" Dfpu="1"/>
      <memory id="IRAM1" start="0x20000000" size="0x20000" default="1"/>
      <algorithm name="Flash\\W407.FLM" start="0x08000000" size="0x100000"
                 RAMstart="0x20000000" RAMsize="0x8000" default="1"/>
      <subFamily DsubFamily="Widget4">
        <memory name="CCM" access="rw" start="0x10000000" size="0x10000"/>
        <device Dname="W407VG">
          <memory id="IROM1" start="0x08000000" size="0x100000" startup="1" default="1"/>
          <variant Dvariant="W407VGTx"/>
        </device>
        <device Dname="W407VE">
          <memory name="Boot" access="rx" start="0x1FFF0000" size="0x7800"/>
          <algorithm name="Flash/W407.FLM" start="0x08000000" size="0x80000" default="1"/>
          <algorithm name="Flash/Other.FLM" start="0x90000000" size="0x100000" default="0"/>
        </device>
        <device Dname="STM32F407IG"/>
      </subFamily>
    </family>
    <family Dfamily="Small" Dvendor="Acme:13">
      <processor Dcore="Cortex-M0+"/>
      <device Dname="W0"><memory id="IRAM1" start="0x20000000" size="0x1000"/></device>
      <device Dname="W1">
        <algorithm name="Flash/Missing.FLM" start="0" size="64" default="1"/>
      </device>
      <device Dname="W2">
        <algorithm name="Flash/W407.FLM" start="0" size="64" default="1"/>
      </device>
      <device Dname="W3">
        <algorithm name="Flash/Broken.FLM" start="0" size="64" default="1"/>
      </device>
    </family>
  </devices>
</package>
"""


def make_pack(path: Path, pdsc: str = PDSC) -> Path:
    flm = resources.files("onchip.flash").joinpath("algorithms/stm32f407.FLM").read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Acme.Widgets_DFP.pdsc", pdsc)
        archive.writestr("Flash/W407.FLM", flm)
        archive.writestr("Flash/Broken.FLM", b"not an ELF file")
    return path


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return Pack(make_pack(tmp_path_factory.mktemp("pack") / "widgets.pack"))


def test_every_level_adds_to_the_one_around_it(pack: Pack) -> None:
    assert list(pack.devices) == [
        "W407VG", "W407VGTx", "W407VE", "STM32F407IG", "W0", "W1", "W2", "W3",
    ]  # fmt: skip
    device = pack.device("w407vgtx")
    assert (device.vendor, device.core) == ("Acme", "Cortex-M4")
    assert list(device.memories) == ["iram1", "ccm", "irom1"]
    assert pack.device("W0").core == "Cortex-M0+"


def test_memories_and_flash_become_regions(pack: Pack) -> None:
    chip = pack.chip("W407VE")
    shown = [(r.name, r.start, r.length, str(r.kind)) for r in chip.memory_map]
    assert shown == [
        ("flash", 0x0800_0000, 0x8_0000, "flash"),
        ("ccm", 0x1000_0000, 0x1_0000, "ram"),
        ("boot", 0x1FFF_0000, 0x7800, "rom"),
        ("iram1", 0x2000_0000, 0x2_0000, "ram"),
        ("peripherals", 0x4000_0000, 0x2000_0000, "device"),
        ("system", 0xE000_0000, 0x2000_0000, "device"),
    ]
    [flash] = chip.memory_map.flash
    assert flash.algorithm == "W407.FLM"
    assert [(run.size, run.count) for run in flash.sectors] == [
        (0x4000, 4),
        (0x1_0000, 1),
        (0x2_0000, 3),
    ]
    assert chip.part == "W407VE"
    assert chip.work_ram is not None
    assert (chip.work_ram.start, chip.work_ram.length) == (0x2000_0000, 0x2_0000)


def test_a_known_chip_keeps_what_is_known_of_it(pack: Pack) -> None:
    chip = pack.chip("STM32F407IG")
    assert chip.name == "stm32f407"
    assert chip.locks
    assert chip.memory_map.flash[0].algorithm == "W407.FLM"
    assert chip.work_ram is not None
    assert chip.work_ram.length == 0x8000


def test_a_name_that_no_pack_has_may_be_known_anyway(pack: Pack) -> None:
    assert find_chip("nrf52840", [pack.path]).name == "nrf52840"
    with pytest.raises(UsageError, match=r"no device 'w407'.*it has W407VG, W407VGTx"):
        find_chip("w407", [pack.path])
    with pytest.raises(UsageError, match="no chip is named"):
        find_chip("w407", [])


def test_what_the_pack_lacks_or_contradicts_is_told(pack: Pack) -> None:
    with pytest.raises(UsageError, match=r"names Flash/Missing.FLM"):
        pack.chip("W1")
    with pytest.raises(AlgorithmError, match="not for the flash"):
        pack.chip("W2")
    with pytest.raises(AlgorithmError):
        pack.chip("W3")


@pytest.mark.parametrize(
    ("pdsc", "message"),
    [
        ("<package", "cannot be read"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><package/>', "declares entities"),
        (PDSC.replace('"0x10000000"', '"somewhere"'), "cannot be read"),
    ],
)
def test_a_pdsc_that_is_none(tmp_path: Path, pdsc: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Pack(make_pack(tmp_path / "x.pack", pdsc))


def test_a_file_that_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Pack(tmp_path / "none.pack")
    (tmp_path / "text.pack").write_text("hello")
    with pytest.raises(UsageError, match="cannot be read"):
        Pack(tmp_path / "text.pack")
    with zipfile.ZipFile(tmp_path / "empty.pack", "w"):
        pass
    with pytest.raises(UsageError, match="no PDSC"):
        Pack(tmp_path / "empty.pack")


def _connect(pack: Pack, target: str) -> Session:
    return connect("virtual:stm32f407", target=target, packs=[pack.path])


def test_a_chip_that_onchip_does_not_know_is_programmed_by_its_pack(pack: Pack) -> None:
    image = counting_loop("stm32f407", length=3000)
    with _connect(pack, "W407VG") as session:
        report = session.flash(image)
        assert report.programmed_bytes >= len(image)
        assert session.memory.read(0x0800_0000, len(image)) == image
        assert session.chip_name == "w407vg"


def test_another_core_than_the_packs_is_refused(pack: Pack) -> None:
    with pytest.raises(WrongChip, match="CPUID"):
        _connect(pack, "W0")
