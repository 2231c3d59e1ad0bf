"""`onchip list`: the probes that are plugged in, and the boards behind them."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from onchip.cli.listing import HEADER, rows
from onchip.cli.options import add_json, add_one_probe, recording_once
from onchip.cli.start import no_probe
from onchip.cli.terminal import print_json, print_table

EPILOG = """\
examples:
  onchip list
  onchip list --json

A probe that is free is opened for a moment to ask what it is; the chip is not touched. A probe that
is in use, or cannot be opened, is listed with the reason: `onchip doctor` says what to do.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_one_probe(parser, "show this probe alone, plugged in or not")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one line for each probe that is plugged in."""
    from onchip.session.survey import survey

    probes = survey(arguments.probe, wrap=recording_once(arguments))
    if arguments.json:
        print_json([asdict(probe) for probe in probes])
    elif probes:
        print_table(HEADER, rows(probes))
        for probe in probes:
            if probe.trouble:
                print(f"{probe.serial}: {probe.trouble}", file=sys.stderr)
    else:
        print(no_probe())
    return 0
