"""The FLASH controller of STM32F407, driven register by register."""

from __future__ import annotations

import pytest

from onchip.virtual_board.bus import BusFault
from onchip.virtual_board.target.chip import FlashFault, FlashFaultKind
from tests.virtual_board.target.bench import MS, US, Bench

FLASH = 0x0800_0000
KEYR, OPTKEYR, SR, CR, OPTCR = (0x4002_3C00 + n for n in (0x04, 0x08, 0x0C, 0x10, 0x14))
KEY1, KEY2 = 0x4567_0123, 0xCDEF_89AB
OPTKEY1, OPTKEY2 = 0x0819_2A3B, 0x4C5D_6E7F
PG, SER, MER, STRT, EOPIE, ERRIE, LOCK = 1, 2, 4, 1 << 16, 1 << 24, 1 << 25, 1 << 31
X8, X16, X32, X64 = (n << 8 for n in range(4))
EOP, OPERR, WRPERR, PGPERR, PGSERR, BSY = 1, 2, 1 << 4, 1 << 6, 1 << 7, 1 << 16
FLASH_IRQ = 4
SECTORS = [0x4000] * 4 + [0x10000] + [0x20000] * 7
STARTS = [sum(SECTORS[:n]) for n in range(12)]


def unlocked() -> Bench:
    bench = Bench("stm32f407")
    bench.write(KEYR, KEY1)
    bench.write(KEYR, KEY2)
    assert not bench.read(CR) & LOCK
    return bench


def program(bench: Bench, address: int, value: int) -> None:
    bench.write(CR, PG | X32)
    bench.write(address, value)
    bench.advance(20 * US)
    bench.write(CR, 0)


def test_locked_after_reset() -> None:
    bench = Bench("stm32f407")
    assert bench.read(CR) == LOCK
    bench.write(CR, PG)
    assert bench.read(CR) == LOCK


@pytest.mark.parametrize("keys", [(KEY2,), (KEY1, KEY1), (KEY1, 0)])
def test_a_wrong_key_faults_and_locks_until_reset(keys: tuple[int, ...]) -> None:
    bench = Bench("stm32f407")
    for key in keys[:-1]:
        bench.write(KEYR, key)
    with pytest.raises(BusFault):
        bench.write(KEYR, keys[-1])
    with pytest.raises(BusFault):
        bench.write(KEYR, KEY1)
    assert bench.read(CR) & LOCK
    bench.chip.reset("system")
    bench.write(KEYR, KEY1)
    bench.write(KEYR, KEY2)
    assert not bench.read(CR) & LOCK


def test_unlocking_twice_is_a_wrong_sequence() -> None:
    bench = unlocked()
    with pytest.raises(BusFault):
        bench.write(KEYR, KEY1)
    assert bench.read(CR) & LOCK


def test_programming_takes_its_time_and_clears_bits_only() -> None:
    bench = unlocked()
    bench.write(CR, PG | X32)
    bench.write(FLASH + 8, 0xFFFF_00F0)
    assert bench.read(SR) == BSY
    bench.advance(15 * US)
    assert bench.read(SR) & BSY
    bench.advance(2 * US)
    assert bench.read(SR) == 0
    assert bench.read(FLASH + 8) == 0xFFFF_00F0
    bench.write(FLASH + 8, 0x0F0F_FFFF)
    bench.advance(16 * US)
    assert bench.read(FLASH + 8) == 0x0F0F_00F0
    assert bench.read(8) == 0x0F0F_00F0  # the alias at 0


def test_stores_queue_while_busy() -> None:
    bench = unlocked()
    bench.write(CR, PG | X32)
    for n in range(10):
        bench.write(FLASH + 4 * n, n)
    bench.advance(155 * US)
    assert bench.read(SR) & BSY
    bench.advance(5 * US)
    assert bench.read(SR) == 0
    assert [bench.read(FLASH + 4 * n) for n in range(10)] == list(range(10))


def test_a_store_without_pg_is_a_sequence_error() -> None:
    bench = unlocked()
    bench.write(FLASH, 0)
    assert bench.read(SR) == PGSERR
    assert bench.read(FLASH) == 0xFFFF_FFFF
    bench.write(SR, PGSERR)
    assert bench.read(SR) == 0


@pytest.mark.parametrize(("psize", "size"), [(X8, 4), (X16, 1), (X32, 2), (X64, 1)])
def test_the_store_must_be_as_wide_as_psize(psize: int, size: int) -> None:
    bench = unlocked()
    bench.write(CR, PG | psize)
    bench.write(FLASH, 0, size)
    assert bench.read(SR) == PGPERR
    assert bench.read(FLASH) == 0xFFFF_FFFF


@pytest.mark.parametrize(("psize", "size"), [(X8, 1), (X16, 2), (X32, 4), (X64, 4)])
def test_every_width_works(psize: int, size: int) -> None:
    bench = unlocked()
    bench.write(CR, PG | psize)
    bench.write(FLASH + size, 0, size)
    bench.advance(16 * US)
    assert bench.read(SR) == 0
    assert bench.read(FLASH + size, size) == 0
    assert bench.read(FLASH, size) == (1 << 8 * size) - 1


@pytest.mark.parametrize("number", range(12))
def test_every_sector_erases_just_itself(number: int) -> None:
    bench = unlocked()
    memory = bench.chip.flash_memories[0]
    memory.data[:] = bytes(memory.size)
    bench.write(CR, SER | number << 3 | X32)
    bench.write(CR, SER | number << 3 | X32 | STRT)
    assert bench.read(SR) == BSY
    assert bench.read(CR) & STRT
    expected = {0x4000: 250 * MS, 0x10000: 550 * MS, 0x20000: 1000 * MS}[SECTORS[number]]
    bench.advance(expected - US)
    assert bench.read(SR) & BSY
    bench.advance(2 * US)
    assert bench.read(SR) == 0
    assert not bench.read(CR) & STRT
    start, size = STARTS[number], SECTORS[number]
    after = bytes(memory.data)
    assert after[start : start + size] == b"\xff" * size
    assert after.count(0) == memory.size - size


def test_narrow_parallelism_erases_slower() -> None:
    bench = unlocked()
    bench.write(CR, SER | X8 | STRT)
    bench.advance(399 * MS)
    assert bench.read(SR) & BSY
    bench.advance(2 * MS)
    assert not bench.read(SR) & BSY


def test_mass_erase() -> None:
    bench = unlocked()
    program(bench, FLASH + 0xF_FFFC, 0)
    bench.write(CR, MER | X32)
    bench.write(CR, MER | X32 | STRT)
    bench.advance(7_999 * MS)
    assert bench.read(SR) & BSY
    bench.advance(2 * MS)
    assert bytes(bench.chip.flash_memories[0].data) == b"\xff" * 0x10_0000


def test_end_of_operation_shows_and_interrupts_only_if_enabled() -> None:
    bench = unlocked()
    bench.write(CR, PG | X32 | EOPIE)
    bench.write(FLASH, 1)
    bench.advance(20 * US)
    assert bench.read(SR) == EOP
    assert bench.pending(FLASH_IRQ)
    bench.write(SR, EOP)
    assert bench.read(SR) == 0


def test_write_protection() -> None:
    bench = unlocked()
    bench.write(OPTKEYR, OPTKEY1)
    bench.write(OPTKEYR, OPTKEY2)
    options = bench.read(OPTCR) & ~(1 << 16 + 2)
    bench.write(OPTCR, options)
    bench.write(OPTCR, options | 2)
    bench.advance(400 * MS)
    bench.write(CR, PG | X32)
    bench.write(FLASH + STARTS[2], 0)
    assert bench.read(SR) == WRPERR
    bench.write(SR, WRPERR)
    bench.write(CR, SER | 2 << 3 | X32 | STRT)
    assert bench.read(SR) == WRPERR
    bench.write(SR, WRPERR)
    bench.write(CR, MER | X32 | STRT)
    assert bench.read(SR) == WRPERR
    assert bench.read(0x1FFF_C008, 2) & 0xFFF == 0xFFB
    bench.chip.reset("power-on")
    assert bench.read(OPTCR) >> 16 & 0xFFF == 0xFFB


def test_options_are_locked_and_a_wrong_key_faults() -> None:
    bench = Bench("stm32f407")
    before = bench.read(OPTCR)
    assert before == 0x0FFF_AAED
    bench.write(OPTCR, 0)
    assert bench.read(OPTCR) == before
    with pytest.raises(BusFault):
        bench.write(OPTKEYR, OPTKEY2)
    with pytest.raises(BusFault):
        bench.write(OPTKEYR, OPTKEY1)


def test_locked_chip_hides_its_flash_from_the_debugger_until_mass_erased() -> None:
    bench = Bench("stm32f407", locked=True)
    bench.chip.flash_memories[0].data[0:4] = b"code"
    assert bench.read(OPTCR) >> 8 & 0xFF == 0x55
    with pytest.raises(BusFault):
        bench.read(FLASH)
    with pytest.raises(BusFault):
        bench.bus.read_block(FLASH, 4)
    assert bench.bus.read(FLASH, 4) == int.from_bytes(b"code", "little")  # the core may
    assert bench.read(0x2000_0000) == bench.read(0x2000_0000)
    bench.write(OPTKEYR, OPTKEY1)
    bench.write(OPTKEYR, OPTKEY2)
    bench.write(OPTCR, 0x0FFF_AAEC)
    bench.write(OPTCR, 0x0FFF_AAEE)
    bench.advance(9_000 * MS)
    assert bench.read(SR) == 0
    assert bench.read(FLASH) == 0xFFFF_FFFF


def test_option_bytes_survive_in_the_flash_file() -> None:
    blob = Bench("stm32f407", locked=True).chip.save_flash()
    bench = Bench("stm32f407")
    bench.chip.load_flash(blob)
    with pytest.raises(BusFault):
        bench.read(FLASH)


def test_otp_can_be_written_once_and_locked() -> None:
    bench = unlocked()
    otp, lock = 0x1FFF_7800, 0x1FFF_7A00
    bench.write(CR, PG | X8)
    bench.write(otp, 0x5A, 1)
    bench.advance(20 * US)
    bench.write(lock, 0, 1)
    bench.advance(20 * US)
    assert bench.read(otp, 1) == 0x5A
    bench.write(otp, 0, 1)
    assert bench.read(SR) == WRPERR
    assert bench.read(otp, 1) == 0x5A
    bench.write(SR, WRPERR)
    bench.write(0x1FFF_7A10, 0, 1)  # the unique id
    assert bench.read(SR) == WRPERR


# ---- what can go wrong -------------------------------------------------------------------------


def test_stuck_busy_ends_with_a_reset() -> None:
    bench = unlocked()
    bench.chip.flash_faults.add(FlashFault(FlashFaultKind.STUCK_BUSY))
    bench.write(CR, SER | X32 | STRT)
    bench.advance(60_000 * MS)
    assert bench.read(SR) & BSY
    bench.chip.reset("system")
    assert bench.read(SR) == 0


def test_timeout_takes_a_hundred_times_as_long() -> None:
    bench = unlocked()
    bench.chip.flash_faults.add(FlashFault(FlashFaultKind.TIMEOUT))
    bench.write(CR, PG | X32)
    bench.write(FLASH, 0)
    bench.advance(1_500 * US)
    assert bench.read(SR) & BSY
    bench.advance(200 * US)
    assert bench.read(SR) == 0


@pytest.mark.parametrize("errie", [0, ERRIE])
def test_failed_erase_shows_in_operr_only_if_enabled(errie: int) -> None:
    bench = unlocked()
    bench.chip.flash_memories[0].data[:0x4000] = bytes(0x4000)
    bench.chip.flash_faults.add(FlashFault(FlashFaultKind.ERASE_FAILS, address=FLASH + 0x100))
    bench.write(CR, SER | X32 | STRT | errie)
    bench.advance(300 * MS)
    assert bench.read(SR) == (OPERR if errie else 0)
    assert bytes(bench.chip.flash_memories[0].data[:0x4000]) != b"\xff" * 0x4000
    bench.write(SR, OPERR)
    bench.write(CR, SER | X32 | STRT)  # the fault is used up
    bench.advance(300 * MS)
    assert bytes(bench.chip.flash_memories[0].data[:0x4000]) == b"\xff" * 0x4000


def test_failed_program_leaves_the_word() -> None:
    bench = unlocked()
    bench.chip.flash_faults.add(FlashFault(FlashFaultKind.PROGRAM_FAILS))
    program(bench, FLASH, 0)
    assert bench.read(FLASH) == 0xFFFF_FFFF
    program(bench, FLASH, 0)
    assert bench.read(FLASH) == 0


def test_injected_write_protection() -> None:
    bench = unlocked()
    fault = FlashFault(FlashFaultKind.WRITE_PROTECTED, address=FLASH + 4, count=None)
    bench.chip.flash_faults.add(fault)
    bench.write(CR, PG | X32)
    bench.write(FLASH, 0)
    bench.advance(20 * US)
    assert bench.read(SR) == 0
    for _ in range(2):
        bench.write(FLASH + 4, 0)
        assert bench.read(SR) == WRPERR
        bench.write(SR, WRPERR)
    bench.chip.flash_faults.clear()
    bench.write(FLASH + 4, 0)
    bench.advance(20 * US)
    assert bench.read(FLASH + 4) == 0


def test_a_stuck_bit_neither_falls_nor_rises() -> None:
    bench = unlocked()
    bench.chip.flash_faults.add(FlashFault(FlashFaultKind.STUCK_BIT, address=FLASH + 8, bits=0x100))
    program(bench, FLASH + 8, 0)
    assert bench.read(FLASH + 8) == 0x100
    assert bench.read(SR) == 0
    bench.write(CR, SER | X32 | STRT)
    bench.advance(300 * MS)
    assert bench.read(FLASH + 8) == 0xFFFF_FEFF


def test_power_loss_leaves_half_a_word() -> None:
    bench = unlocked()
    bench.write(CR, PG | X32)
    bench.write(FLASH, 0x1122_3344)
    bench.advance(8 * US)
    bench.chip.power_loss()
    bench.chip.reset("power-on")
    assert bench.read(FLASH) == 0xFFFF_3344
    assert bench.read(SR) == 0
    assert bench.read(CR) == LOCK


def test_power_loss_before_anything_happened_leaves_the_word() -> None:
    bench = unlocked()
    bench.write(CR, PG | X32)
    bench.write(FLASH, 0)
    bench.chip.power_loss()
    assert bench.bus.read(FLASH, 4) == 0xFFFF_FFFF


def test_power_loss_in_an_erase_leaves_neither_old_nor_erased() -> None:
    bench = unlocked()
    memory = bench.chip.flash_memories[0]
    memory.data[:0x4000] = bytes(0x4000)
    bench.write(CR, SER | X32 | STRT)
    bench.advance(125 * MS)
    bench.chip.power_loss()
    cells = bytes(memory.data[:0x4000])
    assert cells.count(0xFF) < 0x4000
    assert cells.count(0x00) < 0x4000
    assert bytes(memory.data[0x4000:0x8000]) == b"\xff" * 0x4000


def test_a_finished_operation_survives_power_loss() -> None:
    bench = unlocked()
    program(bench, FLASH, 0x1122_3344)
    bench.chip.power_loss()
    assert bench.bus.read(FLASH, 4) == 0x1122_3344
