"""`onchip erase`: erase what was asked for by name, nothing else."""

from __future__ import annotations

import argparse

from onchip.cli.options import (
    add_algorithm,
    add_connection,
    add_json,
    add_reset,
    address,
    open_session,
    size,
)
from onchip.cli.remains import told_remains
from onchip.cli.terminal import bytes_text, print_json, progress_display
from onchip.errors import UsageError

EPILOG = """\
examples:
  onchip erase 0x0800_4000 16K     the sectors that these bytes touch
  onchip erase --chip              everything
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("address", nargs="?", type=address, metavar="ADDRESS", help="first byte")
    parser.add_argument("length", nargs="?", type=size, metavar="LENGTH", help="number of bytes")
    parser.add_argument(
        "--chip", action="store_true", help="erase the whole chip, which also unlocks a locked one"
    )
    add_reset(parser)
    add_algorithm(parser)
    add_json(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Erase what was asked for by name."""
    ranged = arguments.address is not None and arguments.length is not None
    if ranged == arguments.chip or (arguments.address is not None) != ranged:
        raise UsageError(
            "say what to erase: ADDRESS and LENGTH, or --chip, not both",
            hint="onchip erase 0x0800_4000 16K, or onchip erase --chip",
        )
    # --chip asks by name for what unlocks a chip: that everything is erased
    when_locked = "erase" if arguments.chip else "refuse"
    with (
        open_session(arguments, when_locked=when_locked) as session,
        progress_display() as progress,
        told_remains(progress) as remains,
    ):
        session.algorithm = arguments.algorithm
        if arguments.chip:
            report = session.erase_chip(
                reset=not arguments.no_reset, reset_kind=arguments.reset, progress=remains
            )
        else:
            report = session.erase(
                arguments.address,
                arguments.length,
                reset=not arguments.no_reset,
                reset_kind=arguments.reset,
                progress=remains,
            )
        name, unlocked = session.chip_name, session.was_unlocked
    if arguments.json:
        print_json(
            {
                "chip": name,
                "unlocked": unlocked,
                "erased_bytes": report.erased_bytes,
                "seconds": report.seconds,
            }
        )
    else:
        print(f"{name}: {bytes_text(report.erased_bytes)} erased in {report.seconds:.2f} s")
        if unlocked:
            print("  it was locked, and is open now")
    return 0
