"""Our GDB server on the virtual board of the suite: one process for many test programs.

python -m tests.gdb_suite.serve cortex-m4      prints the port, then serves until its input ends
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onchip.services.gdb import GdbOptions, GdbServer
from onchip.session import Session, open_session
from onchip.target.chip import chip_from_toml
from onchip.virtual_board.board import VirtualBoard

FOLDER = Path(__file__).parent


@contextmanager
def suite_session(cpu: str = "cortex-m4") -> Iterator[Session]:
    """Connect to a board with the chip of this folder, on this core."""
    host, virtual = ((FOLDER / name).read_text("utf-8") for name in ("host.toml", "virtual.toml"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "virtual.toml"
        path.write_text(virtual.replace("cortex-m4", cpu), "utf-8")
        board = VirtualBoard(str(path))
    chip = chip_from_toml(host.replace("Cortex-M4", cpu.title()), "host.toml")
    with open_session(board.link(owns_board=True), chip=chip) as session:
        yield session


def main() -> None:
    """Serve until the standard input is closed."""
    with suite_session(sys.argv[1]) as session:
        options = GdbOptions(semihosting=True, gdb_files=True)  # GDB's terminal is the console
        server = GdbServer(session, 0, options=options, on_log=_log)
        server.start()
        print(server.port, flush=True)
        sys.stdin.read()
        server.stop()


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
