"""`pyocd-flashtool`: each option does what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bincopy
import pytest

from onchip.session import Session
from pyOCD.board import MbedBoard
from pyOCD.pyDAPAccess import DAPAccess
from pyOCD.tools import flash_tool
from tests.support.images import counting_loop

FLASH = 0x0800_0000

Contents = Callable[[int, int], bytes]


@pytest.fixture
def contents(marked_board: str) -> Contents:
    """Return what reads the flash of the board: a program, and a mark in each other sector."""

    def read(offset: int, length: int) -> bytes:
        with MbedBoard(DAPAccess(marked_board)) as board:
            board.init()
            return bytes(board.target.readBlockMemoryUnaligned8(FLASH + offset, length))

    return read


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    path = tmp_path / "program.bin"
    path.write_bytes(bytes(range(64)))
    return path


def test_a_binary_goes_to_the_start_of_flash(
    contents: Contents, binary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert flash_tool.main([str(binary)]) == 0
    out = capsys.readouterr().out
    assert "[====================] 100%\n" in out
    assert "0 were there already, verified" in out
    assert contents(0, 64) == bytes(range(64))
    assert contents(0x4000, 4) == b"UUUU"


@pytest.mark.parametrize("option", ["-a", "--address"])
def test_address(contents: Contents, binary: Path, option: str) -> None:
    assert flash_tool.main([str(binary), option, hex(FLASH + 0x4000)]) == 0
    assert contents(0x4000, 64) == bytes(range(64))
    assert contents(0, 4) == counting_loop("stm32f407")[:4]


@pytest.mark.parametrize("option", ["-s", "--skip"])
def test_skip(contents: Contents, binary: Path, option: str) -> None:
    assert flash_tool.main([str(binary), option, "16", "-a", hex(FLASH + 0x4000)]) == 0
    assert contents(0x4010, 48) == bytes(range(16, 64))
    assert contents(0x4000, 4) == b"UUUU"


def test_hex_and_elf_know_their_addresses(contents: Contents, tmp_path: Path) -> None:
    image = bincopy.BinFile()
    image.add_binary(b"hex file", FLASH + 0x4000)
    (tmp_path / "program.hex").write_text(image.as_ihex())
    (tmp_path / "program.txt").write_text(image.as_ihex().replace("hex", "HEX"))
    assert flash_tool.main([str(tmp_path / "program.hex"), "-hp"]) == 0
    assert contents(0x4000, 8) == b"hex file"
    sample = Path(flash_tool.__file__).parents[2] / "onchip/cli/samples/stm32f407.elf"
    assert flash_tool.main([str(sample), "-hp"]) == 0
    assert contents(0, 4) != counting_loop("stm32f407")[:4]


def test_the_format_may_be_named(
    contents: Contents, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = bincopy.BinFile()
    image.add_binary(b"hex file", FLASH + 0x4000)
    path = tmp_path / "program.txt"
    path.write_text(image.as_ihex())
    assert flash_tool.main([str(path)]) == 1
    assert "does not show in its name" in capsys.readouterr().err
    assert flash_tool.main([str(path), "hex"]) == 0
    assert contents(0x4000, 8) == b"hex file"
    assert flash_tool.main([str(path), "hex", "-s", "1"]) == 1
    assert "only of a BIN file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "mark"),
    [
        ("-ce", b"\xff" * 4),
        ("--chip_erase", b"\xff" * 4),
        ("-se", b"UUUU"),
        ("--sector_erase", b"UUUU"),
        ("--mass-erase", b"\xff" * 4),
    ],
)
def test_what_is_erased_for_a_file(
    contents: Contents, binary: Path, option: str, mark: bytes
) -> None:
    assert flash_tool.main([str(binary), option]) == 0
    assert contents(0, 64) == bytes(range(64))
    assert contents(0x8000, 4) == mark


@pytest.mark.parametrize(
    ("arguments", "erased"),
    [
        (["-ce"], [0, 0x4000, 0x8000, 0xC000]),
        (["--mass-erase"], [0, 0x4000, 0x8000, 0xC000]),
        (["-se"], [0]),
        (["-se", "-n", "2"], [0, 0x4000]),
        (["-se", "-a", hex(FLASH + 0x4010), "--count", "2"], [0x4000, 0x8000]),
    ],
)
def test_erasing_without_a_file(
    contents: Contents, arguments: list[str], erased: list[int]
) -> None:
    assert flash_tool.main(arguments) == 0
    for sector in (0, 0x4000, 0x8000, 0xC000):
        assert (contents(sector, 4) == b"\xff" * 4) is (sector in erased)


def test_nothing_to_do_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert flash_tool.main([]) == 1
    assert "nothing to do" in capsys.readouterr().err
    assert flash_tool.main(["-se", "-a", "0x20000000"]) == 1
    assert "not in flash" in capsys.readouterr().err


def test_hide_progress(
    contents: Contents, binary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("-hp", "--hide_progress"):
        assert flash_tool.main([str(binary), option]) == 0
        assert "=" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "read_back", "frequency"),
    [([], True, 1_000_000), (["-fp"], False, 1_000_000), (["-f", "500000"], True, 500_000)],
)
def test_fast_program_and_frequency(
    contents: Contents,
    binary: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    read_back: bool,
    frequency: int,
) -> None:
    seen: list[tuple[bool, int]] = []
    original = Session.flash

    def spy(self, image, **settings):  # type: ignore[no-untyped-def]
        seen.append((settings["read_back"], self.client.frequency_hz))
        return original(self, image, **settings)

    monkeypatch.setattr(Session, "flash", spy)
    assert flash_tool.main([str(binary), "-hp", *options]) == 0
    assert seen == [(read_back, frequency)]


def test_the_program_runs_afterwards(
    contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop.bin").write_bytes(counting_loop("stm32f407", seed=5))
    states: list[bool] = []
    original = MbedBoard.uninit

    def spy(self: MbedBoard, resume: bool = True) -> None:
        states.append(self.target.isRunning())
        original(self, resume)

    monkeypatch.setattr(MbedBoard, "uninit", spy)
    assert flash_tool.main([str(tmp_path / "loop.bin")]) == 0
    assert states == [True]


def test_a_locked_chip_is_unlocked_with_u_only(
    capsys: pytest.CaptureFixture[str], binary: Path
) -> None:
    locked = ("-b", "virtual:stm32f407+locked")
    assert flash_tool.main([str(binary), *locked]) == 1
    assert "is locked" in capsys.readouterr().err
    assert flash_tool.main([str(binary), *locked, "-u"]) == 0
    outcome = capsys.readouterr()
    assert "bytes programmed" in outcome.out
    assert "it was unlocked, and all of it erased" in outcome.err


def test_boards(capsys: pytest.CaptureFixture[str], binary: Path) -> None:
    assert flash_tool.main(["-l"]) == 0
    assert "0 => " in capsys.readouterr().out
    assert flash_tool.main([str(binary), "-b", "nobody"]) == 1
    assert "Board nobody is not connected" in capsys.readouterr().out
    assert flash_tool.main([str(binary), "-t", "nrf52840", "-d", "error"]) == 1
    assert "this is no nrf52840" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        flash_tool.main(["--help"])
    assert caught.value.code == 0
