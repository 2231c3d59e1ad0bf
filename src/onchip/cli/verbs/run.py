"""`onchip run`: flash a program, run it, show what it prints, end with its exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from onchip.cli.exit_codes import ExitCode
from onchip.cli.options import add_connection, add_image, open_session
from onchip.cli.terminal import hex32, progress_display
from onchip.errors import SymbolError

if TYPE_CHECKING:
    from onchip.services.firmware_run import RunReport
    from onchip.services.semihosting import Directory
    from onchip.session import Session
    from onchip.symbols.dwarf import DebugInfo

EPILOG = """\
examples:
  onchip run firmware.elf
  onchip run tests.elf --timeout 30 --probe virtual:stm32f407
  onchip run tests.elf --semihosting-dir ./data --args "--filter uart"

What the program prints, through the UART or semihosting, is on standard output; everything else on
standard error. The exit code is the program's own (semihosting SYS_EXIT or SYS_EXIT_EXTENDED), or
  124        the time was up
  139        the program faulted, locked up, or stopped at a BKPT of its own
and 1 to 4 as for every verb, with a line on standard error that begins with "onchip: error:".
Seconds are the target's: on a virtual board they are simulated. docs/run.md has the details.
"""

_TEXTS = {
    "fault": "the program faulted",
    "lock-up": "the core locked up: a fault came while it handled one",
    "breakpoint": "the program stopped at a BKPT of its own",
    "time-out": "the program still ran when its time was up",
}


def seconds(text: str) -> float:
    """Read a number of seconds.

    Raises:
        argparse.ArgumentTypeError: it is none above zero.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above zero")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_image(parser)
    parser.add_argument(
        "--timeout", type=seconds, metavar="S", help="end the run after S seconds (default: never)"
    )
    parser.add_argument(
        "--no-flash", action="store_true", help="run what is on the chip; FILE tells its symbols"
    )
    parser.add_argument(
        "--semihosting-dir",
        type=Path,
        metavar="DIR",
        help="let the program open, write and remove files below DIR (default: no files)",
    )
    parser.add_argument(
        "--args",
        default="",
        metavar="WORDS",
        help="what the program finds on its command line, after its name",
    )
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Flash, run, and return the exit code of the run."""
    from onchip.services.semihosting import Directory

    directory = None
    if arguments.semihosting_dir is not None:
        directory = Directory(arguments.semihosting_dir)
    try:
        with open_session(arguments) as session:
            report = _run(session, arguments, directory)
            if report.exit_code is None:
                _explain(session, report, _symbols(arguments.file))
            elif report.exit_code:
                print(f"the program exited with {report.exit_code}", file=sys.stderr)
    finally:
        if directory is not None:
            directory.close()
    if report.exit_code is not None:
        return report.exit_code
    return ExitCode.TIMEOUT if report.ending.value == "time-out" else ExitCode.FAULT


def _run(session: Session, arguments: argparse.Namespace, directory: Directory | None) -> RunReport:
    from onchip.services.firmware_run import FirmwareRun
    from onchip.services.semihosting import Semihosting, SemihostingOptions, heap_finder

    start = None
    if not arguments.no_flash:
        with progress_display() as progress:
            done = session.flash(
                arguments.file, base=arguments.base, reset=False, progress=progress
            )
        if done.ram_bytes == done.image_bytes:
            start = session.load(arguments.file, base=arguments.base)[0][0]
    elif not Path(arguments.file).is_file():
        Path(arguments.file).stat()  # raises what is wrong with it
    options = SemihostingOptions(
        directory=directory,
        command_line=f"{Path(arguments.file).name} {arguments.args}".rstrip(),
        heap=heap_finder(session.memory_map, _symbols(arguments.file)),
    )
    semihosting = Semihosting(_print, options, read_input=_Input(arguments.timeout))
    return FirmwareRun(session, semihosting, lambda data: _print("stdout", data)).go(
        timeout_s=arguments.timeout, start=start
    )


def _print(stream: str, data: bytes) -> None:
    """Write bytes as they came, at once."""
    target = sys.stderr if stream == "stderr" else sys.stdout
    target.flush()
    buffer = getattr(target, "buffer", None)
    if buffer is None:
        target.write(data.decode("utf-8", "replace"))
    else:
        buffer.write(data)
    target.flush()


class _Input:
    """Standard input for the program: waited for, but no longer than the run may take."""

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s

    def __call__(self, length: int) -> bytes:
        try:
            descriptor = sys.stdin.fileno()
        except (OSError, ValueError, AttributeError):  # there is none
            return b""
        if os.name == "posix":
            ready, _, _ = select.select([descriptor], [], [], self._timeout_s)
            if not ready:
                return b""
        return os.read(descriptor, length)


def _symbols(path: str) -> DebugInfo | None:
    """Return what the file tells of addresses; a BIN or HEX file tells nothing."""
    from onchip.symbols.dwarf import DebugInfo

    with contextlib.suppress(SymbolError):
        return DebugInfo.load(path)
    return None


def _explain(session: Session, report: RunReport, debug: DebugInfo | None) -> None:
    where = "" if report.pc is None else f", pc {hex32(report.pc)}"
    text = f"{_TEXTS[report.ending.value]}, {report.seconds:.3f} s after reset{where}"
    print(f"onchip: {text}", file=sys.stderr)
    if report.ending.value != "time-out":
        from onchip.services.crash import as_text, collect

        crash = collect(session.core, session.memory_map, debug, chip=session.chip_name)
        print(as_text(crash), file=sys.stderr)
