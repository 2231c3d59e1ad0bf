"""`onchip flash`: program a firmware image and verify it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from onchip.cli.classic import add_classic, erase_mode, image_and_base, settle
from onchip.cli.many import add_many, chosen_probes, flash_many
from onchip.cli.options import (
    add_algorithm,
    add_connection,
    add_image,
    add_json,
    add_reset,
    open_session,
)
from onchip.cli.plan_view import plan_svg, print_plan
from onchip.cli.remains import told_remains
from onchip.cli.terminal import bytes_text, print_json, progress_display
from onchip.errors import UsageError
from onchip.flash.running.rung import Rung

if TYPE_CHECKING:
    from onchip.flash.progress import ProgressCallback
    from onchip.flash.report import ProgrammingReport
    from onchip.session import Session

EPILOG = """\
examples:
  onchip flash firmware.elf
  onchip flash firmware.bin --base 0x0800_4000 --erase chip
  onchip flash firmware.elf --dry-run --plan-svg plan.svg
  onchip flash firmware.elf --all --manifest boards.jsonl
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
    add_reset(parser)
    parser.add_argument(
        "--restore-ram",
        action="store_true",
        help="put back what the RAM held that the flash algorithm uses",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done to each sector; do nothing"
    )
    parser.add_argument(
        "--plan-svg", metavar="FILE", type=Path, help="with --dry-run: draw the plan into FILE"
    )
    parser.add_argument(
        "--no-keep",
        action="store_true",
        help="drop what erased sectors hold beside the image, instead of putting it back",
    )
    parser.add_argument(
        "--also",
        metavar="REGION",
        action="append",
        default=[],
        help="write to this region of options (uicr) too, if the image has bytes for it",
    )
    parser.add_argument(
        "--verify",
        choices=("sums", "full"),
        default="sums",
        help="by sums that the chip computes, or by reading every byte too (default: sums)",
    )
    parser.add_argument(
        "--no-stream",
        action="store_true",
        help="call the flash algorithm without a driver on the chip; send nothing while it runs",
    )
    parser.set_defaults(skip_same=True)
    add_algorithm(parser)
    parser.add_argument("--format", choices=("bin", "hex", "elf"), help=argparse.SUPPRESS)
    add_json(parser)
    add_many(parser)
    add_connection(parser)
    add_classic(parser)


def run(arguments: argparse.Namespace) -> int:
    """Program, verify, start the image."""
    settle(arguments)
    file, base = image_and_base(arguments.file, arguments.base)
    if arguments.plan_svg and not arguments.dry_run:
        raise UsageError("--plan-svg draws what --dry-run finds", hint="give both")

    def job(session: Session, progress: ProgressCallback) -> ProgrammingReport:
        session.algorithm = arguments.algorithm
        with told_remains(progress) as remains:
            return session.flash(
                file,
                base=base,
                format=arguments.format,
                erase=arguments.erase,
                keep=not arguments.no_keep,
                skip_same=arguments.skip_same,
                also=arguments.also,
                read_back=arguments.verify == "full",
                stream=not arguments.no_stream,
                reset=not arguments.no_reset,
                reset_kind=arguments.reset,
                restore_ram=arguments.restore_ram,
                progress=remains,
            )

    probes = chosen_probes(arguments)
    if probes and arguments.dry_run:
        raise UsageError("--dry-run takes one board", hint="name it with --probe")
    if probes:
        return flash_many(arguments, probes, str(file), job)
    with open_session(arguments) as session:
        if arguments.dry_run:
            return _dry_run(session, arguments, file, base)
        with progress_display() as progress:
            report = job(session, progress)
        name = session.chip_name
    if arguments.json:
        print_json({"chip": name} | asdict(report))
        return 0
    _show(report, name, halted=arguments.no_reset, verbose=arguments.verbose)
    return 0


def _show(report: ProgrammingReport, name: str, *, halted: bool, verbose: bool) -> None:
    """Tell people what was done."""
    flash_bytes = report.image_bytes - report.ram_bytes
    if not flash_bytes:
        print(f"{name}: {bytes_text(report.ram_bytes)} written to RAM and verified")
        print(
            "  the core is halted" if halted else "  the chip was reset and runs what is in flash"
        )
        return
    print(f"{name}: {bytes_text(flash_bytes)} in place and verified in {report.seconds:.2f} s")
    print(
        f"  already there {bytes_text(report.same_bytes)},"
        f" erased {bytes_text(report.erased_bytes)},"
        f" programmed {bytes_text(report.programmed_bytes)},"
        f" verified {bytes_text(report.verified_bytes)}"
    )
    if report.mode_because:
        print(f"  by {Rung(report.mode)}: {report.mode_because}")
    elif verbose:
        print(f"  by {Rung(report.mode)}")
    if report.ram_bytes:
        print(f"  and {bytes_text(report.ram_bytes)} written to RAM")
    print("  the core is halted" if halted else "  the image runs")


def _dry_run(session: Session, arguments: argparse.Namespace, file: str, base: int | None) -> int:
    session.algorithm = arguments.algorithm
    sectors = session.plan_flash(
        file,
        base=base,
        format=arguments.format,
        erase=arguments.erase,
        keep=not arguments.no_keep,
        also=arguments.also,
    )
    if arguments.plan_svg:
        arguments.plan_svg.write_text(plan_svg(session.chip_name, sectors), encoding="utf-8")
    if arguments.json:
        print_json({"chip": session.chip_name, "sectors": [asdict(sector) for sector in sectors]})
    else:
        print_plan(session.chip_name, sectors)
    return 0
