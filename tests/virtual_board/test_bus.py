"""Who answers at an address, and what the listener hears."""

from __future__ import annotations

import pytest

from onchip.virtual_board.bus import Bus, BusFault, Memory, Window
from onchip.virtual_board.timeline import Timeline


class Listener:
    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.changes: list[tuple[int, int]] = []
        self.writes = 0

    def mapped(self, window: Window) -> None:
        self.windows.append(window)

    def unmapped(self, window: Window) -> None:
        self.windows.remove(window)

    def code_changed(self, address: int, length: int) -> None:
        self.changes.append((address, length))

    def debugger_wrote(self) -> None:
        self.writes += 1


class Registers:
    def __init__(self) -> None:
        self.writes: list[tuple[int, int, int]] = []

    def read(self, offset: int, size: int) -> int:
        if offset >= 0x20:
            raise BusFault(0x4000_0000 + offset)
        return offset + size

    def write(self, offset: int, size: int, value: int) -> None:
        self.writes.append((offset, size, value))

    def reset(self) -> None:
        self.writes.clear()


@pytest.fixture
def bus() -> Bus:
    return Bus(Timeline())


def test_memory_is_little_endian_and_shared(bus: Bus) -> None:
    ram = bus.add_memory("ram", 0x2000_0000, 0x400, "ram")
    bus.write(0x2000_0004, 4, 0x1122_3344)
    assert bytes(ram.data[4:8]) == b"\x44\x33\x22\x11"
    assert bus.read(0x2000_0005, 2) == 0x2233
    assert bus.read(0x2000_0007, 1) == 0x11


@pytest.mark.parametrize("address", [0x1FFF_FFFF, 0x2000_0400, 0x2000_03FE, 0xE000_E000])
def test_nobody_answers_outside(bus: Bus, address: int) -> None:
    bus.add_memory("ram", 0x2000_0000, 0x400, "ram")
    with pytest.raises(BusFault) as caught:
        bus.read(address, 4)
    assert caught.value.address == address
    with pytest.raises(BusFault):
        bus.write(address, 4, 0)


def test_flash_stores_through_on_write_only(bus: Bus) -> None:
    calls = []
    flash = bus.add_memory(
        "flash", 0, 0x400, "flash", on_write=lambda *call: calls.append(call), fill=0xFF
    )
    bus.write(8, 4, 0x1234)
    bus.write_block(0x10, b"\x01\x02\x03\x04\x05\x06\x07")
    assert calls == [(8, 4, 0x1234), (0x10, 4, 0x0403_0201), (0x14, 2, 0x0605), (0x16, 1, 7)]
    assert bytes(flash.data) == b"\xff" * 0x400


def test_rom_and_flash_without_a_controller_refuse_stores(bus: Bus) -> None:
    bus.add_memory("rom", 0, 0x400, "rom")
    bus.add_memory("flash", 0x400, 0x400, "flash")
    for address in (0, 0x400):
        with pytest.raises(BusFault):
            bus.write(address, 4, 1)
        with pytest.raises(BusFault):
            bus.write_block(address, b"1234")


def test_code_changed_reaches_every_alias(bus: Bus) -> None:
    flash = bus.add_memory("flash", 0x0800_0000, 0x1000, "flash")
    bus.add_alias(0, flash)
    bus.map(0x1000_0000, flash, offset=0x800, length=0x400)
    listener = Listener()
    bus.attach(listener)
    assert [w.base for w in listener.windows] == [0, 0x0800_0000, 0x1000_0000]
    bus.code_changed(0x0800_07F0, 0x20)
    assert sorted(listener.changes) == [
        (0x7F0, 0x20),
        (0x0800_07F0, 0x20),
        (0x1000_0000, 0x10),
    ]


def test_windows_come_and_go(bus: Bus) -> None:
    rom = Memory("boot", 0x1FFF_0000, 0x400, "rom", fill=0xAA)
    listener = Listener()
    bus.attach(listener)
    window = bus.map(0, rom)
    assert bus.read(0, 4) == 0xAAAA_AAAA
    assert rom in bus.memories
    bus.unmap(window)
    assert listener.windows == []
    with pytest.raises(BusFault):
        bus.read(0, 4)


@pytest.mark.parametrize(
    ("base", "size"), [(0x2000_0200, 0x400), (0x2000_0000, 0x401), (0x2000_0000, 0)]
)
def test_memories_are_whole_pages(bus: Bus, base: int, size: int) -> None:
    with pytest.raises(ValueError, match="multiples of 1024"):
        bus.add_memory("ram", base, size, "ram")


def test_overlap_is_refused(bus: Bus) -> None:
    bus.add_memory("ram", 0x2000_0000, 0x800, "ram")
    with pytest.raises(ValueError, match="overlaps"):
        bus.add_device("uart", 0x2000_0400, 0x10, Registers())
    with pytest.raises(ValueError, match="overlaps"):
        bus.add_memory("more", 0x1FFF_FC00, 0x800, "ram")
    with pytest.raises(ValueError, match="bad range"):
        bus.map(0x1000_0000, bus.memories[0], offset=0x400, length=0x800)


def test_devices_get_offsets_and_blocks_go_by_words(bus: Bus) -> None:
    device = Registers()
    bus.add_device("uart", 0x4000_0000, 0x30, device)
    assert bus.read(0x4000_0004, 2) == 6
    assert bus.read_block(0x4000_0004, 7) == bytes([8, 0, 0, 0, 10, 0, 11])
    bus.write_block(0x4000_0002, b"\x01\x02\x03\x04\x05\x06")
    assert device.writes == [(2, 2, 0x0201), (4, 4, 0x0605_0403)]
    with pytest.raises(BusFault) as caught:
        bus.read_block(0x4000_0018, 16)
    assert caught.value.address == 0x4000_0020


def test_a_block_may_cross_windows(bus: Bus) -> None:
    bus.add_memory("low", 0x2000_0000, 0x400, "ram")
    bus.add_memory("high", 0x2000_0400, 0x400, "ram")
    bus.write_block(0x2000_03FC, b"abcdefgh")
    assert bus.read_block(0x2000_03FC, 8) == b"abcdefgh"


def test_read_out_protection_stops_the_debugger_alone(bus: Bus) -> None:
    flash = bus.add_memory("flash", 0, 0x400, "flash", on_write=lambda *_: None)
    flash.debugger_access = False
    assert bus.read(0, 4) == 0
    for attempt in (
        lambda: bus.read(0, 4, debugger=True),
        lambda: bus.write(0, 4, 0, debugger=True),
        lambda: bus.read_block(0, 64),
        lambda: bus.write_block(0, b"1234"),
    ):
        with pytest.raises(BusFault):
            attempt()


def test_the_listener_hears_of_the_debuggers_writes_only(bus: Bus) -> None:
    bus.add_memory("ram", 0x2000_0000, 0x400, "ram")
    listener = Listener()
    bus.attach(listener)
    bus.write(0x2000_0000, 4, 1)
    assert listener.writes == 0
    bus.write(0x2000_0000, 4, 1, debugger=True)
    bus.write_block(0x2000_0000, b"12345678")
    assert listener.writes == 2
