"""`pyocd-tool`: look at a board and change it, from a prompt or with one command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from onchip.errors import OnchipError
from pyOCD.tools import common
from pyOCD.tools.tool_console import Console, Leave
from pyOCD.tools.tool_lines import Lines

EPILOG = "commands are told by `pyocd-tool help`; $EXPRESSION evaluates Python; `;` separates"


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        prog="pyocd-tool", description="Look at a board and change it.", epilog=EPILOG
    )
    add = parser.add_argument
    add("-H", "--halt", action="store_true", help="halt the core when connecting")
    add("-N", "--no-init", action="store_true", help="do not connect to the chip")
    add("-k", "--clock", metavar="KHZ", type=int, default=1000, help="SWD clock (default: 1000)")
    common.add_common(parser, level="warning")
    add("-e", "--elf", metavar="FILE", help="the program: its names and lines")
    add("cmd", nargs="?", help="a command; without it, a prompt")
    add("args", nargs=argparse.REMAINDER, help="its arguments")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code: 0 good, 1 failed, 2 wrong usage (from argparse)."""
    return common.guarded(build_parser().parse_args(argv), _run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.cmd == "list":
        return common.list_boards()
    if arguments.cmd in ("help", "?"):
        Lines(Console(None)).run(" ".join([arguments.cmd, *arguments.args]))
        return 0
    board = common.choose(arguments, arguments.clock * 1000, init=False)
    if board is None:
        return 1
    board.target.setHaltOnConnect(arguments.halt)
    board.target.elf = arguments.elf
    lines = Lines(Console(board))
    try:
        if not arguments.no_init:
            board.init()
        if arguments.cmd is not None:
            lines.run(" ".join([arguments.cmd, *arguments.args]))
            return 0
        return _prompt(lines)
    except Leave:
        return 0
    finally:
        board.uninit(resume=False)


def _prompt(lines: Lines) -> int:
    """Read and run lines until the end of input or ``exit``; a line that fails is told."""
    while True:
        try:
            line = input(">>> ")
        except EOFError:
            print()
            return 0
        try:
            lines.run(line)
        except Leave:
            return 0
        except (OnchipError, ValueError, OSError) as error:
            print(f"error: {error}")


if __name__ == "__main__":
    sys.exit(main())
