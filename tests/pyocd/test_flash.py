"""The flash under the classic names."""

from __future__ import annotations

from pathlib import Path

from pyOCD.board import MbedBoard
from tests.support.images import write_bin

FLASH = 0x0800_0000


def test_flash_binary(board: MbedBoard, tmp_path: Path) -> None:
    fractions: list[float] = []
    path = write_bin(tmp_path, "stm32f407", length=5000, seed=7)
    board.flash.flashBinary(str(path), progress_cb=fractions.append)
    assert bytes(board.target.readBlockMemoryUnaligned8(FLASH, 5000)) == path.read_bytes()
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert board.target.isHalted()


def test_flash_binary_at_an_address_with_chip_erase(board: MbedBoard, tmp_path: Path) -> None:
    path = write_bin(tmp_path, "stm32f407", seed=8)
    board.flash.flashBinary(str(path), flashPtr=FLASH + 0x4000, chip_erase=True)
    assert board.target.read32(FLASH) == 0xFFFF_FFFF
    assert bytes(board.target.readBlockMemoryUnaligned8(FLASH + 0x4000, 1024)) == path.read_bytes()


def test_pages(board: MbedBoard) -> None:
    flash = board.flash
    flash.init()
    flash.erasePage(FLASH + 0x4000)
    flash.programPage(FLASH + 0x4000, list(range(256)))
    assert board.target.readBlockMemoryUnaligned8(FLASH + 0x4000, 256) == list(range(256))
    flash.programPhrase(FLASH + 0x4100, [1, 2, 3, 4])
    assert board.target.read32(FLASH + 0x4100) == 0x0403_0201
    flash.cleanup()
    flash.eraseAll()
    assert board.target.read32(FLASH) == 0xFFFF_FFFF


def test_what_the_flash_is(board: MbedBoard) -> None:
    assert board.flash.target is board.target
    assert board.flash.getFlashInfo().rom_start == FLASH
    page = board.flash.getPageInfo(FLASH + 0x4321)
    assert page is not None
    assert (page.base_addr, page.size) == (FLASH + 0x4000, 0x4000)
    assert board.flash.getPageInfo(0x2000_0000) is None
    assert board.flash.getPageBufferCount() >= 1
    assert board.flash.isDoubleBufferingSupported()
    board.flash.setFlashAlgoDebug(False)
