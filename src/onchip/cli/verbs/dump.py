"""`onchip dump`: write a core file for GDB."""

from __future__ import annotations

import argparse
from pathlib import Path

from onchip.cli.options import add_connection, add_json, open_session
from onchip.cli.terminal import bytes_text, print_json
from onchip.cli.verbs.fault import load_symbols

EPILOG = """\
examples:
  onchip dump core.elf
  onchip dump core.elf firmware.elf --flash

then:
  gdb-multiarch firmware.elf core.elf -ex backtrace

The core is halted for the look, and left as it was found. After a fault, thread 1 is the code that
faulted, thread 2 the handler in which the core stands.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("output", metavar="CORE", type=Path, help="the file to write")
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="the program's ELF file: it gives r4-r11 of the code that faulted",
    )
    parser.add_argument("--flash", action="store_true", help="put the flash into the dump as well")
    add_json(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Halt, read, write the file."""
    from onchip.services.core_dump import take_dump

    debug = load_symbols(arguments.file)
    with open_session(arguments) as session:
        session.core.halt()
        dump = take_dump(
            session.core,
            session.memory_map,
            debug,
            chip=session.chip_name,
            flash=arguments.flash,
        )
    arguments.output.write_bytes(dump.data)
    fault = dump.crash.fault
    if arguments.json:
        print_json(
            {
                "chip": dump.crash.chip,
                "file": str(arguments.output),
                "memory_bytes": dump.memory_bytes,
                "missing": list(dump.missing),
                "threads": list(dump.threads),
                "fault": None if fault is None else fault.name,
            }
        )
        return 0
    what = f"{bytes_text(dump.memory_bytes)} of memory and the registers"
    print(f"{what} of {dump.crash.chip} written to {arguments.output}")
    if len(dump.threads) > 1:
        for number, name in enumerate(dump.threads, 1):
            print(f"  thread {number} is {name}")
    for name in dump.missing:
        print(f"  {name} cannot be read, and is not in it")
    if fault is not None:
        print(f"  {fault.name}: {fault.headline}")
    return 0
