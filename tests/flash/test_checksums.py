"""CRCs for their own sake, and jobs that trust them less, or look at nothing."""

from __future__ import annotations

import zlib

import pytest

from onchip.errors import PlanError, VerifyError
from onchip.target.chip import generic_chip, known_chips

from .bench import bench, pattern

CHIPS = [chip.name for chip in known_chips()]


@pytest.mark.parametrize("chip", CHIPS)
def test_checksums_are_those_of_zlib_and_disturb_nothing(chip: str) -> None:
    with bench(chip) as b:
        content = pattern(5000)
        start = b.flash + 0x2000  # the boot ROM of the LPC1768 hides what is below
        b.put(content, 0x2000)
        b.core.halt()
        registers = b.core.read_registers()
        ranges = [(start + at, length) for at, length in ((0, 5000), (1, 1), (700, 1024))]
        wanted = [zlib.crc32(content[at - start :][:length]) for at, length in ranges]
        assert b.engine().checksums(ranges) == wanted
        assert b.core.read_registers() == registers
        assert b.engine().checksums([]) == []


def test_more_ranges_than_one_list_holds() -> None:
    with bench("stm32f407") as b:
        content = pattern(2000)
        b.put(content)
        ranges = [(b.flash + 4 * index, 4) for index in range(500)]
        wanted = [zlib.crc32(content[4 * index :][:4]) for index in range(500)]
        assert b.engine().checksums(ranges) == wanted


def test_checksums_outside_flash_are_refused() -> None:
    with bench("stm32f407") as b:
        for start, length in ((0x2000_0000, 4), (b.flash - 2, 4), (b.flash + 0xF_FFFF, 2)):
            with pytest.raises(PlanError, match="not in one flash region"):
                b.engine().checksums([(start, length)])
        b.chip = generic_chip("Cortex-M4")
        with pytest.raises(PlanError, match="not known"):
            b.engine().checksums([])


def test_without_skip_same_everything_is_written_again() -> None:
    with bench("stm32f407") as b:
        b.put(pattern(1000))
        report = b.engine().program(b.image(pattern(1000)), skip_same=False)
        assert (report.same_bytes, report.erased_bytes) == (0, 0x4000)
        assert report.programmed_bytes >= 1000
        assert b.contents(1000) == pattern(1000)


def test_read_back_does_not_take_a_crc_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with bench("stm32f407") as b:
        engine = b.engine()
        b.put(pattern(3000))
        crcs = [zlib.crc32(pattern(3000)[:3000])]
        assert crcs == engine.checksums([(b.flash, 3000)])
        honest = type(b.core.memory).read

        def flipped(memory, address, length):  # type: ignore[no-untyped-def]
            data = honest(memory, address, length)
            return data[:-1] + bytes([data[-1] ^ 1]) if address == b.flash else data

        monkeypatch.setattr(type(b.core.memory), "read", flipped)
        monkeypatch.setattr(type(b.core.ap), "read", flipped)
        engine.program(b.image(pattern(3000)))
        with pytest.raises(VerifyError):
            engine.program(b.image(pattern(3000)), read_back=True)
