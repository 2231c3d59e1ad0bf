"""`onchip doctor`: what is wrong with the probes, and what to do."""

from __future__ import annotations

import argparse
import os
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

from onchip.cli.exit_codes import ExitCode
from onchip.cli.options import add_json, add_one_probe, recording_once
from onchip.cli.terminal import print_json

if TYPE_CHECKING:
    from onchip.cli.checkup import Finding

EPILOG = """\
examples:
  onchip doctor
  onchip doctor --probe 0240 --json

The exit code is 3 where anything is a problem, else 0. Notes are no problems.
"""
_COLUMNS = 96


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_one_probe(parser, "look at this probe alone (default: ONCHIP_PROBE, else every one)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each finding, and what to do below it."""
    from onchip.cli.checkup import Verdict, examine
    from onchip.session import PROBE_VARIABLE

    findings = []
    subject = ""
    spec = arguments.probe or os.environ.get(PROBE_VARIABLE) or None
    for finding in examine(spec, wrap=recording_once(arguments)):
        findings.append(finding)
        if arguments.json:
            continue
        if finding.subject != subject:
            print(f"{'' if not subject else chr(10)}{finding.subject}")
            subject = finding.subject
        _show(finding)
    healthy = all(finding.verdict is not Verdict.PROBLEM for finding in findings)
    if arguments.json:
        print_json({"healthy": healthy, "findings": [asdict(each) for each in findings]})
    elif not healthy:
        count = sum(finding.verdict is Verdict.PROBLEM for finding in findings)
        print(f"\n{count} problem{'' if count == 1 else 's'} found")
    return ExitCode.DONE if healthy else ExitCode.PROBE


def _show(finding: Finding) -> None:
    print(f"  {finding.verdict:<8}{finding.check}: {finding.text}", flush=True)
    if finding.advice is not None:
        lines = textwrap.wrap(
            finding.advice,
            _COLUMNS,
            initial_indent=" " * 10 + "do: ",
            subsequent_indent=" " * 14,
            break_long_words=False,
            break_on_hyphens=False,
        )
        print("\n".join(lines), flush=True)
