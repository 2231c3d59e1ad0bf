"""`onchip verify`: compare flash with a firmware image."""

from __future__ import annotations

import argparse

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
    """Compare; a difference is raised as `VerifyError`."""
    with open_session(arguments) as session, progress_display() as progress:
        session.algorithm = arguments.algorithm
        try:
            report = session.verify(arguments.file, base=arguments.base, progress=progress)
        except VerifyError as error:
            error.hint = error.hint or f"`onchip flash {arguments.file}` would program it"
            raise
        name = session.chip_name
    if arguments.json:
        data = {"chip": name, "verified_bytes": report.verified_bytes, "seconds": report.seconds}
        print_json(data)
    else:
        print(f"{name}: {bytes_text(report.verified_bytes)} verified in {report.seconds:.2f} s")
    return 0
