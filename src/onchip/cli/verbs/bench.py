"""`onchip bench`: measure a probe and its chip beside what they could do at best."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from onchip.cli.options import add_connection, add_json, open_session
from onchip.cli.terminal import print_json, print_table

EPILOG = """\
examples:
  onchip bench
  onchip bench --flash
  onchip bench --probe virtual:stm32f407/hid-64x4 -f 10M

The limit is the SWD clock, or the probe's own pace where that is slower, as measured first. The
core is halted meanwhile; its registers and RAM are put back. Flash is touched with --flash only.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "--flash",
        action="store_true",
        help="measure programming too: the first 64 KiB of flash are LOST",
    )
    add_json(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print a table."""
    from onchip.services.bench import measure, measure_flash

    with open_session(arguments) as session:
        info = session.probe_info
        frequency_hz = session.client.frequency_hz
        found = list(measure(session, frequency_hz))
        if arguments.flash:
            found += measure_flash(session)
        head = {
            "probe": info.product,
            "serial": info.serial,
            "chip": session.chip_name,
            "packet_size": info.packet_size,
            "packet_count": info.packet_count,
            "frequency_hz": frequency_hz,
        }
    if arguments.json:
        rows = [asdict(row) | {"ratio": round(row.ratio, 3)} for row in found]
        print_json(head | {"measured": rows})
        return 0
    print(
        f"{head['probe']}: {info.packet_count} packets of {info.packet_size} bytes,"
        f" {frequency_hz / 1e6:g} MHz, {head['chip']}"
    )
    print_table(
        ("what", "time", "limit", "ratio"),
        [
            (
                row.name,
                f"{row.seconds * 1e3:.3f} ms",
                f"{row.limit_s * 1e3:.3f} ms" if row.limit_s else "",
                f"{row.ratio:.2f}" if row.limit_s else "",
            )
            for row in found
        ],
    )
    return 0
