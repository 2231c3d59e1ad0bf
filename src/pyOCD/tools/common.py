"""What all three commands share: naming a board, listing, logging, how they end."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from onchip.errors import OnchipError
from pyOCD.board import MbedBoard
from pyOCD.pyDAPAccess import DAPAccess

LEVELS = ("debug", "info", "warning", "error", "critical")


def add_common(parser: argparse.ArgumentParser, *, level: str = "info") -> None:
    """Add the options that name a board, and ``--debug``."""
    add = parser.add_argument
    add("--version", action="version", version=version("onchip"))
    add("-b", "--board", metavar="ID", help="the board, by the beginning of its unique id")
    add("-t", "--target", metavar="NAME", help="the chip; without it the board says")
    add(
        "-d",
        "--debug",
        choices=LEVELS,
        default=level,
        metavar="LEVEL",
        help=f"what is logged: {', '.join(LEVELS)} (default: {level})",
    )
    add(
        "-da",
        "--daparg",
        dest="daparg",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="settings for the probe",
    )


def add_frequency(parser: argparse.ArgumentParser) -> None:
    """Add ``--frequency``."""
    parser.add_argument(
        "-f",
        "--frequency",
        type=int,
        default=1_000_000,
        metavar="HZ",
        help="SWD clock (default: 1000000)",
    )


def add_erase(parser: argparse.ArgumentParser) -> None:
    """Add the choice between erasing sectors and erasing everything."""
    erase = parser.add_mutually_exclusive_group()
    erase.add_argument(
        "-ce",
        "--chip_erase",
        dest="chip_erase",
        action="store_true",
        default=None,
        help="erase all flash when programming",
    )
    erase.add_argument(
        "-se",
        "--sector_erase",
        dest="chip_erase",
        action="store_false",
        help="erase only what must change (default)",
    )


def choose(arguments: argparse.Namespace, frequency: int, *, init: bool = True) -> MbedBoard | None:
    """Return the board that the command line names; None, and a line is printed, without one."""
    DAPAccess.set_args(arguments.daparg)
    board = MbedBoard.chooseBoard(
        blocking=False,
        board_id=arguments.board,
        target_override=arguments.target,
        frequency=frequency,
        init_board=False,
    )
    if board is not None:
        board.target.setAutoUnlock(getattr(arguments, "unlock", False))
        if init:
            board.init()
    return board


def guarded(arguments: argparse.Namespace, work: Callable[[argparse.Namespace], int]) -> int:
    """Set logging up and run ``work``; an error is a line on standard error and exit code 1."""
    logger = logging.getLogger("pyOCD")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logger.addHandler(handler)
    before, logger.level = logger.level, getattr(logging, arguments.debug.upper())
    try:
        return work(arguments)
    except (OnchipError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def list_boards(*, as_json: bool = False) -> int:
    """Print the boards that are plugged in."""
    if not as_json:
        MbedBoard.listConnectedBoards()
        return 0
    rows = [
        {
            "unique_id": board.unique_id,
            "info": board.getInfo(),
            "board_name": board.getBoardName(),
            "target": board.getTargetType(),
            "vendor_name": board.link.vendor_name,
            "product_name": board.link.product_name,
        }
        for board in MbedBoard.getAllConnectedBoards(close=True, blocking=False)
    ]
    _print_json({"boards": rows})
    return 0


def list_targets(*, as_json: bool = False) -> int:
    """Print the names that ``--target`` takes."""
    from onchip.session import known_chips
    from pyOCD.target import TARGET

    parts = {chip.name: chip.part for chip in known_chips()}
    rows = [
        {"name": name, "part_number": parts.get(kind.chip or "", ""), "svd_path": None}
        for name, kind in sorted(TARGET.items())
    ]
    if as_json:
        _print_json({"targets": rows})
    else:
        for row in rows:
            print(f"{row['name']:16} {row['part_number']}")
    return 0


def _print_json(body: dict[str, Any]) -> None:
    head = {"pyocd_version": version("onchip"), "version": {"major": 1, "minor": 0}, "status": 0}
    print(json.dumps({**head, **body}, indent=4))
