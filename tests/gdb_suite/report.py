"""Writes docs/gdb-suite.md: what passes on ours, on QEMU's, and what does not and why."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.gdb_suite.runner import FileResult, read_summary
from tests.gdb_suite.source import FOLDER, VERSION

Results = Mapping[str, FileResult]

_BEGIN = "<!-- from here written by python -m tests.gdb_suite -->"


def read_results(folder: Path) -> dict[str, FileResult]:
    """Return the summaries that the runs left in ``folder``."""
    return {path.stem: read_summary(path) for path in sorted(folder.glob("*.sum"))}


class Known:
    """Why some tests fail for good (known.toml)."""

    def __init__(self) -> None:
        self._why: dict[tuple[str, str | None], str] = {}
        for entry in tomllib.loads((FOLDER / "known.toml").read_text("utf-8"))["failure"]:
            for file in entry["files"]:
                for test in entry.get("tests", [None]):
                    self._why[file, test] = entry["why"]

    def why(self, file: str, test: str) -> str | None:
        """Return the reason; None if this failure is news."""
        return self._why.get((file, test)) or self._why.get((file, None))

    def news(self, result: FileResult) -> list[str]:
        """Return the failures of a file that have no reason."""
        return [test for test in result.failures if self.why(result.name, test) is None]


def missing_passes(ours: FileResult, other: FileResult) -> list[str]:
    """Return what passed on the other server and not on ours, in its order."""
    return list((Counter(other.passes) - Counter(ours.passes)).elements())


def write(path: Path, ours: Results, qemu: Results, fast: Sequence[str]) -> None:
    """Write the tables below the mark in ``path``; what stands above it is kept."""
    head = path.read_text("utf-8").partition(_BEGIN)[0]
    parts = [
        _totals(ours, qemu, fast),
        _differences(ours, qemu),
        _failures(ours, qemu),
        _every_file(ours, qemu),
    ]
    path.write_text(f"{head}{_BEGIN}\n\n" + "\n".join(parts), "utf-8")


def _totals(ours: Results, qemu: Results, fast: Sequence[str]) -> str:
    both = sum(name in qemu for name in ours)
    rows = [
        "## Results\n",
        f"gdb.base of GDB {VERSION}: {len(ours)} files, {both} compared test by test.",
        f"{_commits('onchip', ours)} {_commits('QEMU', qemu)}\n",
        "| server, files | passes | failures | files that are green |",
        "|---|---:|---:|---:|",
    ]
    for name, results in (("onchip", ours), ("QEMU 7.2", qemu)):
        for label, chosen in (("{} files", list(results)), ("the fast selection", list(fast))):
            there = [results[file] for file in chosen if file in results]
            rows.append(
                f"| {name}, {label.format(len(there))} | {sum(len(r.passes) for r in there):,} "
                f"| {sum(len(r.failures) for r in there):,} | {sum(r.green for r in there)} |"
            )
    return "\n".join(rows) + "\n"


def _commits(name: str, results: Results) -> str:
    """Say of which commits of the project these results are."""
    counts = Counter(result.commit or "an unknown commit" for result in results.values())
    parts = [f"at {commit} ({count})" for commit, count in counts.most_common()]
    return f"{name}: {', '.join(parts)}." if parts else f"{name}: not run."


def _differences(ours: Results, qemu: Results) -> str:
    rows = ["## Where the servers differ\n"]
    both = [name for name in ours if name in qemu]
    lost = [(name, missing_passes(ours[name], qemu[name])) for name in both]
    lost = [(name, tests) for name, tests in lost if tests]
    if lost:
        rows += ["What passes on QEMU's server and not on ours:\n"]
        rows += [f"- {name}: {test}" for name, tests in lost for test in tests]
    else:
        rows += ["Nothing passes on QEMU's server that does not pass on ours."]
    rows += [
        "\nFiles that have more passes on ours:\n",
        "| file | onchip: passes, failures | QEMU: passes, failures |",
        "|---|---:|---:|",
    ]
    for name in both:
        if missing_passes(qemu[name], ours[name]):
            rows.append(f"| {name} | {_pair(ours[name])} | {_pair(qemu[name])} |")
    return "\n".join(rows) + "\n"


def _failures(ours: Results, qemu: Results) -> str:
    known = Known()
    rows = [
        "## What fails on ours\n",
        "| file | test | on QEMU's | why |",
        "|---|---|---|---|",
    ]
    for name, result in ours.items():
        other = qemu.get(name)
        for test in result.failures:
            there = "not run" if other is None else _outcome(other, test)
            why = known.why(name, test) or "not known"
            rows.append(f"| {name} | {_cell(test)} | {there} | {why} |")
    return "\n".join(rows) + "\n"


def _every_file(ours: Results, qemu: Results) -> str:
    rows = [
        "## Every file\n",
        "Passes, failures; a file without any needs what a bare chip has not: a shell, processes, "
        "signals, shared libraries, a native GDB.\n",
        "| file | onchip | QEMU |",
        "|---|---:|---:|",
    ]
    for name, result in ours.items():
        other = qemu.get(name)
        rows.append(f"| {name} | {_pair(result)} | {_pair(other) if other else ''} |")
    return "\n".join(rows) + "\n"


def _pair(result: FileResult) -> str:
    return f"{len(result.passes)}, {len(result.failures)}" if result.lines else "-"


def _outcome(result: FileResult, test: str) -> str:
    found = [outcome for outcome, name in result.lines if name == test]
    return found[0].lower() if found else "not reached"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
