"""`onchip demo`: a virtual board is plugged in, programmed, debugged and unplugged."""

from __future__ import annotations

import argparse

EPILOG = """\
examples:
  onchip demo
  onchip demo --no-colour | less

It needs nothing but onchip[sim]: the board, its probe and the firmware come with it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--no-colour", action="store_true", help="plain text, as when piped")


def run(arguments: argparse.Namespace) -> int:
    """Give the tour."""
    from onchip.cli.tour import give_tour

    give_tour(colour=not arguments.no_colour)
    return 0
