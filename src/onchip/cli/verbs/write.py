"""`onchip write`: write memory or a peripheral's register."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from onchip.cli.options import add_connection, add_json, address, integer, open_session
from onchip.cli.terminal import bytes_text, doing, hex32, print_json
from onchip.errors import UsageError

if TYPE_CHECKING:
    from onchip.session import Session

EPILOG = """\
examples:
  onchip write 0x2000_0000 --words 0xDEADBEEF 42
  onchip write 0x2000_0000 --bytes 1 2 3
  onchip write 0x2000_0000 --file table.bin

Flash is programmed with `onchip flash`: a plain write does not reach it.
"""

_WIDTHS = {"bytes": 1, "halfwords": 2, "words": 4}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("address", type=address, metavar="ADDRESS", help="first byte")
    data = parser.add_mutually_exclusive_group(required=True)
    for name, width in _WIDTHS.items():
        data.add_argument(
            f"--{name}",
            nargs="+",
            type=integer,
            metavar="N",
            help=f"values of {8 * width} bits, little-endian",
        )
    data.add_argument("--file", type=Path, metavar="FILE", help="the bytes of FILE")
    add_json(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write, then say what was written."""
    data = _data(arguments)
    start = arguments.address
    if start + len(data) > 1 << 32:
        raise UsageError(f"{bytes_text(len(data))} from {hex32(start)} end beyond 4 GiB")
    what = f"cannot write {bytes_text(len(data))} to {hex32(start)}"
    with open_session(arguments, when_locked="allow") as session, doing(what, session):
        _refuse_flash(session, start, len(data))
        if len(data) in (2, 4) and start % len(data) == 0 and arguments.file is None:
            # one access of that size: a peripheral's register may take no other
            value = int.from_bytes(data, "little")
            (session.memory.write_u16 if len(data) == 2 else session.memory.write_u32)(start, value)
        else:
            session.memory.write(start, data)
        name = session.chip_name
    if arguments.json:
        print_json({"chip": name, "address": start, "written_bytes": len(data)})
    else:
        print(f"{bytes_text(len(data))} written to {hex32(start)}")
    return 0


def _data(arguments: argparse.Namespace) -> bytes:
    if arguments.file is not None:
        data: bytes = arguments.file.read_bytes()
        if not data:
            raise UsageError(f"{arguments.file} is empty")
        return data
    for name, width in _WIDTHS.items():
        values = getattr(arguments, name)
        if values is not None:
            return b"".join(_encode(value, width) for value in values)
    raise UsageError("nothing to write")


def _encode(value: int, width: int) -> bytes:
    bits = 8 * width
    if not -(1 << bits - 1) <= value < 1 << bits:
        raise UsageError(f"{value:#x} does not fit into {bits} bits")
    return (value & (1 << bits) - 1).to_bytes(width, "little")


def _refuse_flash(session: Session, start: int, length: int) -> None:
    for region in session.memory_map.covering(start, length):
        if region.kind in ("flash", "rom") and session.chip is not None:
            raise UsageError(
                f"{hex32(start)} is in {region.kind}: {region.name}",
                hint="program flash with `onchip flash FILE`",
            )
