from pathlib import Path

import pytest

import onchip.flash as flash_package
from onchip.errors import (
    AlgorithmError,
    EraseError,
    PlanError,
    ProgramError,
    UsageError,
    VerifyError,
)
from onchip.flash.images.image import Image
from onchip.flash.progress import Progress
from onchip.target.chip import generic_chip, known_chips
from onchip.virtual_board.target.flash_faults import FlashFault, FlashFaultKind

from .bench import Bench, bench, pattern

CHIPS = [chip.name for chip in known_chips()]


@pytest.mark.parametrize("chip", CHIPS)
def test_programs_and_verifies_every_chip(chip: str) -> None:
    data = pattern(4500)
    with bench(chip) as b:
        report = b.engine().program(b.image(data))
        assert b.contents(4500)[:0x1C] == data[:0x1C]
        assert b.contents(4500)[0x20:] == data[0x20:]
        assert b.contents(100, 4500) == b"\xff" * 100
        assert (report.image_bytes, report.verified_bytes) == (4500, 4500)
        assert report.seconds > 0
        assert b.core.halted
        again = b.engine().program(b.image(data))
        assert (again.same_bytes, again.programmed_bytes, again.erased_bytes) == (4500, 0, 0)
        b.engine().verify(b.image(data))


@pytest.mark.parametrize("chip", CHIPS)
def test_a_change_erases_one_sector_and_keeps_its_neighbours(chip: str) -> None:
    with bench(chip) as b:
        first, sector, *_ = b.chip.memory_map.flash[0].all_sectors()
        start = first.size - 0x100  # and 256 bytes beyond the second sector
        before = bytearray(pattern(0x100) + pattern(0x200, 5).ljust(sector.size, b"\xff"))
        before += pattern(0x100, 3)
        b.put(bytes(before), start)
        report = b.engine().program(b.image(b"changed!", first.size + 904))
        before[0x100 + 904 : 0x100 + 912] = b"changed!"
        assert b.contents(len(before), start) == before
        assert report.erased_bytes == sector.size
        assert report.kept_bytes > 0


def test_without_keep_the_rest_of_the_sector_goes() -> None:
    with bench("lpc1768") as b:
        b.put(pattern(0x2000))
        report = b.engine().program(b.image(b"changed!", 0x100), keep=False)
        assert b.contents(0x100) == b"\xff" * 0x100
        assert b.contents(8, 0x100) == b"changed!"
        assert b.contents(0x1000, 0x1000) == pattern(0x2000)[0x1000:]
        assert report.kept_bytes == 0


def test_chip_erase_only_by_name() -> None:
    with bench() as b:
        b.engine().program(b.image(b"far away", 0xF_0000))
        b.engine().program(b.image(pattern(100)))
        assert b.contents(8, 0xF_0000) == b"far away"
        report = b.engine().program(b.image(pattern(100)), erase="chip")
        assert b.contents(8, 0xF_0000) == b"\xff" * 8
        assert b.contents(100) == pattern(100)
        assert report.erased_bytes == 0x10_0000
        with pytest.raises(UsageError, match="cannot be meant"):
            b.engine().program(b.image(b"1234"), erase="everything")  # type: ignore[arg-type]


def test_the_same_content_is_left_alone_within_a_larger_image() -> None:
    with bench("lpc1768") as b:
        data = bytes(0x1000) + pattern(0x4000)
        b.put(data)
        changed = data[:0x3000] + bytes(0x1000) + data[0x4000:]
        report = b.engine().program(b.image(changed))
        assert report.same_bytes == 0x4000
        assert report.erased_bytes == 0x1000
        assert b.contents(0x5000) == changed


def test_blank_pages_of_an_image_are_not_programmed() -> None:
    with bench("nrf52840") as b:
        data = pattern(0x400) + b"\xff" * 0x4C00 + pattern(0x400)
        report = b.engine().program(b.image(data))
        assert report.programmed_bytes == 0x2000
        assert report.verified_bytes == 0x5400


def test_ram_segments_are_written_and_read_back() -> None:
    with bench() as b:
        image = Image.from_segments([(b.flash, pattern(64)), (0x2000_8000, b"in RAM, too")])
        report = b.engine().program(image)
        assert report.ram_bytes == 11
        assert b.core.memory.read(0x2000_8000, 11) == b"in RAM, too"
        only = b.engine().program(Image.from_segments([(0x1000_0003, b"CCM")]))
        assert (only.ram_bytes, only.programmed_bytes) == (3, 0)
        assert b.core.memory.read(0x1000_0003, 3) == b"CCM"
        b.engine().verify(image)
        with pytest.raises(VerifyError, match="0x2000_8001 reads"):
            b.engine().verify(Image.from_segments([(0x2000_8000, b"iX")]))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (0x0810_0000, "has no memory"),
        (0x080F_FFFC, "has no memory"),
        (0x1FFF_0000, "system .* cannot be programmed"),
        (0x4002_0000, "peripherals .* cannot be programmed"),
        (0x3000_0000, "is it linked for another chip"),
        (0x000F_FFF0, "only those below 0x0010_0000 are a mirror"),
    ],
)
def test_what_cannot_be_done_is_refused_before_erasing(address: int, message: str) -> None:
    with bench() as b:
        b.put(pattern(64))
        before = b.board.timeline.now_ns
        image = Image.from_segments([(b.flash, b"new!"), (address, pattern(64))])
        with pytest.raises(PlanError, match=message) as caught:
            b.engine().program(image)
        assert caught.value.address is not None
        assert b.contents(64) == pattern(64)
        assert b.board.timeline.now_ns == before, "not even a packet went out"
        with pytest.raises(PlanError, match=message):
            b.engine().verify(image)


def test_a_chip_without_known_flash_or_ram() -> None:
    with bench() as b:
        from onchip.flash.engine import FlashEngine

        engine = FlashEngine(b.core, generic_chip("Cortex-M4"))
        with pytest.raises(PlanError, match="cannot be programmed"):
            engine.program(b.image(b"1234"))
        with pytest.raises(PlanError, match="no flash"):
            engine.erase("chip")


def test_images_that_lock_the_chip_need_a_word() -> None:
    with bench("lpc1768") as b:
        locking = bytes(0x2FC) + (0x8765_4321).to_bytes(4, "little")
        with pytest.raises(PlanError, match="code read protection"):
            b.engine().program(b.image(locking))
        assert b.contents(4) == b"\xff" * 4
        b.engine().program(b.image(locking), allow_lock=True)
        assert b.contents(4, 0x2FC) == b"\x21\x43\x65\x87"


def test_the_lpc_gets_its_vector_checksum() -> None:
    with bench("lpc1768") as b:
        b.engine().program(b.image(pattern(64)))
        words = [int.from_bytes(b.contents(4, 4 * i), "little") for i in range(8)]
        assert sum(words) & 0xFFFF_FFFF == 0
        b.engine().verify(b.image(pattern(64)))


def test_an_image_linked_at_the_mirror_is_programmed_and_verified() -> None:
    with bench() as b:
        image = Image.from_segments([(0x400, pattern(100))])
        b.engine().program(image)
        assert b.contents(100, 0x400) == pattern(100)
        assert b.engine().verify(image).verified_bytes == 100
        with pytest.raises(VerifyError, match="0x0800_0400 reads"):
            b.engine().verify(Image.from_segments([(0x400, pattern(100, 3)[::-1])]))


def test_uicr_is_a_region_of_its_own() -> None:
    with bench("nrf52840") as b:
        image = Image.from_segments([(0, pattern(64)), (0x1000_1080, b"customer")])
        with pytest.raises(PlanError, match=r"uicr .* only when asked for by name"):
            b.engine().program(image)
        assert b.contents(4) == b"\xff" * 4
        b.engine().program(image, also=["uicr"])
        assert b.core.memory.read(0x1000_1080, 8) == b"customer"
        b.engine().program(Image.from_segments([(0x1000_1088, b"more")]), also=["uicr"])
        assert b.core.memory.read(0x1000_1080, 12) == b"customermore"
        with pytest.raises(PlanError, match="APPROTECT"):
            b.engine().program(Image.from_segments([(0x1000_1208, bytes(4))]))


def test_an_algorithm_that_is_given_for_options_asks_for_them() -> None:
    given = Path(flash_package.__file__).parent / "algorithms" / "nrf52840_uicr.FLM"
    with bench("nrf52840") as b:
        b.engine(given).program(Image.from_segments([(0x1000_1080, b"customer")]))
        assert b.core.memory.read(0x1000_1080, 8) == b"customer"


def test_verify_leaves_registers_and_ram_as_found() -> None:
    with bench() as b:
        b.put(pattern(5000))
        b.core.halt()
        b.core.memory.write(0x2000_0000, pattern(0x4000, 3))
        b.core.write_registers({"r0": 0x1234, "pc": 0x2000_0100, "primask": 0})
        before = b.core.read_registers()
        b.engine().verify(b.image(pattern(5000)))
        assert b.core.read_registers() == before
        assert b.core.memory.read(0x2000_0000, 0x4000) == pattern(0x4000, 3)


def test_verify_names_the_first_difference() -> None:
    with bench() as b:
        b.put(pattern(5000))
        other = bytearray(pattern(5000))
        other[4321] ^= 0x10
        with pytest.raises(VerifyError, match=r"0x0800_10E1 reads .* expected") as caught:
            b.engine().verify(b.image(bytes(other)))
        assert caught.value.address == 0x0800_0000 + 4321


def test_erase_ranges_and_chip() -> None:
    with bench("lpc1768") as b:
        before = pattern(0x5000)
        b.put(before)
        report = b.engine().erase([(b.flash + 0x1000, 1), (b.flash + 0x1FFF, 2)])
        assert report.erased_bytes == 0x2000
        assert b.contents(0x1000) == before[:0x1000]
        assert b.contents(0x2000, 0x1000) == b"\xff" * 0x2000
        assert b.contents(0x2000, 0x3000) == before[0x3000:]
        b.engine().erase("chip")
        assert b.contents(0x8_0000) == b"\xff" * 0x8_0000


@pytest.mark.parametrize(
    ("ranges", "message"),
    [([(0x2000_0000, 4)], "not in flash"), ([(0x080F_FFFF, 2)], "not in flash"), ([], "nothing")],
)
def test_erase_refuses_what_is_no_flash(ranges: list[tuple[int, int]], message: str) -> None:
    with bench() as b:
        b.put(pattern(64), 0xF_FF00)
        with pytest.raises(PlanError, match=message):
            b.engine().erase(ranges)
        assert b.contents(64, 0xF_FF00) == pattern(64)


def test_progress_is_told_in_order_and_completely() -> None:
    seen: list[Progress] = []
    with bench("lpc1768") as b:
        b.put(pattern(20_000))
        b.engine().program(b.image(pattern(20_000, 9)), progress=seen.append)
    phases = list(dict.fromkeys(p.phase for p in seen))
    assert phases == ["plan", "erase", "program", "verify"]
    for phase in phases:
        steps = [p for p in seen if p.phase == phase]
        assert steps[0].done == 0
        assert steps[-1].done == steps[-1].total > 0
        assert [p.done for p in steps] == sorted(p.done for p in steps)


def damage(b: Bench, kind: FlashFaultKind, offset: int) -> None:
    fault = FlashFault(kind, b.flash + offset, count=None, bits=0xFFFF_FFFF)
    b.board.flash_faults.add(fault)


@pytest.mark.parametrize("chip", ["stm32f407", "nrf52840", "lpc1768"])  # the flash controllers
@pytest.mark.parametrize(
    "kind",
    [
        FlashFaultKind.ERASE_FAILS,
        FlashFaultKind.PROGRAM_FAILS,
        FlashFaultKind.STUCK_BIT,
        FlashFaultKind.WRITE_PROTECTED,
    ],
)
def test_flash_that_fails_is_never_reported_good(chip: str, kind: FlashFaultKind) -> None:
    new = pattern(0x200, 11)
    with bench(chip) as b:
        image = b.image(new, 0xF00)  # across the end of a sector, but on the STM32
        b.put(pattern(0x200), 0xF00)
        damage(b, kind, 0x1004)
        with pytest.raises((EraseError, ProgramError, VerifyError)) as caught:
            b.engine().program(image)
        address = caught.value.address
        assert address is not None
        region = b.chip.memory_map.flash[0]
        assert region.sector_at(address) == region.sector_at(b.flash + 0x1004)
        assert caught.value.hint == "the flash is incomplete now: program it again"
        with pytest.raises(VerifyError):
            b.engine().verify(image)
        b.board.flash_faults.clear()
        b.engine().program(image)
        assert b.contents(0x200, 0xF00) == new


def test_an_erase_that_does_nothing_is_an_error() -> None:
    with bench("nrf52840") as b:
        b.put(pattern(5000))
        damage(b, FlashFaultKind.ERASE_FAILS, 4096)
        with pytest.raises(EraseError, match="not blank after erasing"):
            b.engine().erase([(b.flash, 0x2000)])


@pytest.mark.parametrize("kind", [FlashFaultKind.STUCK_BUSY, FlashFaultKind.TIMEOUT])
def test_a_flash_that_stays_busy_times_out_and_says_so(kind: FlashFaultKind) -> None:
    with bench("nrf51822") as b:
        b.engine().program(b.image(pattern(100)))
        damage(b, kind, 0)
        with pytest.raises(AlgorithmError, match="did not return within 2 s") as caught:
            b.engine().program(b.image(pattern(100, 3)))
        assert "EraseSector at 0x0000_0000" in str(caught.value)
        b.board.flash_faults.clear()
        b.engine().program(b.image(pattern(100, 3)))
        assert b.contents(100) == pattern(100, 3)


def test_a_failed_verification_leaves_registers_and_ram_as_found_too() -> None:
    with bench() as b:
        b.core.reset(halt=True)
        b.core.memory.write(0x2000_0000, pattern(0x2000, 3))
        before = b.core.read_registers()
        with pytest.raises(VerifyError):
            b.engine().verify(b.image(pattern(100)))
        assert b.core.read_registers() == before
        assert b.core.memory.read(0x2000_0000, 0x2000) == pattern(0x2000, 3)
