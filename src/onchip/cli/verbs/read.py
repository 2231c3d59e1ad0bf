"""`onchip read`: show memory, or save it."""

from __future__ import annotations

import argparse
from pathlib import Path

from onchip.cli.options import add_connection, add_json, address, open_session, size
from onchip.cli.terminal import bytes_text, doing, hex32, hexdump, print_json
from onchip.errors import UsageError

EPILOG = """\
examples:
  onchip read 0x0800_0000 64
  onchip read 0x4002_3800 16 --width 32
  onchip read 0x0800_0000 1M --output flash.bin
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("address", type=address, metavar="ADDRESS", help="first byte")
    parser.add_argument(
        "length", type=size, nargs="?", default=64, metavar="LENGTH", help="bytes (default: 64)"
    )
    parser.add_argument(
        "--width",
        type=int,
        choices=(8, 16, 32),
        default=8,
        help="show bytes, halfwords or words (default: 8)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write the bytes to FILE")
    add_json(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read, and show or save."""
    start, length, width = arguments.address, arguments.length, arguments.width // 8
    if start + length > 1 << 32:
        raise UsageError(f"{bytes_text(length)} from {hex32(start)} end beyond 4 GiB")
    if length % width:
        raise UsageError(f"{length} bytes are no whole number of {arguments.width}-bit units")
    what = f"cannot read {bytes_text(length)} from {hex32(start)}"
    with open_session(arguments, when_locked="allow") as session, doing(what, session):
        data, chip = session.memory.read(start, length), session.chip_name
    if arguments.output is not None:
        arguments.output.write_bytes(data)
    if arguments.json:
        facts = {"chip": chip, "address": start, "width": arguments.width}
        if arguments.output is not None:
            print_json(facts | {"read_bytes": length, "file": str(arguments.output)})
        else:
            print_json(facts | {"data": _units(data, width)})
    elif arguments.output is not None:
        print(f"{bytes_text(length)} from {hex32(start)} written to {arguments.output}")
    else:
        for line in hexdump(start, data, width):
            print(line)
    return 0


def _units(data: bytes, width: int) -> list[int]:
    return [int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width)]
