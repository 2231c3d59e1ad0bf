"""`onchip verify`: compare flash with a firmware image."""

from __future__ import annotations

import argparse

from onchip.cli.complaints import as_data, explain
from onchip.cli.options import add_algorithm, add_connection, add_image, add_json, open_session
from onchip.cli.terminal import bytes_text, print_json, progress_display
from onchip.errors import VerifyError

EPILOG = """\
examples:
  onchip verify firmware.elf

The exit code is 0 when the chip holds the image, 1 when it does not. The image that runs is halted
while it is compared, and runs on afterwards.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_image(parser)
    add_algorithm(parser)
    add_json(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare, and say whether the chip holds the image."""
    difference: VerifyError | None = None
    with open_session(arguments) as session, progress_display() as progress:
        session.algorithm = arguments.algorithm
        name = session.chip_name
        try:
            report = session.verify(arguments.file, base=arguments.base, progress=progress)
        except VerifyError as error:
            error.hint = error.hint or f"`onchip flash {arguments.file}` would program it"
            difference = error
    if arguments.json:
        same = difference is None
        print_json(
            {
                "chip": name,
                "matches": same,
                "verified_bytes": report.verified_bytes if same else None,
                "seconds": report.seconds if same else None,
                "error": None if difference is None else as_data(difference),
            }
        )
    elif difference is None:
        print(f"{name}: {bytes_text(report.verified_bytes)} verified in {report.seconds:.2f} s")
    return 0 if difference is None else explain(difference)
