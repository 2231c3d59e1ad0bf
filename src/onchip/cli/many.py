"""One image onto many boards at once: a thread for each, a line of the manifest for each.

A failure on one board stops no other. Ctrl-C waits for the boards that are being programmed.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onchip.cli.exit_codes import ExitCode, exit_code_of
from onchip.cli.options import open_session
from onchip.cli.terminal import print_table
from onchip.errors import OnchipError, UsageError

if TYPE_CHECKING:
    from onchip.flash.engine import ProgrammingReport
    from onchip.flash.progress import Progress, ProgressCallback
    from onchip.session import Session

Job = Callable[["Session", "ProgressCallback"], "ProgrammingReport"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One board's line of the manifest. ``seconds`` are real ones, from opening the probe."""

    probe: str
    serial: str
    chip: str
    cpuid: str
    image: str
    sha256: str
    started: str
    seconds: float
    result: str
    error: str
    programmed_bytes: int
    verified_bytes: int


def add_many(parser: argparse.ArgumentParser) -> None:
    """Add ``--all`` and ``--manifest``."""
    group = parser.add_argument_group("many boards")
    group.add_argument(
        "--all",
        action="store_true",
        help="every probe that is plugged in, all at once; --probe may also be given several times",
    )
    group.add_argument(
        "--manifest", metavar="FILE", type=Path, help="append a line of JSON for each board to FILE"
    )


def chosen_probes(arguments: argparse.Namespace) -> list[str]:
    """Return the probes of a job on many boards; an empty list for a job on one.

    Raises:
        UsageError: the options contradict each other, or nothing is plugged in.
    """
    given: list[str] = getattr(arguments, "probes", [])
    if arguments.all and given:
        raise UsageError("--all and --probe exclude each other")
    if arguments.all:
        from onchip.session import plugged_probes

        given = [probe.spec for probe in plugged_probes()]
        if not given:
            raise UsageError("no probe is plugged in")
    elif len(given) < 2 and not arguments.manifest:
        return []
    if arguments.record:
        raise UsageError("--record takes one board", hint="name it with --probe")
    twice = sorted({probe for probe in given if given.count(probe) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)} is named twice")
    return given


def flash_many(arguments: argparse.Namespace, probes: Sequence[str], file: str, job: Job) -> int:
    """Run ``job`` on every board; print a table or, with ``--json``, the manifest.

    Returns:
        0 when all went well, else the exit code of the first failure in the order of ``probes``.
    """
    try:
        digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    codes: list[int] = []
    entries: list[Entry] = []
    with _display(probes) as show, ThreadPoolExecutor(len(probes)) as pool:
        futures = [
            pool.submit(_one, arguments, probe, file, digest, job, show(probe)) for probe in probes
        ]
        for future in futures:
            entry, code = future.result()
            entries.append(entry)
            codes.append(code)
    if arguments.manifest:
        with arguments.manifest.open("a", encoding="utf-8") as manifest:
            manifest.writelines(_line(entry) for entry in entries)
    if arguments.json:
        sys.stdout.writelines(_line(entry) for entry in entries)
    else:
        rows = [
            (entry.probe, entry.chip, f"{entry.seconds:.2f} s", entry.error or entry.result)
            for entry in entries
        ]
        print_table(("probe", "chip", "time", "result"), rows)
    return next((code for code in codes if code), ExitCode.DONE)


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry)) + "\n"


def _one(
    arguments: argparse.Namespace,
    probe: str,
    file: str,
    digest: str,
    job: Job,
    show: ProgressCallback,
) -> tuple[Entry, int]:
    began = time.monotonic()
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    serial = chip = cpuid = error_text = ""
    report: ProgrammingReport | None = None
    code = int(ExitCode.DONE)
    try:
        with open_session(argparse.Namespace(**vars(arguments) | {"probe": probe})) as session:
            serial = session.probe_info.serial
            chip, cpuid = session.chip_name, f"0x{int(session.core.cpuid):08x}"
            report = job(session, show)
    except OnchipError as error:
        error_text, code = str(error), int(exit_code_of(error))
    entry = Entry(
        probe=probe,
        serial=serial,
        chip=chip,
        cpuid=cpuid,
        image=file,
        sha256=digest,
        started=started,
        seconds=round(time.monotonic() - began, 3),
        result="failed" if code else "verified",
        error=error_text,
        programmed_bytes=report.programmed_bytes if report else 0,
        verified_bytes=report.verified_bytes if report else 0,
    )
    return entry, code


@contextlib.contextmanager
def _display(probes: Sequence[str]) -> Iterator[Callable[[str], ProgressCallback]]:
    """Give each probe a callback that shows its progress: a bar on a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _probe: lambda _progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[phase]}"))
    with Bars(*columns, console=Console(stderr=True)) as bars:
        lock = threading.Lock()
        tasks = {probe: bars.add_task(probe, total=None, phase="connect") for probe in probes}

        def callback(probe: str) -> ProgressCallback:
            def show(progress: Progress) -> None:
                with lock:
                    bars.update(
                        tasks[probe],
                        total=progress.total,
                        completed=progress.done,
                        phase=progress.phase,
                    )

            return show

        yield callback
