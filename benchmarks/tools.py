"""Start-up time of each tool, and the memory of onchip's GDB server, on this machine."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .gdb_client import GdbClient
from .run import peak_memory

BOARD = "stm32f407"
RAM = 0x2000_0000


def start_up_times(pyocd: str, *, times: int = 10) -> dict[str, float]:
    """Return how many seconds each tool takes to do nothing, and to list the probes.

    The commands take turns, and the least of each counts: side by side, in one run.
    """
    onchip = str(Path(sys.executable).parent / "onchip")
    other = str(Path(pyocd).parent / "pyocd")
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "onchip --version": [onchip, "--version"],
        "onchip list": [onchip, "list"],
        "pyocd --version": [other, "--version"],
        "pyocd list": [other, "list"],
        "openocd --version": ["openocd", "--version"],
    }
    least = dict.fromkeys(commands, float("inf"))
    for _ in range(times):
        for name, command in commands.items():
            least[name] = min(least[name], _seconds(command))
    return least


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - began


def gdb_server_memory() -> int:
    """Return the most bytes that `onchip gdbserver` had, while a client flashed and stepped.

    The board is in a process of its own, as a probe is.
    """
    onchip = str(Path(sys.executable).parent / "onchip")
    board, board_line = _started([onchip, "board", BOARD, "--port", "0"], r"tcp:\S+:\d+")
    try:
        command = [onchip, "gdbserver", "--port", "0", "--probe", board_line]
        server, port = _started(command, r"on port (\d+)")
        try:
            client = GdbClient(int(port))
            client.prepare(RAM)
            base, data = 0x0800_0000, bytes(range(128, 256)) * 8
            client.ask(f"vFlashErase:{base:x},4000")
            for at in range(0, 0x4000, len(data)):
                client.ask_binary(f"vFlashWrite:{base + at:x}:", data)
            assert client.ask("vFlashDone") == "OK"
            client.step_and_refresh(RAM)
            client.close()
            return peak_memory(server.pid)
        finally:
            _end(server)
    finally:
        _end(board)


def _started(command: Sequence[str], pattern: str) -> tuple[subprocess.Popen[str], str]:
    """Start a program; return it, and what ``pattern`` finds in what it says."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        found = re.search(pattern, line)
        if found:
            return process, found[found.lastindex or 0]
    raise OSError(f"{' '.join(command)}: {said}")


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(30)
    assert process.stdout is not None
    process.stdout.close()
