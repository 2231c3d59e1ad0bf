"""Stock GDB, driven as a person would: a line is typed, what appears is read."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.tools import require


class Gdb:
    """A gdb-multiarch in a process of its own, without any init file."""

    def __init__(self, *arguments: str | Path, timeout_s: float = 20.0) -> None:
        self.timeout_s = timeout_s
        self.transcript = ""
        self._marks = 0
        self._process = subprocess.Popen(
            [require("gdb-multiarch"), "-nx", "-q", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        for setting in ("pagination off", "confirm off", "width 0", "style enabled off"):
            self.do(f"set {setting}")

    def type(self, line: str) -> None:
        """Type a line without waiting for what it does."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait(self) -> str:
        """Return everything that appears until all typed lines are done."""
        self._marks += 1
        mark = f"<<mark {self._marks}>>"
        self.type(f"echo {mark}\\n")
        watchdog = threading.Timer(self.timeout_s, self._process.kill)
        watchdog.start()
        shown = ""
        try:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                self.transcript += line
                if mark in line:
                    return shown + line.partition(mark)[0].replace("(gdb) ", "")
                shown += line.replace("(gdb) ", "")
        finally:
            watchdog.cancel()
        raise AssertionError(f"GDB ended, or hung after:\n{self.transcript[-2000:]}")

    def do(self, line: str) -> str:
        """Type a line and return what it showed."""
        self.type(line)
        return self.wait()

    def expect(self, line: str, pattern: str) -> re.Match[str]:
        """Type a line; what it shows must match ``pattern`` somewhere."""
        shown = self.do(line)
        found = re.search(pattern, shown)
        assert found, f"(gdb) {line}\n{shown}\ndoes not show {pattern!r}"
        return found

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.kill(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End GDB without a word to the server."""
        self._process.kill()
        self._reap()

    def close(self) -> None:
        """Quit."""
        if self._process.poll() is None:
            self.type("quit")
        self._reap()

    def _reap(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
