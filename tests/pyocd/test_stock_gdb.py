"""Stock GDB at `pyocd-gdbserver`, started as an IDE starts it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import onchip
from tests.support.tools import require

pytestmark = pytest.mark.tools

SAMPLE = Path(onchip.__file__).parent / "cli/samples/stm32f407.elf"


@pytest.mark.usefixtures("marked_board")
def test_load_break_and_detach() -> None:
    gdb = require("gdb-multiarch")
    command = [sys.executable, "-m", "pyOCD.tools.gdb_server", "-p", "0", "-t", "stm32f407", "-hp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = re.fullmatch(r"GDB server started on port (\d+)\n", server.stdout.readline())
        assert ready
        steps = (
            f"target remote localhost:{ready[1]}",
            "load",
            "break fibonacci",
            "continue",
            "backtrace 2",
            "detach",
        )
        options = [part for step in ("set confirm off", *steps) for part in ("-ex", step)]
        session = subprocess.run(
            [gdb, "-nx", "-batch", *options, SAMPLE],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert re.search(r"#0  fibonacci .*\n#1  0x[0-9a-f]+ in main", session.stdout), session
        assert server.wait(timeout=10) == 0
