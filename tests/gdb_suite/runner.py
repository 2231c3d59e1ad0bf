"""Runs files of the suite, one DejaGnu each, against a server that stays for all of them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.gdb_suite import source
from tests.support.tools import require

ServerName = Literal["onchip", "qemu"]

FAST = (
    *("break", "watchpoint", "watch-cond", "watch-bitfields", "hbreak2", "condbreak", "step-test"),
    *("step-break", "until", "advance", "finish", "return2", "callfuncs", "call-ar-st", "funcargs"),
    *("structs", "store", "restore", "dump", "find", "recurse", "display", "async", "jump"),
    *("dprintf", "load-command", "compare-sections", "breakpoint-in-ro-region", "bp-permanent"),
    "consecutive",
)
"""What runs in CI: the files that use a server most."""

WITH_DOUBLES = ("range-stepping",)
"""What needs a core that computes doubles itself, a Cortex-M7; the others run on a Cortex-M4.

A line of it divides doubles, and is to be one range of instructions, without calls."""

LONGEST_S = 900
"""A file that takes longer hangs."""

_MODULES = {"onchip": "tests.gdb_suite.serve", "qemu": "tests.gdb_suite.qemu"}
_RESETS = {"onchip": "monitor reset halt", "qemu": ""}  # a QEMU is always a new one
_LINE = re.compile(
    r"(PASS|FAIL|XFAIL|XPASS|KFAIL|KPASS|UNTESTED|UNRESOLVED|UNSUPPORTED|ERROR): (.*)"
)
_COMMIT = "# at commit "
_SITE = """lappend boards_dir "{}"
set target_alias arm-none-eabi
set enable_libctf no
"""
_BAD = {"FAIL", "XPASS", "KPASS", "UNRESOLVED", "ERROR"}


@dataclass(frozen=True)
class FileResult:
    """What one file said: (outcome, name of the test), in its order; ``commit``: of the project."""

    name: str
    lines: tuple[tuple[str, str], ...]
    commit: str = ""

    @property
    def passes(self) -> list[str]:
        """The names of the tests that passed."""
        return [name for outcome, name in self.lines if outcome == "PASS"]

    @property
    def failures(self) -> list[str]:
        """The names of the tests that did not do what they should."""
        return [name for outcome, name in self.lines if outcome in _BAD]

    @property
    def green(self) -> bool:
        """Whether something passed and nothing failed."""
        return bool(self.passes) and not self.failures


def every_file(folder: str = "gdb.base") -> list[str]:
    """Return the names of all files of a folder; those of gdb.base without it.

    Raises:
        SetUpError: the suite cannot be had.
    """
    names = sorted(path.stem for path in (source.suite() / folder).glob("*.exp"))
    return names if folder == "gdb.base" else [f"{folder}/{name}" for name in names]


class Suite:
    """A server that runs, and DejaGnu set up for it."""

    def __init__(self, server: ServerName, folder: Path, stack: ExitStack) -> None:
        self._server = server
        self._folder = folder
        self._stack = stack
        self._suite = source.suite()
        # Of its own, since somebody else may be running other files.
        self._work = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        (self._work / "Makefile").touch()  # a test looks for that of the folder GDB was built in
        self._environments: dict[str, Mapping[str, str]] = {}
        self._commit = source.commit()

    def _environment(self, machine: str) -> Mapping[str, str]:
        """Return what DejaGnu is told about a machine, whose server is started at first."""
        if machine not in self._environments:
            site = self._work / "site.exp"
            site.write_text(_SITE.format(source.FOLDER))
            log = self._folder / f"server-{machine}.log"
            port = self._stack.enter_context(_serving(self._server, machine, log))
            self._environments[machine] = os.environ | {
                "DEJAGNU": str(site),
                "SUITE_LIBRARY": str(source.library(machine)),
                "SUITE_MACHINE": " ".join(source.MACHINES[machine]),
                "SUITE_REMOTE": f"localhost:{port}",
                "SUITE_RESET": _RESETS[self._server],
                "LC_ALL": "C",
            }
        return self._environments[machine]

    def run(self, name: str) -> FileResult:
        """Run one file, ``break`` or ``gdb.trace/ax``; its log and summary are kept."""
        file = name if "/" in name else f"gdb.base/{name}"
        kept = self._folder / name
        kept.parent.mkdir(exist_ok=True)
        for kind in ("sum", "log"):
            (self._work / f"gdb.{kind}").write_text("")
        command = [
            *("runtest", "--tool", "gdb", "--target", "arm-none-eabi", "--target_board", "onchip"),
            *("--srcdir", str(self._suite), "GDB=gdb-multiarch", "GDB_PARALLEL=yes"),
            f"{file}.exp",
        ]
        process = subprocess.Popen(
            command,
            cwd=self._work,
            env=self._environment("cortex-m7" if name in WITH_DOUBLES else "cortex-m4"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            with (self._work / "gdb.sum").open("a") as summary:
                summary.write(f"ERROR: {file}.exp: it took longer than {LONGEST_S} s\n")
        with (self._work / "gdb.sum").open("a") as summary:
            summary.write(f"{_COMMIT}{self._commit}\n")
        for kind in ("sum", "log"):
            shutil.copyfile(self._work / f"gdb.{kind}", Path(f"{kept}.{kind}"))
        shutil.rmtree(self._work / "outputs", ignore_errors=True)
        return read_summary(Path(f"{kept}.sum"))

    def log(self, name: str) -> str:
        """Return the conversation with GDB around the failures of one file, for people."""
        lines = (self._folder / f"{name}.log").read_text(errors="replace").splitlines()
        marked = [n for n, line in enumerate(lines) if re.search(r"\b(FAIL|ERROR): ", line)]
        return "\n".join(line for n in marked[:4] for line in lines[max(0, n - 20) : n + 1])


@contextmanager
def running_suite(server: ServerName, folder: Path) -> Iterator[Suite]:
    """Start a server and be ready to run files; results go into ``folder``.

    Raises:
        SetUpError: what the runs need cannot be had.
    """
    require("runtest")
    require("gdb-multiarch")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        yield Suite(server, folder, stack)


def read_summary(path: Path) -> FileResult:
    """Return what DejaGnu's summary of one file says; its path is taken off the names."""
    lines = []
    commit = ""
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith(_COMMIT):
            commit = line.removeprefix(_COMMIT)
        elif found := _LINE.fullmatch(line):
            outcome, name = found.groups()
            lines.append((outcome, re.sub(r"^gdb\.\w+/[^ ]+\.exp: ", "", name)))
    return FileResult(path.stem, tuple(lines), commit)


@contextmanager
def _serving(server: ServerName, machine: str, log: Path) -> Iterator[int]:
    """Start a server; yield its port."""
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", _MODULES[server], machine],
            cwd=source.FOLDER.parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise source.SetUpError(f"the server did not start; {log} says why")
            yield int(line)
        finally:
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
