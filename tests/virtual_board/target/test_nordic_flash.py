"""NVMC of nRF51 and nRF52, and their read-out protection."""

from __future__ import annotations

import pytest

from onchip.virtual_board.bus import BusFault
from onchip.virtual_board.target.chip import FlashFault, FlashFaultKind
from tests.virtual_board.target.bench import MS, US, Bench

NVMC = 0x4001_E000
READY, READYNEXT, CONFIG = NVMC + 0x400, NVMC + 0x408, NVMC + 0x504
ERASEPAGE, ERASEALL, ERASEPCR0, ERASEUICR = (NVMC + n for n in (0x508, 0x50C, 0x510, 0x514))
PARTIAL, PARTIALCFG = NVMC + 0x518, NVMC + 0x51C
REN, WEN, EEN = 0, 1, 2
UICR = 0x1000_1000
BOTH = pytest.mark.parametrize(
    ("name", "page", "write_us", "erase_ms"),
    [("nrf52840", 4096, 41, 85), ("nrf51822", 1024, 46.3, 22.3)],
)


@BOTH
def test_write_and_erase_a_page(name: str, page: int, write_us: float, erase_ms: float) -> None:
    bench = Bench(name)
    assert bench.read(READY) == 1
    bench.write(CONFIG, WEN)
    for address in (page - 4, page, 2 * page - 4, 2 * page):
        bench.write(address, 0x1234_5678)
        assert bench.read(READY) == 0
        bench.advance(int(write_us * US) - 100)
        assert bench.read(READY) == 0
        bench.advance(200)
        assert bench.read(READY) == 1
        assert bench.read(address) == 0x1234_5678
    bench.write(CONFIG, EEN)
    bench.write(ERASEPAGE, page)
    bench.advance(int(erase_ms * MS) - US)
    assert bench.read(READY) == 0
    assert bench.read(READYNEXT) == 0
    bench.advance(2 * US)
    assert bench.read(READY) == 1
    assert bench.read(page - 4) == 0x1234_5678
    assert bench.read(page) == bench.read(2 * page - 4) == 0xFFFF_FFFF
    assert bench.read(2 * page) == 0x1234_5678


@BOTH
def test_bits_only_fall(name: str, page: int, write_us: float, erase_ms: float) -> None:
    bench = Bench(name)
    bench.write(CONFIG, WEN)
    bench.write(0, 0xFF00_FF00)
    bench.write(0, 0x0FF0_0FF0)
    bench.advance(MS)
    assert bench.read(0) == 0x0F00_0F00


@BOTH
def test_a_loader_that_never_asks_for_ready_is_stalled(
    name: str, page: int, write_us: float, erase_ms: float
) -> None:
    bench = Bench(name)
    bench.write(CONFIG, WEN)
    ram, words = 0x2000_0000, 16
    code = (0x6001, 0x3004, 0x3A01, 0xD1FB, 0xE7FE)  # str r1,[r0]; adds; subs r2; bne; b .
    for n, opcode in enumerate(code):
        bench.write(ram + 2 * n, opcode, 2)
    core = bench.chip.core
    core.hold_reset(asserted=False)
    bench.write(0xE000_EDF0, 0xA05F_0003)  # DHCSR: halt
    bench.advance(MS)
    for register, value in ((0, page), (1, 0), (2, words), (15, ram), (16, 1 << 24)):
        bench.write(0xE000_EDF8, value)  # DCRDR
        bench.write(0xE000_EDF4, 1 << 16 | register)  # DCRSR
    bench.write(0xE000_EDF0, 0xA05F_0001)
    bench.advance(int((words - 2) * write_us * US))
    bench.write(0xE000_EDF0, 0xA05F_0003)
    bench.write(0xE000_EDF4, 2)
    left = bench.read(0xE000_EDF8)
    assert 0 < left <= 3  # the core has not run ahead of the flash
    assert bench.read(READY) == 0


@pytest.mark.parametrize("config", [REN, EEN])
@pytest.mark.parametrize("address", [0, UICR + 0x80])
def test_a_store_while_closed_faults(config: int, address: int) -> None:
    bench = Bench("nrf52840")
    bench.write(CONFIG, config)
    with pytest.raises(BusFault):
        bench.write(address, 0)
    assert bench.read(address) == 0xFFFF_FFFF


@pytest.mark.parametrize(("offset", "size"), [(0, 1), (0, 2), (2, 2), (3, 1)])
def test_a_narrow_store_faults(offset: int, size: int) -> None:
    bench = Bench("nrf52840")
    bench.write(CONFIG, WEN)
    with pytest.raises(BusFault):
        bench.write(0x1000 + offset, 0, size)


@pytest.mark.parametrize("register", [ERASEPAGE, ERASEALL, ERASEUICR, ERASEPCR0])
def test_erasing_needs_een(register: int) -> None:
    bench = Bench("nrf52840")
    bench.write(CONFIG, WEN)
    bench.write(0, 0)
    bench.write(UICR + 0x80, 0)
    bench.advance(MS)
    bench.write(register, 1 if register in (ERASEALL, ERASEUICR) else 0)
    bench.advance(500 * MS)
    assert bench.read(0) == bench.read(UICR + 0x80) == 0


def test_an_erase_outside_the_flash_is_nothing() -> None:
    bench = Bench("nrf52840")
    bench.write(CONFIG, EEN)
    bench.write(ERASEPAGE, 0x10_0000)
    assert bench.read(READY) == 1


def test_erase_all_and_erase_uicr() -> None:
    bench = Bench("nrf52840")
    bench.write(CONFIG, WEN)
    for address in (0, 0xF_FFFC, UICR + 0x80):
        bench.write(address, 0)
    bench.advance(MS)
    bench.write(CONFIG, EEN)
    bench.write(ERASEUICR, 1)
    bench.advance(86 * MS)
    assert bench.read(UICR + 0x80) == 0xFFFF_FFFF
    assert bench.read(0) == 0
    bench.write(CONFIG, WEN)
    bench.write(UICR + 0x80, 0)
    bench.advance(MS)
    bench.write(CONFIG, EEN)
    bench.write(ERASEALL, 1)
    bench.advance(168 * MS)
    assert bench.read(READY) == 0
    bench.advance(2 * MS)
    assert bench.read(READY) == 1
    assert {bench.read(a) for a in (0, 0xF_FFFC, UICR + 0x80)} == {0xFFFF_FFFF}


def test_partial_erase_adds_up() -> None:
    bench = Bench("nrf52840")
    bench.write(CONFIG, WEN)
    bench.write(0x2000, 0)
    bench.advance(MS)
    bench.write(CONFIG, EEN)
    bench.write(PARTIALCFG, 17)
    for piece in range(5):
        assert bench.read(0x2000) == 0, piece
        bench.write(PARTIAL, 0x2000)
        bench.advance(18 * MS)
        assert bench.read(READY) == 1
    assert bench.read(0x2000) == 0xFFFF_FFFF


def test_there_is_no_error_flag_only_wrong_cells() -> None:
    bench = Bench("nrf52840")
    bench.chip.flash_faults.add(FlashFault(FlashFaultKind.PROGRAM_FAILS, address=0x1000))
    bench.write(CONFIG, WEN)
    bench.write(0x1000, 0)
    bench.advance(MS)
    assert bench.read(READY) == 1
    assert bench.read(0x1000) == 0xFFFF_FFFF


def test_stuck_busy_and_power_loss() -> None:
    bench = Bench("nrf52840")
    bench.chip.flash_faults.add(FlashFault(FlashFaultKind.STUCK_BUSY))
    bench.write(CONFIG, WEN)
    bench.write(0x1000, 0x1122_3344)
    bench.advance(1000 * MS)
    assert bench.read(READY) == 0
    bench.chip.power_loss()
    bench.chip.reset("power-on")
    assert bench.read(READY) == 1
    assert bench.read(0x1000) == 0xFFFF_3344
    assert bench.read(CONFIG) == REN


# ---- protection --------------------------------------------------------------------------------

RESET, CTRL_ERASEALL, STATUS, APPROTECT, IDR = 0x00, 0x04, 0x08, 0x0C, 0xFC


def test_ctrl_ap_of_an_open_chip() -> None:
    bench = Bench("nrf52840")
    port = bench.chip.access_ports[1]
    assert (port.index, port.idr) == (1, 0x0288_0000)
    assert port.device is not None
    assert port.device.read_register(IDR) == 0x0288_0000
    assert port.device.read_register(APPROTECT) == 1
    assert port.device.read_register(STATUS) == 0
    assert port.device.read_register(0x40) == 0


def test_approtect_closes_the_ahb_ap_and_eraseall_opens_it() -> None:
    bench = Bench("nrf52840", locked=True)
    bench.chip.flash_memories[0].data[0:4] = b"code"
    memory_port, control_port = bench.chip.access_ports
    control = control_port.device
    assert control is not None
    assert not memory_port.enabled()
    assert control.read_register(APPROTECT) == 0
    control.write_register(CTRL_ERASEALL, 1)
    assert control.read_register(STATUS) == 1
    bench.advance(170 * MS)
    assert control.read_register(STATUS) == 0
    assert control.read_register(APPROTECT) == 1
    assert memory_port.enabled()
    assert bench.read(0) == bench.read(UICR + 0x208) == 0xFFFF_FFFF
    bench.chip.reset("system")
    assert memory_port.enabled()


def test_protection_written_by_hand_counts_from_the_next_reset() -> None:
    bench = Bench("nrf52840")
    bench.write(CONFIG, WEN)
    bench.write(UICR + 0x208, 0xFFFF_FF00)
    bench.advance(MS)
    assert bench.chip.access_ports[0].enabled()
    bench.chip.reset("system")
    assert not bench.chip.access_ports[0].enabled()


def test_ctrl_ap_reset_holds_the_core() -> None:
    bench = Bench("nrf52840", running=True)
    control = bench.chip.access_ports[1].device
    assert control is not None
    bench.write(0x4000_1510, 5)
    control.write_register(RESET, 1)
    assert control.read_register(RESET) == 1
    assert bench.chip.core.in_reset
    assert bench.read(0x4000_1510) == 0
    control.write_register(RESET, 0)
    bench.advance(MS)
    assert not bench.chip.core.in_reset


def test_rbpconf_hides_the_flash_of_nrf51() -> None:
    bench = Bench("nrf51822", locked=True)
    bench.chip.flash_memories[0].data[0:4] = b"code"
    with pytest.raises(BusFault):
        bench.read(0)
    bench.write(CONFIG, EEN)
    bench.write(ERASEALL, 1)
    bench.advance(30 * MS)
    bench.chip.reset("system")
    assert bench.read(0) == 0xFFFF_FFFF


def test_uicr_survives_in_the_flash_file() -> None:
    blob = Bench("nrf52840", locked=True).chip.save_flash()
    bench = Bench("nrf52840")
    bench.chip.load_flash(blob)
    bench.chip.reset("power-on")
    assert not bench.chip.access_ports[0].enabled()
