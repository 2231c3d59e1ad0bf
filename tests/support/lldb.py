"""LLDB in batch mode: lines in, what they show out."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.tools import require


class Lldb:
    """What one run of LLDB showed, a piece for each line it was given."""

    def __init__(self, *lines: str, timeout_s: float = 60.0) -> None:
        options = [option for line in lines for option in ("-o", line)]
        done = subprocess.run(
            [require("lldb"), "--no-lldbinit", "--batch", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
        self.transcript = done.stdout

    def expect(self, *patterns: str) -> None:
        """The patterns must be found, one after the other."""
        position = 0
        for pattern in patterns:
            found = re.compile(pattern).search(self.transcript, position)
            assert found, f"{pattern!r} is missing after character {position} of\n{self.transcript}"
            position = found.end()


def attach(elf: Path, port: int, lines: Sequence[str]) -> Lldb:
    """Debug ``elf`` behind a GDB server: connect, then do ``lines``, then detach."""
    return Lldb(f"target create {elf}", f"gdb-remote localhost:{port}", *lines, "detach")
