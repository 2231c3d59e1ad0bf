"""`onchip list`: the probes that are plugged in."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from onchip.cli.options import add_json
from onchip.cli.terminal import print_json, print_table

EPILOG = """\
examples:
  onchip list
  onchip list --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each board that is plugged in."""
    from onchip.registry import plugged_boards, virtual_chips

    boards = plugged_boards()
    if arguments.json:
        print_json([asdict(board) | {"probe": board.spec} for board in boards])
    elif boards:
        print_table(
            ("SERIAL", "CHIP", "PROBE", "WHERE"),
            [(b.serial, b.chip or "?", b.probe_model or "?", b.spec) for b in boards],
        )
    else:
        print("no probe is plugged in")
        print("plug a virtual board in with `onchip board CHIP`, or use one inside a command with")
        print(f"--probe virtual:CHIP, where CHIP is one of {', '.join(virtual_chips())}")
    return 0
