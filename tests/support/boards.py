"""Virtual boards plugged in as a user plugs them in: `onchip board` in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class RunningBoard:
    """A board that listens on TCP, and what it printed so far."""

    host: str
    port: int
    lines: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Return ``HOST:PORT``."""
        return f"{self.host}:{self.port}"


@contextmanager
def running_board(chip: str, *, probe_model: str = "bulk-512x4") -> Iterator[RunningBoard]:
    """Plug a board in on a free port; unplug it at the end."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "onchip.cli.main", "board", chip),
            *("--port", "0", "--probe-model", probe_model),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    with process.stdout as output:
        drain = threading.Thread(target=lambda: None)
        try:
            first = output.readline()
            where = re.search(r"tcp:([^\s:]+):(\d+)", first)
            assert where, f"`onchip board {chip}` said {first + output.read()!r}"
            board = RunningBoard(where[1], int(where[2]), [first])
            drain = threading.Thread(target=board.lines.extend, args=(output,))
            drain.start()
            yield board
            assert process.poll() is None, f"the board died: {''.join(board.lines)}"
        finally:
            process.terminate()
            process.wait(timeout=10)
            if drain.is_alive():
                drain.join(timeout=10)
