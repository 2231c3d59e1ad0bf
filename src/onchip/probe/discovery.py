"""What is plugged in: virtual boards of this user, found by the notes that they leave.

`onchip board` writes one JSON file into the user's state directory while it runs, and removes it at
the end. A note whose process is dead or whose port refuses is stale: it is dropped on sight. The
default port is tried as well, so that a board without a note (another user's, a container's) shows.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

DEFAULT_PORT = 4441
"""Where OpenOCD's ``cmsis-dap`` over TCP looks, and so where `onchip board` listens."""

_CONNECT_TIMEOUT_S = 0.3


@dataclass(frozen=True, slots=True)
class PluggedBoard:
    """One board that is plugged in.

    ``pid`` is 0, and chip and probe model are empty, for a board known only by its open port.
    """

    serial: str
    host: str
    port: int
    chip: str = ""
    probe_model: str = ""
    pid: int = 0

    @property
    def spec(self) -> str:
        """How ``--probe`` names it: ``tcp:HOST:PORT``."""
        return f"tcp:{self.host}:{self.port}"

    @property
    def protocol(self) -> str:
        """The way to it, as `UsbProbe.protocol` says it for others."""
        return "TCP"

    @property
    def problem(self) -> str:
        """What is known to stand in the way: nothing."""
        return ""


def notes_directory() -> Path:
    """Return where this user's boards leave their notes. It need not exist."""
    return Path(platformdirs.user_state_dir("onchip", appauthor=False)) / "boards"


@contextlib.contextmanager
def announce(board: PluggedBoard) -> Iterator[Path]:
    """Let `plugged_boards` find ``board`` while the context lasts; give the note's path.

    Where no note can be written (a home that is read-only) the board goes without: on the default
    port it is found all the same.
    """
    note = notes_directory() / f"{board.port}-{os.getpid()}.json"
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        note.write_text(json.dumps(asdict(board), indent=2) + "\n", encoding="utf-8")
    try:
        yield note
    finally:
        with contextlib.suppress(OSError):
            note.unlink()


def plugged_boards() -> list[PluggedBoard]:
    """Return the boards that are plugged in, lowest port first, and drop stale notes."""
    found: dict[int, PluggedBoard] = {}
    for note in _notes(notes_directory()):
        board = _read_note(note)
        if board is None or not process_lives(board.pid) or not _accepts(board.host, board.port):
            with contextlib.suppress(OSError):
                note.unlink()
            continue
        found[board.port] = board
    if DEFAULT_PORT not in found and _accepts("127.0.0.1", DEFAULT_PORT):
        found[DEFAULT_PORT] = PluggedBoard(f"port-{DEFAULT_PORT}", "127.0.0.1", DEFAULT_PORT)
    return [found[port] for port in sorted(found)]


def _notes(directory: Path) -> list[Path]:
    """Return the notes; of a directory that is not there, or not ours to read, none."""
    try:
        return sorted(path for path in directory.iterdir() if path.suffix == ".json")
    except OSError:
        return []


def _read_note(note: Path) -> PluggedBoard | None:
    try:
        facts = json.loads(note.read_text(encoding="utf-8"))
        return PluggedBoard(
            serial=str(facts["serial"]),
            host=str(facts["host"]),
            port=int(facts["port"]),
            chip=str(facts["chip"]),
            probe_model=str(facts["probe_model"]),
            pid=int(facts["pid"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def process_lives(pid: int) -> bool:
    """Return whether a process has that number; True where that cannot be known."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return True  # there, signal 0 is Ctrl-C: the port decides
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True  # another user's, or not ours to ask: the port decides
    return True


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S):
            return True
    except (OSError, OverflowError):
        return False
