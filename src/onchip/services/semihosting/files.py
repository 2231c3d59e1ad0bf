"""Files for the target: those below one directory, and nothing else of this machine.

A path is walked one name at a time from a descriptor of the directory, and no symbolic link is
followed anywhere, so that neither ``..`` nor a link, nor one put there meanwhile, leads out. Only
regular files can be opened, removed and renamed; nothing makes a link or a directory.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onchip.errors import UsageError

LARGEST_FILE = 1 << 30
"""A file never grows beyond this: a program gone wild does not fill the disk."""

_LONGEST_NAME = 1024


class HostFile:
    """An open file. Errors of the system come out as OSError."""

    is_console = False

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, length: int) -> bytes:
        """Return up to ``length`` bytes; fewer only at the end."""
        data = b""
        while len(data) < length:
            piece = os.read(self._descriptor, length - len(data))
            if not piece:
                break
            data += piece
        return data

    def write(self, data: bytes) -> None:
        """Write all of ``data``."""
        if os.lseek(self._descriptor, 0, os.SEEK_CUR) + len(data) > LARGEST_FILE:
            raise OSError(errno.EFBIG, "the file would grow too large")
        while data:
            data = data[os.write(self._descriptor, data) :]

    def seek(self, position: int) -> None:
        """Go to a byte, counted from the start."""
        if position > LARGEST_FILE:
            raise OSError(errno.EINVAL, "no file is that large")
        os.lseek(self._descriptor, position, os.SEEK_SET)

    def length(self) -> int:
        """Return how many bytes it has."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


class Directory:
    """The directory that the target may use.

    Raises:
        UsageError: it is no directory, or this system cannot keep a program inside one.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if os.open not in os.supports_dir_fd or not hasattr(os, "O_NOFOLLOW"):
            raise UsageError("this system cannot keep a program inside one directory")
        try:
            self._root = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise UsageError(f"{self.path} cannot be the target's directory: {why}") from error

    def close(self) -> None:
        """Let go of it; files that are open stay open."""
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def open(self, name: bytes, mode: int) -> HostFile:
        """Open a file with a mode of SYS_OPEN: 0 to 11, as fopen's r, rb, r+, ... a+b.

        Raises:
            OSError: it is not there, or not for the target.
        """
        flags = _flags(mode) | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with self._parent(name) as (folder, last):
            with contextlib.suppress(FileNotFoundError):  # then it is made, or the open says so
                _check_regular(os.stat(last, dir_fd=folder, follow_symlinks=False))
            descriptor = os.open(last, flags, 0o666, dir_fd=folder)
        try:
            _check_regular(os.fstat(descriptor))
        except OSError:
            os.close(descriptor)
            raise
        return HostFile(descriptor)

    def remove(self, name: bytes) -> None:
        """Remove a file.

        Raises:
            OSError: it is not there, or not for the target.
        """
        with self._parent(name) as (folder, last):
            _check_regular(os.stat(last, dir_fd=folder, follow_symlinks=False))
            os.unlink(last, dir_fd=folder)

    def rename(self, old: bytes, new: bytes) -> None:
        """Rename a file; one that has the new name already is replaced.

        Raises:
            OSError: it is not there, or one of them is not for the target.
        """
        with self._parent(old) as (from_, last), self._parent(new) as (to, new_last):
            _check_regular(os.stat(last, dir_fd=from_, follow_symlinks=False))
            with contextlib.suppress(FileNotFoundError):
                _check_regular(os.stat(new_last, dir_fd=to, follow_symlinks=False))
            os.rename(last, new_last, src_dir_fd=from_, dst_dir_fd=to)

    @contextmanager
    def _parent(self, name: bytes) -> Iterator[tuple[int, str]]:
        """Give a descriptor of the folder that ``name`` is in, and its last part."""
        *folders, last = _parts(name)
        if self._root < 0:
            raise OSError(errno.EBADF, "the directory was closed")
        here = os.dup(self._root)
        try:
            for folder in folders:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                below = os.open(folder, flags, dir_fd=here)
                os.close(here)
                here = below
            yield here, last
        finally:
            os.close(here)


def _parts(name: bytes) -> list[str]:
    """Take a path apart; it must mean the same on every system, and lead downwards."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        raise OSError(errno.EINVAL, "a name that is no UTF-8") from None
    if len(name) > _LONGEST_NAME:
        raise OSError(errno.EINVAL, "a name that long")
    if "\\" in text or ":" in text or any(ord(character) < 0x20 for character in text):
        raise OSError(errno.EINVAL, "a name that means different things on different systems")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts:
        raise OSError(errno.EACCES, "a path that leads out of the directory")
    if not parts:
        raise OSError(errno.ENOENT, "no name")
    if text.endswith("/"):
        raise OSError(errno.EISDIR, "a folder")
    return parts


def _flags(mode: int) -> int:
    if not 0 <= mode < 12:
        raise OSError(errno.EINVAL, "no such mode")
    updates = bool(mode & 2)
    if mode < 4:
        return os.O_RDWR if updates else os.O_RDONLY
    flags = (os.O_RDWR if updates else os.O_WRONLY) | os.O_CREAT
    return flags | (os.O_TRUNC if mode < 8 else os.O_APPEND)


def _check_regular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, "a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EACCES, "neither a file nor a folder")
