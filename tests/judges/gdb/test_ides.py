"""What IDEs type into GDB, and how they start the server: each dialogue from beginning to end."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest

from tests.support.gdb import Gdb
from tests.support.tools import require

SAMPLES = Path(str(files("onchip.cli") / "samples"))
pytestmark = pytest.mark.tools

READY = re.compile(r"GDB server (?:listening|started) (?:at|on) port (\d+)")


@contextmanager
def _server(chip: str, *words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "onchip.cli.main", "gdbserver", *words]
    with subprocess.Popen(
        [*command, "--probe", f"virtual:{chip}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            ready = READY.match(process.stdout.readline())
            assert ready
            yield process, int(ready[1])
        finally:
            process.kill()


class _Mi:
    """GDB as Cortex-Debug drives it: one MI command after the other, by number."""

    def __init__(self, symbols: Path) -> None:
        self._process = subprocess.Popen(
            [require("gdb-multiarch"), "-q", "-nx", "--interpreter=mi2", symbols],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._number = 0

    def do(self, command: str, result: str = "done") -> str:
        """Send a command; return what comes up to its result, which must be ``result``."""
        assert self._process.stdin is not None
        self._number += 1
        self._process.stdin.write(f"{self._number}-{command}\n")
        self._process.stdin.flush()
        shown = self.until(rf"{self._number}\^")
        assert f"{self._number}^{result}" in shown, shown
        return shown

    def until(self, pattern: str) -> str:
        """Return what comes, up to the line that begins with ``pattern``."""
        assert self._process.stdout is not None
        shown = ""
        for line in self._process.stdout:
            shown += line
            if re.match(pattern, line):
                return shown
        raise AssertionError(f"GDB ended before {pattern}:\n{shown}")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def test_cortex_debug() -> None:
    words = ("--port", "0", "--telnet-port", "0", "--target", "stm32f407")
    with _server("stm32f407", *words) as (process, port):
        gdb = _Mi(SAMPLES / "stm32f407.elf")
        try:
            gdb.do("gdb-set mi-async on")
            gdb.do(f"target-select extended-remote localhost:{port}", "connected")
            gdb.do('interpreter-exec console "set mem inaccessible-by-default off"')
            gdb.do('interpreter-exec console "monitor reset halt"')
            gdb.do("target-download")
            gdb.do('interpreter-exec console "monitor reset halt"')
            gdb.do("break-insert -t --function main")
            gdb.do("exec-continue", "running")
            assert 'func="main"' in gdb.until(r"\*stopped")
            gdb.do("exec-next", "running")
            gdb.until(r"\*stopped")
            gdb.do("exec-continue", "running")
            gdb.do("exec-interrupt")
            gdb.until(r"\*stopped")
            gdb.do('interpreter-exec console "monitor reset"')  # its reset button
            gdb.do('interpreter-exec console "monitor halt"')
            gdb.do("target-detach")
            detached = time.monotonic()
            assert process.wait(timeout=20) == 0
            assert time.monotonic() - detached < 0.6
        finally:
            gdb.close()


@pytest.mark.parametrize("command", ["debug", "attach"])
def test_west(command: str) -> None:
    words = ("-p", "0", "-T", "0", "-t", "nrf52840")
    with _server("nrf52840", *words) as (process, port):
        with Gdb(SAMPLES / "nrf52840.elf") as gdb:
            gdb.expect(f"target remote :{port}", "Remote debugging")
            if command == "debug":
                gdb.do("monitor halt")
                gdb.do("monitor reset")
                gdb.expect("load", "Transfer rate")
                gdb.expect("tbreak main", "Temporary")
                gdb.expect("continue", "main ")
            gdb.expect("info registers pc", "pc ")
        assert process.wait(timeout=20) == 0


def test_platformio() -> None:
    """The commands that its project template gives GDB, in its order."""
    with _server("nrf51822", "-t", "nrf51", "--port", "0") as (process, port):
        with Gdb(SAMPLES / "nrf51822.elf") as gdb:
            gdb.expect(f"target extended-remote :{port}", "Remote debugging")
            assert gdb.do("monitor init") == ""
            gdb.expect("load", "Transfer rate")
            gdb.do("monitor reset halt")
            gdb.expect("tbreak main", "Temporary")
            gdb.expect("continue", "main ")
        process.terminate()  # as PlatformIO ends its debug server
        assert process.wait(timeout=20) == 0
