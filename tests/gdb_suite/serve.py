"""Our GDB server on the virtual board of the suite: one process for many test programs.

python -m tests.gdb_suite.serve        prints the port, then serves until its input ends
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onchip.services.gdb import GdbOptions, GdbServer
from onchip.session import Session, open_session
from onchip.target.chip import chip_from_toml
from onchip.virtual_board.board import VirtualBoard

FOLDER = Path(__file__).parent


@contextmanager
def suite_session() -> Iterator[Session]:
    """Connect to a board with the chip of this folder."""
    host = FOLDER / "host.toml"
    board = VirtualBoard(str(FOLDER / "virtual.toml"))
    chip = chip_from_toml(host.read_text("utf-8"), host.name)
    with open_session(board.link(owns_board=True), chip=chip) as session:
        yield session


def main() -> None:
    """Serve until the standard input is closed."""
    with suite_session() as session:
        options = GdbOptions(semihosting=True)
        server = GdbServer(session, 0, options=options, on_log=_log)
        server.start()
        print(server.port, flush=True)
        sys.stdin.read()
        server.stop()


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
