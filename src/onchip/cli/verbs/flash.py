"""`onchip flash`: program a firmware image and verify it."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from onchip.cli.classic import add_classic, erase_mode, image_and_base, settle
from onchip.cli.options import add_connection, add_image, add_json, open_session
from onchip.cli.terminal import bytes_text, print_json, progress_display

EPILOG = """\
examples:
  onchip flash firmware.elf
  onchip flash firmware.bin --base 0x0800_4000 --erase chip
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_image(parser)
    parser.add_argument(
        "-e",
        "--erase",
        metavar="{sector,chip}",
        type=erase_mode,
        default="sector",
        help="erase only the sectors that must change, or everything (default: sector)",
    )
    parser.add_argument(
        "--no-reset",
        action="store_true",
        help="leave the core halted instead of starting the image",
    )
    parser.add_argument("--format", choices=("bin", "hex", "elf"), help=argparse.SUPPRESS)
    add_json(parser)
    add_connection(parser)
    add_classic(parser)


def run(arguments: argparse.Namespace) -> int:
    """Program, verify, start the image."""
    settle(arguments)
    file, base = image_and_base(arguments.file, arguments.base)
    with open_session(arguments) as session:
        with progress_display() as progress:
            report = session.flash(
                file,
                base=base,
                format=arguments.format,
                erase=arguments.erase,
                reset=not arguments.no_reset,
                progress=progress,
            )
        name = session.chip_name
    if arguments.json:
        print_json({"chip": name} | asdict(report))
        return 0
    flash_bytes = report.image_bytes - report.ram_bytes
    print(f"{name}: {bytes_text(flash_bytes)} in place and verified in {report.seconds:.2f} s")
    print(
        f"  already there {bytes_text(report.same_bytes)},"
        f" erased {bytes_text(report.erased_bytes)},"
        f" programmed {bytes_text(report.programmed_bytes)},"
        f" verified {bytes_text(report.verified_bytes)}"
    )
    if report.ram_bytes:
        print(f"  and {bytes_text(report.ram_bytes)} written to RAM")
    print("  the core is halted" if arguments.no_reset else "  the image runs")
    return 0
