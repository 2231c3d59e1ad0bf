"""One image onto many boards at once: a thread for each, a line of the manifest for each.

A failure on one board stops no other.
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
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onchip.cli.exit_codes import ExitCode, exit_code_of
from onchip.cli.options import open_session
from onchip.cli.terminal import bytes_text, print_table
from onchip.errors import OnchipError, UsageError

if TYPE_CHECKING:
    from onchip.flash.progress import Progress, ProgressCallback
    from onchip.flash.report import ProgrammingReport
    from onchip.session import Session

Job = Callable[["Session", "ProgressCallback"], "ProgrammingReport"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One board's line of the manifest.

    ``seconds`` are real ones, from opening the probe. ``unique_id`` is the chip's own number in
    hex, empty where it has none that a debugger can read.
    """

    probe: str
    serial: str
    chip: str
    cpuid: str
    unique_id: str
    image: str
    sha256: str
    started: str
    seconds: float
    result: str
    error: str
    programmed_bytes: int
    verified_bytes: int
    mode: str
    mode_because: str


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

    Each board's line is in the manifest as soon as the board is done. Ctrl-C lets the boards that
    are being programmed finish.

    Returns:
        0 when all went well, else the exit code of the first failure in the order of ``probes``.

    Raises:
        UsageError: the image cannot be read, or the manifest not be written; nothing was touched.
    """
    batch = _Batch(arguments, file, _digest(file), job)
    with _manifest(arguments.manifest) as note, _display(probes) as show:
        pool = ThreadPoolExecutor(len(probes))
        futures = [pool.submit(batch.run, probe, show(probe), note) for probe in probes]
        interrupted = False
        while not all(future.done() for future in futures):
            try:
                wait(futures)
            except KeyboardInterrupt:
                interrupted = True
                print("\nonchip: the boards that have begun are finished first", file=sys.stderr)
        pool.shutdown()
    results = [future.result() for future in futures]
    if arguments.json:
        sys.stdout.writelines(_line(entry) for entry, _ in results)
    else:
        rows = [
            (entry.probe, entry.chip, f"{entry.seconds:.2f} s", entry.error or entry.result)
            for entry, _ in results
        ]
        print_table(("probe", "chip", "time", "result"), rows)
    if interrupted:
        return ExitCode.INTERRUPTED
    return next((code for _, code in results if code), ExitCode.DONE)


def _digest(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error


def _line(entry: Entry) -> str:
    return json.dumps(asdict(entry)) + "\n"


@contextlib.contextmanager
def _manifest(path: Path | None) -> Iterator[Callable[[Entry], None]]:
    """Give a function that appends an entry, whole lines only, from any thread."""
    if path is None:
        yield lambda _entry: None
        return
    lock = threading.Lock()
    try:
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    with file:

        def note(entry: Entry) -> None:
            with lock:
                file.write(_line(entry))
                file.flush()

        yield note


@dataclass(frozen=True, slots=True)
class _Batch:
    """What all boards get."""

    arguments: argparse.Namespace
    file: str
    digest: str
    job: Job

    def run(
        self, probe: str, show: ProgressCallback, note: Callable[[Entry], None]
    ) -> tuple[Entry, int]:
        """Do the job on one board; whatever fails is in the entry, and raises nothing."""
        began = time.monotonic()
        started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        serial = chip = cpuid = unique_id = error_text = ""
        report: ProgrammingReport | None = None
        code = int(ExitCode.DONE)
        own = argparse.Namespace(**vars(self.arguments) | {"probe": probe})
        try:
            with open_session(own) as session:
                serial = session.probe_info.serial
                chip, cpuid = session.chip_name, f"0x{int(session.core.cpuid):08x}"
                unique_id = session.unique_id.hex()
                report = self.job(session, show)
        except OnchipError as error:
            error_text, code = str(error), int(exit_code_of(error))
        except Exception as error:  # a bug on one board must not hide the others' results
            error_text, code = f"a bug in onchip: {error!r}", int(ExitCode.BUG)
        entry = Entry(
            probe=probe,
            serial=serial,
            chip=chip,
            cpuid=cpuid,
            unique_id=unique_id,
            image=self.file,
            sha256=self.digest,
            started=started,
            seconds=round(time.monotonic() - began, 3),
            result="failed" if code else "verified",
            error=error_text,
            programmed_bytes=report.programmed_bytes if report else 0,
            verified_bytes=report.verified_bytes if report else 0,
            mode=report.mode if report else "",
            mode_because=report.mode_because if report else "",
        )
        note(entry)
        return entry, code


@contextlib.contextmanager
def _display(probes: Sequence[str]) -> Iterator[Callable[[str], ProgressCallback]]:
    """Give each probe a callback that shows its progress: a bar on a terminal, else lines."""
    if not sys.stderr.isatty():
        yield _phase_lines
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


def _phase_lines(probe: str) -> ProgressCallback:
    """Return a callback that writes a line when a phase begins on ``probe``."""
    begun: set[str] = set()

    def show(progress: Progress) -> None:
        if progress.phase not in begun:
            begun.add(progress.phase)
            print(f"{probe}: {progress.phase}: {bytes_text(progress.total)}", file=sys.stderr)

    return show
