"""What breakpoints in flash hide, on this machine's disk for as long as they stand there.

A process that is killed leaves its opcodes in the flash of a chip. So before one is programmed, a
file has what it hides, and after it was taken out the file has not: whoever connects to the chip
next finds what to put back. One file a chip, in the user's state directory; whole and on the disk
when `FlashJournal.write` returns.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from onchip.probe.discovery import process_lives

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Hidden:
    """What opcodes in flash hide.

    ``halfwords`` are the program's own, by address. ``around`` are the program's bytes around them,
    by where they begin, so that another program is not taken for this one. ``changing``: flash was
    about to be programmed. ``pid`` is the process that wrote it, 0 for one to be written.
    """

    halfwords: Mapping[int, bytes] = field(default_factory=dict)
    around: Mapping[int, bytes] = field(default_factory=dict)
    changing: bool = False
    pid: int = 0

    @property
    def abandoned(self) -> bool:
        """Whether the process that wrote it is another one, and gone."""
        return self.pid == os.getpid() or not process_lives(self.pid)


class FlashJournal:
    """The file of one chip, which is named by ``chip`` and what tells it from others of its kind.

    A file that cannot be read, or is none of ours, holds nothing; where none can be written (a home
    that is read-only) nothing is kept.
    """

    def __init__(self, chip: str, *marks: str) -> None:
        digest = hashlib.sha256("\0".join(marks).encode()).hexdigest()[:16]
        self.path = journals_directory() / f"{chip}-{digest}.json"

    def read(self) -> Hidden | None:
        """Return what the file holds; None if there is nothing."""
        try:
            facts = json.loads(self.path.read_text(encoding="utf-8"))
            if facts["version"] != _VERSION:
                return None
            return Hidden(
                _bytes_of(facts["halfwords"]),
                _bytes_of(facts["around"]),
                bool(facts["changing"]),
                int(facts["pid"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, hidden: Hidden) -> None:
        """Keep ``hidden`` in the place of what was kept; nothing hidden takes the file away."""
        with contextlib.suppress(OSError):
            if not hidden.halfwords:
                self.path.unlink(missing_ok=True)
                return
            facts = {
                "version": _VERSION,
                "pid": os.getpid(),
                "changing": hidden.changing,
                "halfwords": _text_of(hidden.halfwords),
                "around": _text_of(hidden.around),
            }
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = self.path.with_suffix(f".{os.getpid()}")
            with new.open("w", encoding="utf-8") as stream:
                json.dump(facts, stream, indent=1)
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self.path)
            _sync(self.path.parent)


def journals_directory() -> Path:
    """Return where the journals are. It need not exist."""
    return Path(platformdirs.user_state_dir("onchip", appauthor=False)) / "flash"


def journals_of(chip: str) -> bool:
    """Return whether there is a journal of any chip of that name."""
    return next(journals_directory().glob(f"{chip}-*.json"), None) is not None


def _sync(directory: Path) -> None:
    """See to it that a new name in ``directory`` is on the disk too."""
    if sys.platform == "win32":
        return  # a directory cannot be opened there
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _text_of(table: Mapping[int, bytes]) -> dict[str, str]:
    return {f"{address:#010x}": data.hex() for address, data in sorted(table.items())}


def _bytes_of(table: Mapping[str, str]) -> dict[int, bytes]:
    return {int(address, 16): bytes.fromhex(data) for address, data in table.items()}
