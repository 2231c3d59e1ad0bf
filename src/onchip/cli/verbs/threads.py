"""`onchip threads`: list the threads of the program's kernel."""

from __future__ import annotations

import argparse

from onchip.cli.options import add_connection, add_json, open_session
from onchip.cli.terminal import print_json

EPILOG = """\
examples:
  onchip threads firmware.elf
  onchip threads firmware.elf --backtrace

FreeRTOS, Zephyr, RTX5 and ThreadX are recognised by the symbols of FILE. The core is halted for
the look, and left as it was found. `*` marks the thread that runs. docs/rtos.md has the details.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("file", metavar="FILE", help="the program's ELF file")
    parser.add_argument("--backtrace", action="store_true", help="show each thread's calls as well")
    add_json(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Halt, walk, show."""
    from onchip.rtos.show import as_data, as_text
    from onchip.symbols.dwarf import DebugInfo

    debug = DebugInfo.load(arguments.file)
    with open_session(arguments) as session:
        session.core.halt()
        snapshot = session.threads(debug)
        read = session.memory.read if arguments.backtrace else None
        if arguments.json:
            data = {"chip": session.chip_name} | as_data(snapshot, debug, read=read)
        else:
            text = as_text(snapshot, debug, read=read)
    if arguments.json:
        print_json(data)
    else:
        print(text)
    return 0
