"""The flash under the classic names."""

from __future__ import annotations

import zlib
from pathlib import Path

import bincopy
import pytest

from onchip.errors import ImageError, PlanError, UsageError
from pyOCD.board import MbedBoard
from pyOCD.flash import Flash, FlashBuilder, FlashInfo, PageInfo, ProgrammingInfo
from tests.support.images import write_bin

FLASH = 0x0800_0000


def contents(board: MbedBoard, address: int, length: int) -> bytes:
    return bytes(board.target.readBlockMemoryUnaligned8(address, length))


def test_flash_binary(board: MbedBoard, tmp_path: Path) -> None:
    fractions: list[float] = []
    path = write_bin(tmp_path, "stm32f407", length=5000, seed=7)
    info = board.flash.flashBinary(str(path), progress_cb=fractions.append)
    assert contents(board, FLASH, 5000) == path.read_bytes()
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert board.target.isHalted()
    assert info.program_type == FlashBuilder.FLASH_PAGE_ERASE == 1
    assert info.analyze_type == FlashBuilder.FLASH_ANALYSIS_CRC32 == "CRC32"
    assert info.program_time is not None
    assert info.analyze_time is not None
    assert 0 < info.analyze_time < info.program_time


def test_flash_binary_at_an_address_with_chip_erase(board: MbedBoard, tmp_path: Path) -> None:
    path = write_bin(tmp_path, "stm32f407", seed=8)
    info = board.flash.flashBinary(str(path), flashPtr=FLASH + 0x4000, chip_erase=True)
    assert board.target.read32(FLASH) == 0xFFFF_FFFF
    assert contents(board, FLASH + 0x4000, 1024) == path.read_bytes()
    assert info.program_type == FlashBuilder.FLASH_CHIP_ERASE == 2


def test_flash_binary_takes_hex_files_at_their_own_addresses(
    board: MbedBoard, tmp_path: Path
) -> None:
    image = bincopy.BinFile()
    image.add_binary(b"first", FLASH + 0x4000)
    image.add_binary(b"second", FLASH + 0x8000)
    (tmp_path / "two.hex").write_text(image.as_ihex())
    board.flash.flashBinary(str(tmp_path / "two.hex"), flashPtr=0x1234)
    assert contents(board, FLASH + 0x4000, 5) == b"first"
    assert contents(board, FLASH + 0x8000, 6) == b"second"
    with pytest.raises(ImageError):
        board.flash.flashBinary(str(tmp_path / "none.hex"))


def test_pages(board: MbedBoard) -> None:
    flash = board.flash
    board.target.resume()
    flash.init()
    assert board.target.isHalted()
    flash.erasePage(FLASH + 0x4000)
    flash.programPage(FLASH + 0x4000, list(range(256)))
    assert contents(board, FLASH + 0x4000, 256) == bytes(range(256))
    flash.programPhrase(FLASH + 0x4100, [1, 2, 3, 4])
    assert board.target.read32(FLASH + 0x4100) == 0x0403_0201
    flash.loadPageBuffer(1, FLASH + 0x4200, [5, 6])
    flash.startProgramPageWithBuffer(1, FLASH + 0x4200)
    assert flash.waitForCompletion() == 0
    assert board.target.read16(FLASH + 0x4200) == 0x0605
    with pytest.raises(UsageError, match="empty"):
        flash.startProgramPageWithBuffer(0, FLASH)
    flash.cleanup()
    flash.eraseAll()
    assert board.target.read32(FLASH) == 0xFFFF_FFFF


def test_init_without_a_reset_halts_where_the_core_is(board: MbedBoard) -> None:
    board.target.resume()
    board.flash.init(reset=False)
    assert board.target.readCoreRegister("pc") != FLASH + 0x100


def test_smart_flash_leaves_alone_what_is_there(board: MbedBoard, tmp_path: Path) -> None:
    data = list(range(256)) * 8
    board.flash.flashBlock(FLASH + 0x4000, data)
    again = board.flash.flashBlock(FLASH + 0x4000, data)
    assert (again.same_byte_count, again.program_byte_count) == (2048, 0)
    plain = board.flash.flashBlock(FLASH + 0x4000, data, smart_flash=False)
    assert (plain.same_byte_count, plain.erase_byte_count) == (0, 0x4000)
    assert contents(board, FLASH + 0x4000, 2048) == bytes(data)


def test_fast_verify_trusts_the_crcs(board: MbedBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = type(board.session).flash

    def spy(self, image, **options):  # type: ignore[no-untyped-def]
        seen.append(options["read_back"])
        return original(self, image, **options)

    monkeypatch.setattr(type(board.session), "flash", spy)
    board.flash.flashBlock(FLASH, [1], fast_verify=True)
    board.flash.flashBlock(FLASH, [1])
    assert seen == [False, True]


def test_crcs_are_those_of_zlib(board: MbedBoard) -> None:
    content = contents(board, FLASH, 1024)
    sectors = [(FLASH, 1024), (FLASH + 16, 100)]
    assert board.flash.computeCrcs(sectors) == [zlib.crc32(content), zlib.crc32(content[16:116])]
    with pytest.raises(PlanError):
        board.flash.computeCrcs([(0x2000_0000, 4)])


def test_a_builder_collects_and_programs(board: MbedBoard) -> None:
    builder = board.flash.getFlashBuilder()
    assert builder.flash_start == FLASH
    builder.enableDoubleBuffer(False)
    builder.setMaxErrors(1)
    builder.addData(FLASH + 0x8000, [9] * 10)
    builder.addData(FLASH + 0x4000, [8] * 10)
    builder.addData(FLASH + 0x400A, [7])
    builder.addData(FLASH + 0x400B, [])
    info = builder.program()
    assert info is builder.getPerformance()
    assert contents(board, FLASH + 0x4000, 11) == b"\x08" * 10 + b"\x07"
    assert contents(board, FLASH + 0x8000, 10) == b"\x09" * 10


@pytest.mark.parametrize(
    ("address", "length"),
    [
        (FLASH - 4, 4),
        (FLASH - 1, 2),
        (FLASH + 0x10_0000, 1),
        (FLASH + 0xF_FFFF, 2),
        (0x2000_0000, 4),
    ],
)
def test_a_builder_refuses_what_is_outside(board: MbedBoard, address: int, length: int) -> None:
    with pytest.raises(ValueError, match="0x"):
        board.flash.getFlashBuilder().addData(address, [0] * length)


@pytest.mark.parametrize("address", [FLASH, FLASH + 5, FLASH + 9, FLASH - 0])
def test_a_builder_refuses_what_overlaps(board: MbedBoard, address: int) -> None:
    builder = board.flash.getFlashBuilder()
    builder.addData(FLASH, [0] * 10)
    with pytest.raises(ValueError, match="overlaps"):
        builder.addData(address, [1])


def test_an_empty_builder_does_nothing(board: MbedBoard) -> None:
    before = contents(board, FLASH, 16)
    assert board.flash.getFlashBuilder().program() == ProgrammingInfo()
    assert contents(board, FLASH, 16) == before


def test_what_the_flash_is(board: MbedBoard) -> None:
    assert board.flash.target is board.target
    assert board.target.flash is board.flash
    info = board.flash.getFlashInfo()
    assert (info.rom_start, info.crc_supported) == (FLASH, True)
    page = board.flash.getPageInfo(FLASH + 0x4321)
    assert page is not None
    assert (page.base_addr, page.size) == (FLASH + 0x4000, 0x4000)
    assert page.erase_weight
    assert page.program_weight
    assert board.flash.getPageInfo(0x2000_0000) is None
    assert board.flash.getPageBufferCount() >= 1
    assert board.flash.isDoubleBufferingSupported()
    assert board.flash.minimumProgramLength == 1
    assert board.flash.overrideSecurityBits(0, [1]) == [1]
    board.flash.setFlashAlgoDebug(True)
    assert board.flash.flash_algo_debug
    assert Flash(board.target, {"load_address": 0}).flash_algo == {"load_address": 0}
    assert (PageInfo().size, FlashInfo().rom_start) == (None, None)
