"""`onchip selftest`: test probe, board and onchip on each other."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from onchip.cli.exit_codes import ExitCode
from onchip.cli.options import add_json, add_probe, frequency
from onchip.cli.terminal import print_json
from onchip.errors import UsageError

if TYPE_CHECKING:
    from onchip.services.selftest import Outcome, Selftest

EPILOG = """\
examples:
  onchip selftest
  onchip selftest --probe virtual:nrf52840 --yes
  onchip selftest --only memory --only speed

checks: core registers, memory, "stop, resume, step", erase, program, breakpoints, watchpoints,
resets, connect modes, GDB session, speed

What it will do to the board is said first. Flash and RAM that it uses are put back. The exit code
is 1 where a check fails.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask before it begins")
    parser.add_argument("--no-flash", action="store_true", help="leave flash alone")
    parser.add_argument(
        "--only", action="append", default=[], metavar="CHECK", help="only this one; repeatable"
    )
    parser.add_argument("-t", "--target", metavar="CHIP", help="the chip; without it, it is asked")
    parser.add_argument(
        "-f", "--frequency", metavar="HZ", type=frequency, help="the SWD clock (default: 4M)"
    )
    add_json(parser)
    add_probe(parser)


def run(arguments: argparse.Namespace) -> int:
    """Say what will be done, ask, do it, print a table."""
    from onchip.services.selftest import CHECKS, Selftest, Verdict
    from onchip.session import DEFAULT_FREQUENCY_HZ, named_chip, open_link, record_link

    unknown = [name for name in arguments.only if name not in CHECKS]
    if unknown:
        raise UsageError(f"there is no check {unknown[0]!r}", hint=f"use {', '.join(CHECKS)}")
    chip = None if arguments.target is None else named_chip(arguments.target, arguments.pack)
    link = open_link(arguments.probe)
    try:
        if arguments.record is not None:
            link = record_link(link, arguments.record, command=arguments.command_line)
        test = Selftest(
            link,
            chip=chip,
            frequency_hz=arguments.frequency or DEFAULT_FREQUENCY_HZ,
            flash=not arguments.no_flash,
        )
        if not _agreed(test, yes=arguments.yes, quiet=arguments.json):
            print("nothing was done", file=sys.stderr)
            return ExitCode.DONE
        outcomes = []
        for outcome in test.run(arguments.only):
            outcomes.append(outcome)
            if not arguments.json:
                _show(outcome)
    finally:
        link.close()
    if outcomes[-1].verdict is Verdict.FAILED:  # the last is what puts things back
        _rescue(test)
    failed = [outcome for outcome in outcomes if outcome.verdict is Verdict.FAILED]
    if arguments.json:
        rows = [asdict(outcome) for outcome in outcomes]
        print_json({"target": test.target, "passed": not failed, "checks": rows})
    else:
        print(f"{len(failed)} of {len(outcomes)} failed" if failed else "all passed")
    return ExitCode.FAILED if failed else ExitCode.DONE


def _agreed(test: Selftest, *, yes: bool, quiet: bool) -> bool:
    """Say what will be done, and ask."""
    output = sys.stderr if quiet else sys.stdout
    print(f"{test.target}: this will happen", file=output)
    for line in test.promises:
        print(f"  {line}", file=output)
    output.flush()
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to agree", hint="give --yes")
    print("go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _show(outcome: Outcome) -> None:
    line = f"{outcome.check:20} {outcome.verdict:9} {outcome.seconds:8.2f} s  {outcome.detail}"
    print(line.rstrip(), flush=True)


def _rescue(test: Selftest) -> None:
    """Write what the flash held into a file: it may no longer be on the chip."""
    if test.saved is None:
        return
    start, content = test.saved
    path = Path(f"onchip-selftest-0x{start:08x}.bin")
    path.write_bytes(content)
    print(f"what the flash held is in {path}: onchip flash {path}@0x{start:08x}", file=sys.stderr)
