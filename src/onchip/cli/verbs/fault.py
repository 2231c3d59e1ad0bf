"""`onchip fault`: explain why the program crashed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from onchip.cli.options import add_connection, add_json, open_session
from onchip.cli.terminal import print_json

if TYPE_CHECKING:
    from onchip.symbols.dwarf import DebugInfo

EPILOG = """\
examples:
  onchip fault firmware.elf
  onchip fault firmware.elf --markdown > crash.md

The core is halted for the look, and left as it was found. Without FILE there are neither names nor
lines. The instructions around are shown if capstone is installed: pip install 'onchip[disasm]'.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="the program's ELF file, for names and lines"
    )
    parser.add_argument("--markdown", action="store_true", help="write Markdown, for an issue")
    add_json(parser)
    add_connection(parser)


def load_symbols(path: str | None) -> DebugInfo | None:
    """Return what an ELF file tells of addresses; None without one.

    Raises:
        SymbolError: it cannot be read, or is no ELF file.
    """
    if path is None:
        return None
    from onchip.symbols.dwarf import DebugInfo

    return DebugInfo.load(path)


def run(arguments: argparse.Namespace) -> int:
    """Halt, look, explain."""
    from onchip.services.crash import as_data, as_markdown, as_text, collect

    debug = load_symbols(arguments.file)
    with open_session(arguments) as session:
        session.core.halt()
        report = collect(session.core, session.memory_map, debug, chip=session.chip_name)
    if arguments.json:
        print_json(as_data(report))
    else:
        print(as_markdown(report) if arguments.markdown else as_text(report))
    return 0
