"""``python -m tests.gdb_suite``: run the suite; see ``--help``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.gdb_suite import report, runner, source


def main() -> int:
    """Run what the command line says; 1 when something failed that is not known to."""
    parser = argparse.ArgumentParser(description="run GDB's own test suite against a GDB server")
    parser.add_argument("file", nargs="*", help="break, gdb.trace/ax, a folder (default: gdb.base)")
    parser.add_argument("--server", choices=("onchip", "qemu"), default="onchip")
    parser.add_argument("--fast", action="store_true", help="the selection that runs in CI")
    parser.add_argument("--keep", action="store_true", help="leave out files that have a result")
    parser.add_argument("--document", type=Path, help="write the tables of both servers into it")
    arguments = parser.parse_args()
    try:
        return _run(arguments)
    except source.SetUpError as error:
        print(error, file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    wanted = arguments.file or (runner.FAST if arguments.fast else ["gdb.base"])
    names = [name for word in wanted for name in _files(word)]
    results = source.cache() / "results"
    folder = results / arguments.server
    if arguments.keep:
        names = [name for name in names if not (folder / f"{name}.sum").exists()]
    known = report.Known()
    passes, news = 0, 0
    began = time.monotonic()
    with runner.running_suite(arguments.server, folder) as suite:
        for number, name in enumerate(names, start=1):
            result = suite.run(name)
            fresh = known.news(result)
            passes += len(result.passes)
            news += len(fresh)
            print(
                f"[{number}/{len(names)}, {time.monotonic() - began:.0f} s] {name}: "
                f"{len(result.passes)} passes, {len(result.failures)} failures",
                flush=True,
            )
            for test in fresh:
                print(f"    FAIL: {test}", flush=True)
    print(f"{passes} passes, {news} failures that known.toml does not explain; logs in {folder}")
    if arguments.document:
        report.write(
            arguments.document,
            report.read_results(results / "onchip"),
            report.read_results(results / "qemu"),
            runner.FAST,
        )
    return 1 if news else 0


def _files(word: str) -> list[str]:
    """Return the file, or all files of the folder, that a word of the command line means."""
    is_folder = word.startswith("gdb.") and "/" not in word
    return runner.every_file(word) if is_folder else [word]


if __name__ == "__main__":
    sys.exit(main())
