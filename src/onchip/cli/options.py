"""What the verbs' command lines share: numbers as people write them, and the way to the probe."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from onchip.errors import UsageError

if TYPE_CHECKING:
    from onchip.session import DapClient, Link, Session

_FREQUENCY_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_SIZE_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20}


def address(text: str) -> int:
    """Read an address: ``0x2000_0000``, ``536870912``.

    Raises:
        argparse.ArgumentTypeError: it is none of 32 bits.
    """
    try:
        value = int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an address; write 0x2000_0000 or a decimal number"
        ) from None
    if not 0 <= value <= 0xFFFF_FFFF:
        raise argparse.ArgumentTypeError(f"{text} does not fit into 32 bits")
    return value


def size(text: str) -> int:
    """Read a number of bytes: ``64``, ``0x40``, ``16K``, ``1M``.

    Raises:
        argparse.ArgumentTypeError: it is none, or not above zero.
    """
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].lower() in ("k", "m") else (text, "")
    try:
        value = int(number, 0) * _SIZE_UNITS[unit]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write 64, 0x40 or 16K") from None
    if not 0 < value <= 1 << 32:
        raise argparse.ArgumentTypeError(f"{text} is not a size between 1 and 4 GiB")
    return value


def integer(text: str) -> int:
    """Read any integer, in any base that Python writes.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number; write 42 or 0x2A") from None


def port(text: str) -> int:
    """Read a TCP port; 0 lets the system choose.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 0 and 65535")
    return int(text)


def frequency(text: str) -> int:
    """Read a frequency in Hz: ``4M``, ``4000k``, ``4000000``, ``4MHz``.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([km]?)(?:hz)?", text.replace("_", ""), re.IGNORECASE)
    value = round(float(match[1]) * _FREQUENCY_UNITS[match[2].lower()]) if match else 0
    if value <= 0 or value > 0xFFFF_FFFF:
        raise argparse.ArgumentTypeError(f"{text!r} is not a frequency; write 4M, 4000k or 4000000")
    return value


def frequency_or_auto(text: str) -> int | str:
    """Read a frequency as `frequency` does, or the word ``auto``.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    return "auto" if text.lower() == "auto" else frequency(text)


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the probe, the chip and how to connect."""
    group = parser.add_argument_group("connection")
    _add_probe(group)
    group.add_argument("-t", "--target", metavar="CHIP", help="the chip; without it, it is asked")
    group.add_argument(
        "--pack",
        action="append",
        default=[],
        metavar="FILE",
        help="a CMSIS-Pack that has CHIP: its memories and its flash algorithms",
    )
    group.add_argument(
        "-f",
        "--frequency",
        metavar="HZ",
        type=frequency_or_auto,
        help="the SWD clock: 4M, 4000k, 4000000; auto finds the fastest that works (default: 4M)",
    )
    group.add_argument(
        "--connect",
        choices=("attach", "halt", "under-reset"),
        default="attach",
        help="attach leaves a running core running, halt halts it, under-reset holds nRESET "
        "meanwhile (default: attach)",
    )


def add_flash_breakpoints(parser: argparse.ArgumentParser) -> None:
    """Add ``--flash-breakpoints``; `open_session` obeys it."""
    parser.add_argument(
        "--flash-breakpoints",
        choices=("auto", "on", "off"),
        default="auto",
        help="program breakpoints into flash when the comparators have run out; auto: on virtual "
        "boards only, since it wears a chip (default: auto)",
    )


def add_probe(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the probe alone."""
    _add_probe(parser.add_argument_group("connection"))


def add_one_probe(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--probe`` and ``--record`` for a verb that looks at every probe without ``--probe``."""
    parser.add_argument("-u", "--probe", metavar="PROBE", help=f"{what}, named as for other verbs")
    parser.add_argument(
        "--record", metavar="FILE", help="write every packet to FILE; with one probe only"
    )


def recording_once(arguments: argparse.Namespace) -> Callable[[Link], Link]:
    """Return what records the link it is given, as ``--record`` says; it takes one link only."""
    recorded = False

    def wrap(link: Link) -> Link:
        nonlocal recorded
        if arguments.record is None:
            return link
        from onchip.session import record_link

        if recorded:
            link.close()
            raise UsageError(
                "a recording holds one probe, and several are plugged in",
                hint="name one with --probe",
            )
        recorded = True
        return record_link(link, arguments.record, command=arguments.command_line)

    return wrap


class _Probe(argparse.Action):
    """Keep the last probe as ``probe``, and all that were named as ``probes``."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        namespace.probe = values
        namespace.probes = [*getattr(namespace, "probes", []), values]


def _add_probe(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-u",
        "--probe",
        action=_Probe,
        metavar="PROBE",
        help="virtual:CHIP[/PROBEMODEL][@FILE], tcp:HOST:PORT, VID:PID[:SERIAL], or a serial from "
        "`onchip list` or its beginning; "
        "without it ONCHIP_PROBE, else the only one plugged in",
    )
    group.add_argument(
        "--record",
        metavar="FILE",
        help="write every packet to FILE, for `onchip replay` and bug reports",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print data for a script")


def add_image(parser: argparse.ArgumentParser) -> None:
    """Add the firmware file and what a BIN file needs."""
    parser.add_argument("file", metavar="FILE", help="ELF, Intel HEX, S-record, UF2 or BIN")
    parser.add_argument(
        "-a",
        "--base",
        "--base-address",
        metavar="ADDRESS",
        type=address,
        help="where a BIN file goes (default: the start of the chip's flash)",
    )


def add_algorithm(parser: argparse.ArgumentParser) -> None:
    """Add ``--algorithm``."""
    parser.add_argument(
        "--algorithm",
        metavar="FILE",
        type=Path,
        help="a flash algorithm (FLM) to use in the place of the chip's own",
    )


def add_reset(parser: argparse.ArgumentParser) -> None:
    """Add ``--reset`` and ``--no-reset``: how the target is left after a job on its flash."""
    left = parser.add_mutually_exclusive_group()
    left.add_argument(
        "--reset",
        choices=("system", "core", "hardware"),
        default="system",
        help="how the chip is reset afterwards, see `onchip reset --help` (default: system)",
    )
    left.add_argument(
        "--no-reset", action="store_true", help="leave the core halted instead of resetting it"
    )


def open_session(arguments: argparse.Namespace, *, when_locked: str = "refuse") -> Session:
    """Connect as the options of `add_connection` say.

    Raises:
        OnchipError: see `onchip.session.connect`.
    """
    from onchip.session import DEFAULT_FREQUENCY_HZ, connect

    session = connect(
        arguments.probe,
        target=arguments.target,
        packs=arguments.pack,
        frequency_hz=arguments.frequency or DEFAULT_FREQUENCY_HZ,
        connect=arguments.connect,
        when_locked=when_locked,
        record=arguments.record,
        command=arguments.command_line,
    )
    session.flash_breakpoints = getattr(arguments, "flash_breakpoints", "auto")
    _tell_clock(session, arguments.frequency)
    if session.left_behind:
        print(session.left_behind, file=sys.stderr)
    return session


def open_client(arguments: argparse.Namespace) -> DapClient:
    """Open the probe as the options of `add_connection` say, and connect to nothing behind it.

    Raises:
        OnchipError: see `onchip.session.open_probe`.
    """
    from onchip.session import DEFAULT_FREQUENCY_HZ, open_link, open_probe, record_link

    link = open_link(arguments.probe)
    if arguments.record:
        link = record_link(link, arguments.record, command=arguments.command_line)
    asked = arguments.frequency or DEFAULT_FREQUENCY_HZ
    return open_probe(link, frequency_hz=asked)


def _tell_clock(session: Session, asked: int | str | None) -> None:
    """Say on standard error which clock it became, where that is not the one asked for."""
    client = session.client
    if asked == "auto":
        print(f"SWD clock: {client.frequency_hz} Hz", file=sys.stderr)
    elif client.refused_frequency_hz is not None:
        print(
            f"the probe refused a clock of {client.refused_frequency_hz} Hz and took "
            f"{client.frequency_hz} Hz",
            file=sys.stderr,
        )
