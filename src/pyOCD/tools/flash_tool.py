"""`pyocd-flashtool`: program a file, or erase."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from onchip.errors import UsageError
from pyOCD.board import MbedBoard
from pyOCD.tools import common
from pyOCD.utility.progress import ProgressBar

_FORMATS = {"bin": "bin", "hex": "hex", "ihex": "hex", "elf": "elf", "axf": "elf", "out": "elf"}


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="pyocd-flashtool",
        description="Program a file into flash and start it; without a file, erase.",
    )
    add = parser.add_argument
    add("file", nargs="?", help="what to program")
    add("format", nargs="?", choices=sorted(_FORMATS), help="its format; else its name says")
    common.add_common(parser)
    add("-l", "--list", action="store_true", help="list the boards that are plugged in")
    common.add_frequency(parser)
    common.add_erase(parser)
    add("--mass-erase", action="store_true", help="erase all flash, whatever else is asked for")
    add("-u", "--unlock", action="store_true", help="unlock a locked chip: erases all of it")
    add(
        "-a",
        "--address",
        type=_number,
        help="where plain bytes go, or the first sector to erase (default: the start of flash)",
    )
    add("-n", "--count", type=_number, default=1, help="how many sectors -se erases (default: 1)")
    add("-s", "--skip", type=_number, default=0, help="leave out the first bytes of a BIN file")
    add("-hp", "--hide_progress", action="store_true", help="show no bar while programming")
    add("-fp", "--fast_program", action="store_true", help="trust the CRC of each page alone")
    return parser


def _number(text: str) -> int:
    return int(text, 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code: 0 good, 1 failed, 2 wrong usage (from argparse)."""
    return common.guarded(build_parser().parse_args(argv), _run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.list:
        return common.list_boards()
    erases = arguments.mass_erase or arguments.chip_erase is not None
    if arguments.file is None and not erases:
        raise UsageError("nothing to do", hint="give a file, or -ce or -se to erase")
    form = None if arguments.file is None else _format(arguments)
    if arguments.skip and form != "bin":
        raise UsageError("only of a BIN file can bytes be skipped")
    board = common.choose(arguments, arguments.frequency)
    if board is None:
        return 1
    with board:
        if arguments.mass_erase or (form is None and arguments.chip_erase):
            board.flash.eraseAll()
        elif form is None:
            _erase_sectors(board, arguments)
        if form is not None:
            _program(board, arguments, form)
            board.target.reset()
    return 0


def _format(arguments: argparse.Namespace) -> Any:
    suffix = Path(arguments.file).suffix.lower().lstrip(".")
    name = arguments.format or suffix
    if name not in _FORMATS:
        raise UsageError(
            f"the format of {arguments.file} does not show in its name", hint="add bin, hex or elf"
        )
    return _FORMATS[name]


def _erase_sectors(board: MbedBoard, arguments: argparse.Namespace) -> None:
    address = arguments.address
    if address is None:
        address = board.flash.getFlashInfo().rom_start or 0
    for _ in range(arguments.count):
        page = board.flash.getPageInfo(address)
        if page is None or page.base_addr is None or page.size is None:
            raise UsageError(f"0x{address:08X} is not in flash")
        board.flash.erasePage(address)
        address = page.base_addr + page.size


def _program(board: MbedBoard, arguments: argparse.Namespace, form: Any) -> None:
    base = arguments.address if form == "bin" else None
    builder = board.flash.getFlashBuilder()
    for address, data in board.session.load(arguments.file, base=base, format=form):
        builder.addData(address + arguments.skip, data[arguments.skip :])
    info = builder.program(
        chip_erase=arguments.chip_erase,
        progress_cb=None if arguments.hide_progress else ProgressBar(),
        fast_verify=arguments.fast_program,
    )
    print(
        f"{info.program_byte_count} bytes programmed, {info.same_byte_count} were there already, "
        f"verified"
    )


if __name__ == "__main__":
    sys.exit(main())
