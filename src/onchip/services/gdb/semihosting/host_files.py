"""Semihosting on GDB's machine: calls about files and the console become ``F`` packets.

Each call is a generator: it yields what GDB is to do, is sent the answers, and returns what belongs
into r0. GDB reads and writes the program's buffers by itself. No command is run there: SYS_SYSTEM
stays unserved. GDB opens whatever it is asked to, so names that lead out of its working directory
are refused here; links in it are its user's own.

Handles are GDB's file descriptors plus one, since a handle is never 0: 1, 2 and 3 are the console.

Source: Debugging with GDB, appendix E.13 (File-I/O); Arm Semihosting 2.0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from typing import Final

from onchip.cortex_m import Core
from onchip.errors import TransferFault, UsageError
from onchip.services.semihosting import Operation
from onchip.services.semihosting.operations import CONSOLE_NAME, ERROR, FEATURES, FEATURES_NAME
from onchip.wire.gdb_rsp.file_io import (
    O_APPEND,
    O_CREAT,
    O_RDONLY,
    O_RDWR,
    O_TRUNC,
    O_WRONLY,
    SEEK_CUR,
    SEEK_END,
    SEEK_SET,
    FileAnswer,
    FileCall,
    FileErrno,
    Text,
)

Call = Generator[FileCall, FileAnswer, int]

_FLAGS: Final = {
    0: O_RDONLY,
    2: O_RDWR,
    4: O_WRONLY | O_CREAT | O_TRUNC,
    6: O_RDWR | O_CREAT | O_TRUNC,
    8: O_WRONLY | O_CREAT | O_APPEND,
    10: O_RDWR | O_CREAT | O_APPEND,
}
"""By the mode of SYS_OPEN, which is that of fopen: r, r+, w, w+, a, a+, each without and with b."""

_MODE: Final = 0o644
_STDIN, _STDOUT = 0, 1
_CONSOLES: Final = 3
_FEATURES_HANDLE: Final = 0x7F00
_LONGEST_TEXT: Final = 1 << 16
_LONGEST_NAME: Final = 1024


class HostFiles:
    """The calls of one program; ``errno`` is that of the last one that failed."""

    def __init__(self) -> None:
        self.errno = 0
        self._features_at: int | None = None
        self._serve: dict[int, Callable[[Core, int], Call]] = {
            Operation.OPEN: self._open,
            Operation.CLOSE: self._close,
            Operation.WRITEC: self._writec,
            Operation.WRITE0: self._write0,
            Operation.WRITE: self._write,
            Operation.READ: self._read,
            Operation.READC: self._readc,
            Operation.ISTTY: self._istty,
            Operation.SEEK: self._seek,
            Operation.FLEN: self._flen,
            Operation.REMOVE: self._remove,
            Operation.RENAME: self._rename,
            Operation.ERRNO: self._last_errno,
        }

    def call(self, core: Core) -> Call | None:
        """Return what serves the call that a halted core waits in; None: it is not for GDB.

        Raises:
            TransferError: the core cannot be reached.
        """
        values = core.read_registers(("r0", "r1"))
        serve = self._serve.get(values["r0"])
        return None if serve is None else self._guarded(serve(core, values["r1"]))

    def _guarded(self, call: Call) -> Call:
        """Do the call; one whose parameters are not in memory fails."""
        try:
            return (yield from call)
        except (TransferFault, UsageError):
            self.errno = FileErrno.EFAULT
            return ERROR

    def _ask(self, name: str, *parameters: int | Text) -> Call:
        """Have GDB do something; return its result, -1 after an error."""
        answer = yield FileCall(name, parameters)
        if answer.result < 0:
            self.errno = answer.errno or FileErrno.EIO
            return -1
        return answer.result

    def _fail(self, errno: FileErrno) -> int:
        self.errno = errno
        return ERROR

    def _open(self, core: Core, parameter: int) -> Call:
        address, mode, length = _block(core, parameter, 3)
        if mode > 11 or not 0 < length < _LONGEST_NAME:
            return self._fail(FileErrno.EINVAL)
        name = core.memory.read(address, length)
        if name == CONSOLE_NAME.encode():
            return mode // 4 + 1
        if name == FEATURES_NAME.encode():
            if mode > 1:
                return self._fail(FileErrno.EACCES)
            self._features_at = 0
            return _FEATURES_HANDLE
        file = _file_name(core, address, length)
        if file is None:
            return self._fail(FileErrno.EACCES)
        result = yield from self._ask("open", file, _FLAGS[mode & ~1], _MODE)
        return ERROR if result < 0 else result + 1

    def _close(self, core: Core, parameter: int) -> Call:
        (handle,) = _block(core, parameter, 1)
        if handle == _FEATURES_HANDLE and self._features_at is not None:
            self._features_at = None
            return 0
        if 1 <= handle <= _CONSOLES:
            return 0
        return (yield from self._ask("close", handle - 1)) & ERROR

    def _writec(self, core: Core, parameter: int) -> Call:
        yield from self._ask("write", _STDOUT, parameter, 1)
        return 0

    def _write0(self, core: Core, parameter: int) -> Call:
        length = _length_of_string(core, parameter)
        if length:
            yield from self._ask("write", _STDOUT, parameter, length)
        return 0

    def _write(self, core: Core, parameter: int) -> Call:
        handle, address, length = _block(core, parameter, 3)
        if handle == _FEATURES_HANDLE:
            self.errno = FileErrno.EBADF
            return length
        if not length:
            return 0
        done = yield from self._ask("write", handle - 1, address, length)
        return length - max(done, 0)

    def _read(self, core: Core, parameter: int) -> Call:
        handle, address, length = _block(core, parameter, 3)
        if handle == _FEATURES_HANDLE and self._features_at is not None:
            data = FEATURES[self._features_at : self._features_at + length]
            self._features_at += len(data)
            if data:
                core.memory.write(address, data)
            return length - len(data)
        if not length:
            return 0
        done = yield from self._ask("read", handle - 1, address, length)
        return length - max(done, 0)

    def _readc(self, core: Core, parameter: int) -> Call:
        """GDB needs a place for the byte: what is below the stack is free while the core stands."""
        place = (core.read_register("sp") - 4) & ~3
        kept = core.memory.read(place, 4)
        try:
            done = yield from self._ask("read", _STDIN, place, 1)
            return core.memory.read(place, 1)[0] if done == 1 else ERROR
        finally:
            with contextlib.suppress(TransferFault):
                core.memory.write(place, kept)

    def _istty(self, core: Core, parameter: int) -> Call:
        (handle,) = _block(core, parameter, 1)
        if handle == _FEATURES_HANDLE:
            return 0
        return (yield from self._ask("isatty", handle - 1)) & ERROR

    def _seek(self, core: Core, parameter: int) -> Call:
        handle, position = _block(core, parameter, 2)
        if handle == _FEATURES_HANDLE and self._features_at is not None:
            if position > len(FEATURES):
                return self._fail(FileErrno.EINVAL)
            self._features_at = position
            return 0
        result = yield from self._ask("lseek", handle - 1, position, SEEK_SET)
        return ERROR if result < 0 else 0

    def _flen(self, core: Core, parameter: int) -> Call:
        """The end is where seeking to it leads; then back."""
        (handle,) = _block(core, parameter, 1)
        if handle == _FEATURES_HANDLE:
            return len(FEATURES)
        here = yield from self._ask("lseek", handle - 1, 0, SEEK_CUR)
        if here < 0:
            return ERROR
        end = yield from self._ask("lseek", handle - 1, 0, SEEK_END)
        yield from self._ask("lseek", handle - 1, here, SEEK_SET)
        return end & ERROR

    def _remove(self, core: Core, parameter: int) -> Call:
        file = _file_name(core, *_block(core, parameter, 2))
        if file is None:
            return self._fail(FileErrno.EACCES)
        return (yield from self._ask("unlink", file)) & ERROR

    def _rename(self, core: Core, parameter: int) -> Call:
        old, old_length, new, new_length = _block(core, parameter, 4)
        before, after = _file_name(core, old, old_length), _file_name(core, new, new_length)
        if before is None or after is None:
            return self._fail(FileErrno.EACCES)
        return (yield from self._ask("rename", before, after)) & ERROR

    def _last_errno(self, core: Core, parameter: int) -> Call:
        return self.errno
        yield  # a generator, as the others are


def _block(core: Core, address: int, count: int) -> tuple[int, ...]:
    data = core.memory.read(address & ERROR, 4 * count)
    return tuple(int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4))


def _file_name(core: Core, address: int, length: int) -> Text | None:
    """Return a name as GDB is told it, with its zero; None: it is none below GDB's directory."""
    if not 0 < length < _LONGEST_NAME:
        return None
    text = core.memory.read(address, length + 1)
    name, end = text[:-1], text[-1]
    strange = end or any(character in name for character in b"\0\\:")
    if strange or name.startswith(b"/") or b".." in name.split(b"/"):
        return None
    return Text(address, length + 1)


def _length_of_string(core: Core, address: int) -> int:
    length = 0
    while length < _LONGEST_TEXT:
        at = address + length
        piece = core.memory.read(at, 64 - at % 64)
        head, zero, _ = piece.partition(b"\0")
        length += len(head)
        if zero:
            break
    return length
