"""`pyocd-gdbserver`: a GDB server from the command line, with the classic options."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from onchip.errors import OnchipError

EPILOG = "Then, in GDB: target remote localhost:3333"


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="pyocd-gdbserver", description="Serve GDB for a board.", epilog=EPILOG
    )
    add = parser.add_argument
    add("--version", action="version", version=version("onchip"))
    add("-p", "--port", type=int, default=3333, help="TCP port (default: 3333)")
    add("--allow-remote", action="store_true", help="listen on all interfaces, not loopback only")
    add("-b", "--board", metavar="ID", help="the board, by the beginning of its unique id")
    add("-l", "--list", action="store_true", help="list the boards that are plugged in")
    add("--list-targets", action="store_true", help="list the chips that are known")
    add("--json", action="store_true", help="list in JSON")
    add("-t", "--target", help="the chip; without it the board says")
    add("-f", "--frequency", type=int, default=1_000_000, help="SWD clock in Hz (default: 1000000)")
    add("-n", "--nobreak", action="store_true", help="do not stop at a HardFault")
    add("-r", "--reset-break", action="store_true", help="stop at every reset")
    add("-s", "--step-int", action="store_true", help="let interrupts be taken while stepping")
    add("-o", "--persist", action="store_true", help="go on serving after a client has left")
    add("-bh", "--soft-bkpt-as-hard", action="store_true", help="hardware breakpoints only")
    erase = parser.add_mutually_exclusive_group()
    erase.add_argument("-ce", "--chip_erase", action="store_true", help="erase all flash for load")
    erase.add_argument("-se", "--sector_erase", action="store_true", help="erase what must change")
    add("-S", "--semihosting", action="store_true", help="serve semihosting's console calls")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code: 0 good, 1 failed, 2 wrong usage (from argparse)."""
    arguments = build_parser().parse_args(argv)
    try:
        if arguments.list:
            return _list_boards(as_json=arguments.json)
        if arguments.list_targets:
            return _list_targets(as_json=arguments.json)
        return _serve(arguments)
    except OnchipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _serve(arguments: argparse.Namespace) -> int:
    from pyOCD.board import MbedBoard
    from pyOCD.gdbserver import GDBServer

    board = MbedBoard.chooseBoard(
        board_id=arguments.board,
        target_override=arguments.target,
        frequency=arguments.frequency,
    )
    if board is None:
        return 1
    with board:
        server = GDBServer(board, arguments.port, _options(arguments))
        previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while server.isAlive():
                server.join(0.2)
        except KeyboardInterrupt:
            pass
        finally:
            server.stop()
            signal.signal(signal.SIGTERM, previous)
    return 0


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "break_at_hardfault": not arguments.nobreak,
        "break_on_reset": arguments.reset_break,
        "step_into_interrupt": arguments.step_int,
        "persist": arguments.persist,
        "soft_bkpt_as_hard": arguments.soft_bkpt_as_hard,
        "chip_erase": arguments.chip_erase,
        "enable_semihosting": arguments.semihosting,
        "serve_local_only": not arguments.allow_remote,
    }


def _list_boards(*, as_json: bool) -> int:
    from pyOCD.board import MbedBoard

    boards = MbedBoard.getAllConnectedBoards(close=True)
    if not as_json:
        MbedBoard.listConnectedBoards()
        return 0
    rows = [
        {
            "unique_id": board.unique_id,
            "info": board.getInfo(),
            "board_name": board.getBoardName(),
            "target": board.getTargetType(),
            "vendor_name": "onchip",
            "product_name": board.getBoardName(),
        }
        for board in boards
    ]
    _print_json({"boards": rows})
    return 0


def _list_targets(*, as_json: bool) -> int:
    from onchip.session import known_chips

    rows = [
        {"name": chip.name, "part_number": chip.part, "svd_path": None} for chip in known_chips()
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


if __name__ == "__main__":
    sys.exit(main())
