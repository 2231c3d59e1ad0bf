"""Flash that is not mapped into memory: the algorithm's own Verify has to tell."""

from pathlib import Path

import pytest

from onchip.errors import PlanError, VerifyError
from tests.support.elf_builder import FUNCTION_OFFSETS, flash_device, flm

from ..bench import RETURN_0, bench, pattern
from ..thumb import COPY_WORDS, SET_WEN

RIGHT = "4018 7047"  # r0 + r1


def external(path: Path, *, verify: str = RIGHT) -> Path:
    """Write an algorithm for flash of type SPI, which in truth is that of an nRF52840."""
    device = flash_device(type=5, start=0, length=0x10_0000, page=256, sectors=((0x1000, 0),))
    code = bytearray((RETURN_0 + bytes(12)) * 8)
    for name, text in {"Init": SET_WEN, "ProgramPage": COPY_WORDS, "Verify": verify}.items():
        body = bytes.fromhex(text)
        code[FUNCTION_OFFSETS[name] : FUNCTION_OFFSETS[name] + len(body)] = body
    functions = ("Init", "UnInit", "EraseSector", "ProgramPage", "Verify")
    path.write_bytes(flm(device, code=bytes(code), functions=functions))
    return path


def test_verify_is_called_for_all_of_the_image(tmp_path: Path) -> None:
    path = external(tmp_path / "spi.FLM")
    with bench("nrf52840") as b:
        report = b.engine(path).program(b.image(pattern(0x1000), 0x2000))
        assert b.contents(0x1000, 0x2000) == pattern(0x1000)
        assert report.erased_bytes == report.programmed_bytes == 0x1000
        b.engine(path).verify(b.image(pattern(1001), 0x2000))


def test_what_verify_returns_is_where_it_differs(tmp_path: Path) -> None:
    path = external(tmp_path / "spi.FLM", verify="0430 7047")
    with bench("nrf52840") as b:
        with pytest.raises(VerifyError, match="0x0000_2004 holds something else, says") as caught:
            b.engine(path).program(b.image(pattern(0x1000), 0x2000))
        assert caught.value.address == 0x2004
        with pytest.raises(VerifyError, match="0x0000_2004 holds something else"):
            b.engine(path).verify(b.image(pattern(0x1000), 0x2000))


def test_what_cannot_be_read_cannot_be_kept(tmp_path: Path) -> None:
    path = external(tmp_path / "spi.FLM")
    with bench("nrf52840") as b:
        image = b.image(pattern(100), 0x2000)
        with pytest.raises(PlanError, match="cannot be read, and so cannot be kept") as caught:
            b.engine(path).program(image)
        assert caught.value.hint == "--no-keep (keep=False) drops it"
        b.engine(path).program(image, keep=False)
        assert b.contents(100, 0x2000) == pattern(100)
