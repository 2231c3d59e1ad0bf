"""The MEM-AP: sizes, byte lanes, increment and wrap, banked data (ADIv5.2 C2)."""

from __future__ import annotations

import pytest

from onchip.virtual_board.bus import Bus, BusFault
from onchip.virtual_board.coresight.access_port import AccessFault
from onchip.virtual_board.coresight.mem_ap import MemAp
from onchip.virtual_board.target.model import AccessPortDescription
from onchip.virtual_board.timeline import Timeline

CSW, TAR, DRW, BD0, BD1, BD3, CFG, BASE, IDR = 0x00, 0x04, 0x0C, 0x10, 0x14, 0x1C, 0xF4, 0xF8, 0xFC
BYTE, HALFWORD, WORD = 0, 1, 2
OFF, SINGLE, PACKED = 0x00, 0x10, 0x20
RAM = 0x2000_0000
DEVICE = 0x4000_0000


class Recorder:
    """A device that counts its accesses and faults at offset 0x10."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int, int]] = []

    def read(self, offset: int, size: int) -> int:
        self.log.append(("read", offset, size))
        if offset == 0x10:
            raise BusFault(DEVICE + offset)
        return 0x0A0B_0C0D & (1 << 8 * size) - 1

    def write(self, offset: int, size: int, value: int) -> None:
        self.log.append(("write", offset, value))
        if offset == 0x10:
            raise BusFault(DEVICE + offset)

    def reset(self) -> None:
        self.log.clear()


@pytest.fixture
def bus() -> Bus:
    bus = Bus(Timeline())
    bus.add_memory("ram", RAM, 0x4000, "ram")
    return bus


def mem_ap(bus: Bus, **options: object) -> MemAp:
    values: dict[str, object] = {
        "index": 0, "idr": 0x24770011, "base": 0xE00FF003, "tar_wrap": 1024, "csw_reset": 0x23000042
    }  # fmt: skip
    return MemAp(AccessPortDescription(**{**values, **options}), bus)  # type: ignore[arg-type]


def test_identification(bus: Bus) -> None:
    ap = mem_ap(bus)
    assert ap.read_register(IDR) == 0x24770011
    assert ap.read_register(BASE) == 0xE00FF003
    assert ap.read_register(CFG) == 0
    assert ap.read_register(0x20) == 0
    assert ap.read_register(CSW) == 0x23000042  # DeviceEn


def test_csw_keeps_what_is_implemented(bus: Bus) -> None:
    ap = mem_ap(bus)
    ap.write_register(CSW, 0xFFFF_FFFF)
    assert ap.read_register(CSW) == 0xFF00_0052  # size 7 -> word, increment 3 -> single
    ap.write_register(CSW, 0x2300_0000 | PACKED | BYTE)
    assert ap.read_register(CSW) == 0x2300_0050  # packed is not there
    packed = mem_ap(bus, packed=True)
    packed.write_register(CSW, PACKED | HALFWORD)
    assert packed.read_register(CSW) == 0x61


@pytest.mark.parametrize("size", [BYTE, HALFWORD, WORD])
def test_byte_lanes(bus: Bus, size: int) -> None:
    bus.write(RAM, 4, 0x44332211)
    ap = mem_ap(bus)
    ap.write_register(CSW, size | SINGLE)
    ap.write_register(TAR, RAM)
    lanes = {
        BYTE: [0x11, 0x2200, 0x33_0000, 0x4400_0000],
        HALFWORD: [0x2211, 0x4433_0000],
        WORD: [0x44332211],
    }[size]
    assert [ap.read_register(DRW) for _ in lanes] == lanes
    assert ap.read_register(TAR) == RAM + 4
    ap.write_register(TAR, RAM + 8)
    for n in range(4 >> size):
        ap.write_register(DRW, 0xD4C3_B2A1 if size != WORD else 0xD4C3_B2A1 + n)
    assert bus.read(RAM + 8, 4) == 0xD4C3B2A1


def test_packed(bus: Bus) -> None:
    bus.write(RAM, 4, 0x44332211)
    ap = mem_ap(bus, packed=True)
    ap.write_register(CSW, PACKED | BYTE)
    ap.write_register(TAR, RAM)
    assert ap.read_register(DRW) == 0x44332211
    assert ap.read_register(TAR) == RAM + 4
    ap.write_register(DRW, 0x88776655)
    assert bus.read(RAM + 4, 4) == 0x88776655


def test_no_increment(bus: Bus) -> None:
    ap = mem_ap(bus)
    ap.write_register(CSW, WORD | OFF)
    ap.write_register(TAR, RAM + 0x20)
    ap.write_register(DRW, 1)
    ap.write_register(DRW, 2)
    assert bus.read(RAM + 0x20, 4) == 2
    assert ap.read_register(TAR) == RAM + 0x20


@pytest.mark.parametrize("wrap", [1024, 4096])
def test_wrap(bus: Bus, wrap: int) -> None:
    ap = mem_ap(bus, tar_wrap=wrap)
    ap.write_register(CSW, WORD | SINGLE)
    ap.write_register(TAR, RAM + wrap - 4)
    ap.read_register(DRW)
    assert ap.read_register(TAR) == RAM


def test_banked_data_leaves_tar_alone(bus: Bus) -> None:
    ap = mem_ap(bus)
    ap.write_register(CSW, BYTE | SINGLE)  # BDn move words all the same
    ap.write_register(TAR, RAM + 0x108)
    ap.write_register(BD1, 0x1111)
    ap.write_register(BD3, 0x3333)
    assert [bus.read(RAM + o, 4) for o in (0x100, 0x104, 0x108, 0x10C)] == [0, 0x1111, 0, 0x3333]
    assert ap.read_register(BD1) == 0x1111
    assert ap.read_register(TAR) == RAM + 0x108


def test_bus_faults(bus: Bus) -> None:
    ap = mem_ap(bus)
    ap.write_register(TAR, 0x1000_0000)
    for offset in (DRW, BD0):
        with pytest.raises(AccessFault):
            ap.read_register(offset)
        with pytest.raises(AccessFault):
            ap.write_register(offset, 0)
    assert ap.read_register(TAR) == 0x1000_0000


def test_a_closed_port_answers_but_does_not_access(bus: Bus) -> None:
    ap = mem_ap(bus, enabled=lambda: False)
    assert ap.read_register(IDR) == 0x24770011
    assert ap.read_register(CSW) & 0x40 == 0
    ap.write_register(CSW, WORD | SINGLE)
    ap.write_register(TAR, RAM)
    assert not ap.bursts
    with pytest.raises(AccessFault):
        ap.read_register(DRW)
    with pytest.raises(AccessFault):
        ap.write_register(BD0, 1)


def test_bursts_go_to_devices_word_by_word(bus: Bus) -> None:
    device = Recorder()
    bus.add_device("device", DEVICE, 0x400, device)
    ap = mem_ap(bus)
    ap.write_register(CSW, WORD | SINGLE)
    ap.write_register(TAR, DEVICE)
    assert ap.bursts
    assert len(ap.burst_read(8)) == 16  # the fifth word faults
    assert device.log == [("read", 4 * n, 4) for n in range(5)]
    assert ap.read_register(TAR) == DEVICE + 0x10
    device.log.clear()
    ap.write_register(TAR, DEVICE + 8)
    assert ap.burst_write(bytes(range(16))) == 2
    assert device.log == [
        ("write", 0x08, 0x03020100), ("write", 0x0C, 0x07060504), ("write", 0x10, 0x0B0A0908)
    ]  # fmt: skip


def test_bursts_need_words_and_single_increment(bus: Bus) -> None:
    ap = mem_ap(bus, packed=True)
    for csw, possible in [
        (WORD | SINGLE, True), (WORD | OFF, False), (WORD | PACKED, False), (BYTE | SINGLE, False)
    ]:  # fmt: skip
        ap.write_register(CSW, csw)
        assert ap.bursts is possible
    ap.write_register(CSW, WORD | SINGLE)
    ap.write_register(TAR, RAM + 2)
    assert not ap.bursts


def test_time_is_brought_up_before_each_access(bus: Bus) -> None:
    calls: list[int] = []
    description = AccessPortDescription(index=0, idr=0, csw_reset=WORD | SINGLE)
    ap = MemAp(description, bus, lambda: calls.append(1))
    ap.write_register(TAR, RAM)
    ap.read_register(IDR)
    assert not calls
    ap.read_register(DRW)
    ap.write_register(BD0, 0)
    ap.burst_read(4)
    ap.burst_write(bytes(8))
    assert len(calls) == 4


def test_power_on_values(bus: Bus) -> None:
    ap = mem_ap(bus)
    ap.write_register(CSW, 0)
    ap.write_register(TAR, RAM)
    ap.reset()
    assert ap.read_register(CSW) == 0x23000042
    assert ap.read_register(TAR) == 0
