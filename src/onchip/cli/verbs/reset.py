"""`onchip reset`: start the chip anew."""

from __future__ import annotations

import argparse

from onchip.cli.options import add_connection, add_json, open_session
from onchip.cli.terminal import hex32, print_json

EPILOG = """\
examples:
  onchip reset                  the chip starts anew
  onchip reset --halt           ... and stops before its first instruction
  onchip reset hardware         through the reset pin, nRESET

kinds:
  system     SYSRESETREQ: the core and the peripherals (default)
  core       VECTRESET: the core alone, where it has that (ARMv7-M)
  hardware   nRESET, driven by the probe
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "kind",
        nargs="?",
        choices=("system", "core", "hardware"),
        default="system",
        help="see below",
    )
    parser.add_argument("--halt", action="store_true", help="halt before the first instruction")
    add_json(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reset, and leave the core halted or running."""
    with open_session(arguments, when_locked="allow") as session:
        session.reset(arguments.kind, halt=arguments.halt)
        chip, core = session.chip_name, session.core.name
        pc = session.core.read_register("pc") if arguments.halt else None
    if arguments.json:
        print_json({"chip": chip, "kind": arguments.kind, "halted": pc is not None, "pc": pc})
    elif pc is not None:
        print(f"reset ({arguments.kind}); {core} halted at pc {hex32(pc)}")
    else:
        print(f"reset ({arguments.kind}); {core} runs")
    return 0
