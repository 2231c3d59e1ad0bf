"""Who is at the other end of a socket: an address, and on this machine the program itself."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from pathlib import Path

PROC = Path("/proc")
_LONGEST = 60


def peer_name(connection: socket.socket) -> str:
    """Name the peer of a connected TCP socket for people.

    ``onchip gdbserver --port 3333 (pid 4711)`` where Linux tells (this machine, and this user's
    processes unless we are root), else ``127.0.0.1:50123``.
    """
    try:
        ours, theirs = connection.getsockname()[:2], connection.getpeername()[:2]
    except OSError:
        return "a client that has left"
    address = f"{theirs[0]}:{theirs[1]}"
    if connection.family != socket.AF_INET or not sys.platform.startswith("linux"):
        return address
    return _local_program(theirs, ours) or address


def _local_program(theirs: tuple[str, int], ours: tuple[str, int]) -> str | None:
    """Return the program whose socket goes from ``theirs`` to ``ours``, both as it sees them."""
    inode = _inode(_kernel_form(theirs), _kernel_form(ours))
    if inode is None:
        return None
    wanted = f"socket:[{inode}]"
    for process in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # another user's, or ended meanwhile
            if any(_leads_to(entry) == wanted for entry in (process / "fd").iterdir()):
                return f"{_command(process)} (pid {process.name})"
    return None


def _leads_to(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:
        return ""  # closed meanwhile


def _inode(local: str, remote: str) -> str | None:
    with contextlib.suppress(OSError):
        for line in (PROC / "net" / "tcp").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[1:3] == [local, remote] and fields[9] != "0":
                return fields[9]
    return None


def _kernel_form(address: tuple[str, int]) -> str:
    """Write an address as /proc/net/tcp does: the four bytes as a number of this machine."""
    (number,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"


def _command(process: Path) -> str:
    """Return a command line without the path of its interpreter and script."""
    words = (process / "cmdline").read_bytes().rstrip(b"\0").decode("utf-8", "replace").split("\0")
    if Path(words[0]).name.startswith("python"):
        words = words[1:] or words
        if words[0] == "-m" and len(words) > 1:
            words = [words[1].removesuffix(".main").removesuffix(".cli"), *words[2:]]
    text = " ".join([Path(words[0]).name, *words[1:]])
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."
