"""What every chip must have: an identity, a map with holes, resets, a flash file."""

from __future__ import annotations

import pytest

from onchip.arch.coresight import CIDR_PREAMBLE, pidr_designer, pidr_part
from onchip.errors import BoardError
from onchip.virtual_board.bus import BusFault
from onchip.virtual_board.target.chip import build_chip, chip_names
from onchip.virtual_board.timeline import Timeline
from tests.virtual_board.target.bench import Bench

ALL = ("lpc1768", "nrf51822", "nrf52840", "stm32f407")
ST, NORDIC = 0x020, 0x144


def test_the_chips_there_are() -> None:
    assert chip_names() == ALL


@pytest.mark.parametrize(
    ("alias", "name"),
    [("microbit", "nrf51822"), ("STM32F407VG", "stm32f407"), ("nRF52840_xxAA", "nrf52840")],
)
def test_aliases_ignore_case(alias: str, name: str) -> None:
    assert build_chip(alias, Timeline()).name == name


def test_unknown_chip_names_the_known_ones() -> None:
    with pytest.raises(BoardError, match="stm32f407") as caught:
        build_chip("z80", Timeline())
    assert "z80" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "cpuid", "dpidr", "ap_idr", "base", "wrap"),
    [
        ("stm32f407", 0x410FC241, 0x2BA01477, 0x24770011, 0xE00FF003, 4096),
        ("nrf52840", 0x410FC241, 0x2BA01477, 0x24770011, 0xE00FF003, 4096),
        ("lpc1768", 0x412FC230, 0x2BA01477, 0x24770011, 0xE00FF003, 4096),
        ("nrf51822", 0x410CC200, 0x0BB11477, 0x04770021, 0xF0000003, 1024),
    ],
)
def test_identity(name: str, cpuid: int, dpidr: int, ap_idr: int, base: int, wrap: int) -> None:
    bench = Bench(name)
    assert bench.read(0xE000_ED00) == cpuid
    assert bench.chip.debug_port.dpidr == dpidr
    ap = bench.chip.access_ports[0]
    assert (ap.index, ap.idr, ap.base, ap.tar_wrap) == (0, ap_idr, base, wrap)
    assert ap.enabled()
    assert bench.chip.debug_access()


def test_feature_registers_of_cortex_m4() -> None:
    """DDI 0439D tables 4-1 and 7-4."""
    bench = Bench("stm32f407")
    words = [bench.read(0xE000_ED40 + 4 * index) for index in range(13)]
    assert words[:4] == [0x0000_0030, 0x0000_0200, 0x0010_0000, 0]
    assert words[4:8] == [0x0010_0030, 0, 0x0100_0000, 0]
    assert words[8:] == [0x0114_1110, 0x0211_2000, 0x2123_2231, 0x0111_1131, 0x0131_0132]
    assert (bench.read(0xE000_EF34), bench.read(0xE000_EF3C)) == (0xC000_0000, 0)
    assert (bench.read(0xE000_EF40), bench.read(0xE000_EF44)) == (0x1011_0021, 0x1100_0011)


def test_systick_of_the_stm32_has_a_reference_clock() -> None:
    bench = Bench("stm32f407", running=True)
    bench.write(0xE000_E014, 0xFF_FFFF)
    for control, ticks in ((1, 1000), (5, 8000)):  # CLKSOURCE 0: AHB/8
        bench.write(0xE000_E010, control)
        bench.write(0xE000_E018, 0)
        bench.advance(1_000)
        before = bench.read(0xE000_E018)
        bench.advance(500_000)  # at 16 MHz
        assert abs(before - bench.read(0xE000_E018) - ticks) <= 1


@pytest.mark.parametrize(
    ("name", "table", "designer", "part"),
    [
        ("stm32f407", 0xE00FF000, ST, 0x413),
        ("nrf52840", 0xE00FF000, NORDIC, 0x008),
        ("nrf51822", 0xF0000000, NORDIC, 0x001),
        ("lpc1768", 0xE00FF000, 0, 0),
    ],
)
def test_rom_table_tells_the_maker(name: str, table: int, designer: int, part: int) -> None:
    bench = Bench(name)
    block = [bench.read(table + 0xFD0 + 4 * n) & 0xFF for n in range(12)]
    pidr = int.from_bytes(bytes([*block[4:8], *block[:4]]), "little")
    assert (pidr_designer(pidr), pidr_part(pidr)) == (designer, part)
    assert int.from_bytes(bytes(block[8:]), "little") == CIDR_PREAMBLE | 0x1000
    assert bench.read(table) & 1


def test_nrf51_rom_table_leads_to_the_core_and_its_revision() -> None:
    bench = Bench("nrf51822")
    entry = bench.read(0xF000_0000)
    assert (0xF000_0000 + (entry & 0xFFFF_F000)) & 0xFFFF_FFFF == 0xE00F_F000
    assert bench.read(0xF000_0FE8) & 0xF0 == 0x70  # third revision, as SystemInit checks it


@pytest.mark.parametrize(
    ("name", "address", "value"),
    [
        ("stm32f407", 0xE0042000, 0x10076413),
        ("stm32f407", 0x1FFF7A20, 0x0400C000),
        ("nrf52840", 0x10000100, 0x52840),
        ("nrf52840", 0x10000010, 4096),
        ("nrf52840", 0x10000014, 256),
        ("nrf51822", 0x10000010, 1024),
        ("nrf51822", 0x10000014, 256),
        ("nrf51822", 0x1000005C, 0xFFFF008F),
        ("lpc1768", 0x400FC000, 0x303A),
    ],
)
def test_identification_words(name: str, address: int, value: int) -> None:
    assert Bench(name).read(address) == value


@pytest.mark.parametrize("name", ALL)
def test_holes_fault(name: str) -> None:
    bench = Bench(name)
    for address in (0x6000_0000, 0x3000_0000, 0x9000_0000):
        with pytest.raises(BusFault):
            bench.read(address)
        with pytest.raises(BusFault):
            bench.write(address, 0)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("stm32f407", 0x4002_6010),  # DMA1
        ("nrf52840", 0x4000_1510),  # RADIO
        ("nrf51822", 0x4000_1510),
        ("lpc1768", 0x4002_C010),  # PINCONNECT
    ],
)
def test_unmodelled_peripherals_keep_what_was_written(name: str, address: int) -> None:
    bench = Bench(name)
    bench.write(address, 0x1234_5678)
    bench.write(address + 1, 0xAB, 1)
    assert bench.read(address) == 0x1234_AB78
    assert bench.read(address + 2, 2) == 0x1234
    bench.chip.reset("system")
    assert bench.read(address) == 0


@pytest.mark.parametrize("name", ALL)
def test_a_core_reset_leaves_the_peripherals_alone(name: str) -> None:
    bench = Bench(name)
    address = {"stm32f407": 0x4002_6010, "lpc1768": 0x4002_C010}.get(name, 0x4000_1510)
    bench.write(address, 1)
    bench.chip.reset("core")
    assert bench.read(address) == 1


@pytest.mark.parametrize("name", ALL)
def test_flash_file(name: str) -> None:
    bench = Bench(name)
    memory = bench.chip.flash_memories[0]
    memory.data[0x3000:0x3004] = b"data"
    blob = bench.chip.save_flash()
    other = Bench(name)
    other.chip.load_flash(blob)
    assert bytes(other.chip.flash_memories[0].data[0x3000:0x3004]) == b"data"
    assert other.chip.save_flash() == blob


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda blob: b"", "not a flash file"),
        (lambda blob: b"something else\n" + blob, "not a flash file"),
        (lambda blob: blob.replace(b"stm32f407", b"stm32f103"), "stm32f103"),
        (lambda blob: blob[:-1], "damaged"),
        (lambda blob: blob + b"x", "damaged"),
        (lambda blob: blob.replace(b"part flash", b"part ashfl"), "damaged"),
    ],
)
def test_bad_flash_file_is_refused_and_changes_nothing(spoil, message: str) -> None:
    bench = Bench("stm32f407")
    blob = bench.chip.save_flash()
    bench.chip.flash_memories[0].data[0:4] = b"keep"
    with pytest.raises(BoardError, match=message):
        bench.chip.load_flash(spoil(blob))
    assert bytes(bench.chip.flash_memories[0].data[0:4]) == b"keep"
