"""Serves the semihosting calls of one core.

The core is halted at its BKPT 0xAB: `Semihosting.call` reads r0 (the call) and r1 (its parameter),
does it, and leaves the result in r0. What it never does: run a command of this machine, or touch a
file that is not below the directory it was given.

Source: Arm Semihosting for AArch32 and AArch64, 2.0.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from onchip.cortex_m import Core
from onchip.errors import TransferFault
from onchip.services.semihosting.files import Directory
from onchip.services.semihosting.heap import HeapFinder, nothing_known
from onchip.services.semihosting.operations import (
    CONSOLE_NAME,
    ERROR,
    FEATURES,
    FEATURES_NAME,
    Operation,
    errno_for_target,
    exit_code_of,
)

LONGEST_TEXT = 64 * 1024
"""A SYS_WRITE0 whose zero is missing ends here."""

LONGEST_TRANSFER = 1 << 20
"""What one SYS_READ or SYS_WRITE moves at most; it says itself how much it did not."""

MOST_FILES = 64
TICKS_PER_SECOND = 1_000_000

_LONGEST_NAME = 1024

StreamName = Literal["stdout", "stderr"]
Output = Callable[[StreamName, bytes], None]
Input = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class SemihostingOptions:
    """What a program may have.

    ``directory``: where its files are; None: it has none. ``command_line``: what SYS_GET_CMDLINE
    returns. ``heap``: tells where heap and stack are, for SYS_HEAPINFO.
    """

    directory: Directory | None = None
    command_line: str = ""
    heap: HeapFinder = nothing_known


class _File(Protocol):
    is_console: bool

    def read(self, length: int) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def seek(self, position: int) -> None: ...
    def length(self) -> int: ...
    def close(self) -> None: ...


class Semihosting:
    """The service for one core; ``exit_code`` is set once the program ended itself.

    ``output`` gets what the program prints; ``read_input`` returns up to so many bytes of its
    standard input, none at the end of it.
    """

    def __init__(
        self,
        output: Output,
        options: SemihostingOptions | None = None,
        *,
        read_input: Input = lambda length: b"",
    ) -> None:
        self.options = options or SemihostingOptions()
        self.exit_code: int | None = None
        self._output = output
        self._read_input = read_input
        self._errno = 0
        self._started: float | None = None
        self._files: dict[int, _File] = {
            1: _Console("stdin", output, read_input),
            2: _Console("stdout", output, read_input),
            3: _Console("stderr", output, read_input),
        }
        self._serve: dict[int, Callable[[Core, int], int]] = {
            Operation.OPEN: self._open,
            Operation.CLOSE: self._close,
            Operation.WRITEC: self._writec,
            Operation.WRITE0: self._write0,
            Operation.WRITE: self._write,
            Operation.READ: self._read,
            Operation.READC: self._readc,
            Operation.ISERROR: self._iserror,
            Operation.ISTTY: self._istty,
            Operation.SEEK: self._seek,
            Operation.FLEN: self._flen,
            Operation.TMPNAM: self._tmpnam,
            Operation.REMOVE: self._remove,
            Operation.RENAME: self._rename,
            Operation.CLOCK: lambda core, parameter: int(self._seconds(core) * 100),
            Operation.TIME: lambda core, parameter: int(time.time()),
            Operation.ERRNO: lambda core, parameter: self._errno,
            Operation.GET_CMDLINE: self._get_cmdline,
            Operation.HEAPINFO: self._heapinfo,
            Operation.EXIT: self._exit,
            Operation.EXIT_EXTENDED: self._exit_extended,
            Operation.ELAPSED: self._elapsed,
            Operation.TICKFREQ: lambda core, parameter: TICKS_PER_SECOND,
        }

    def start(self, core: Core) -> None:
        """Begin to count the program's time; otherwise its first look at it begins."""
        self._started = core.now()

    def call(self, core: Core) -> int:
        """Serve the call that a halted core waits in; return what belongs into r0.

        No register is changed: the caller writes r0 and moves pc past the BKPT. A parameter that
        points nowhere is the program's mistake: the call fails with EFAULT.

        Raises:
            TransferError: the core cannot be reached.
        """
        values = core.read_registers(("r0", "r1"))
        number, parameter = values["r0"], values["r1"]
        serve = self._serve.get(number)
        try:
            if serve is None:  # SYS_SYSTEM too: nothing of this machine is run
                raise OSError(errno.ENOSYS, "not served")
            return serve(core, parameter) & ERROR
        except (OSError, TransferFault) as error:
            self._note(error)
            return ERROR

    def _note(self, error: OSError | TransferFault) -> None:
        at_fault = errno.EFAULT if isinstance(error, TransferFault) else error.errno
        self._errno = errno_for_target(at_fault)

    def close(self) -> None:
        """Close what the program left open."""
        for handle in [handle for handle, file in self._files.items() if not file.is_console]:
            self._files.pop(handle).close()

    # ---- files and the console

    def _file(self, handle: int) -> _File:
        file = self._files.get(handle)
        if file is None:
            raise OSError(errno.EBADF, "no such handle")
        return file

    def _directory(self) -> Directory:
        if self.options.directory is None:
            raise OSError(errno.EACCES, "the program was given no directory")
        return self.options.directory

    def _open(self, core: Core, parameter: int) -> int:
        address, mode, length = _block(core, parameter, 3)
        name = _name(core, address, length)
        if mode > 11:
            raise OSError(errno.EINVAL, "no such mode")
        if name == CONSOLE_NAME.encode():
            return mode // 4 + 1
        if len(self._files) >= MOST_FILES:
            raise OSError(errno.EMFILE, "too many open files")
        if name == FEATURES_NAME.encode():
            if mode > 1:
                raise OSError(errno.EACCES, "for reading only")
            return self._keep(_Bytes(FEATURES))
        return self._keep(self._directory().open(name, mode))

    def _keep(self, file: _File) -> int:
        handle = next(number for number in range(4, 5 + MOST_FILES) if number not in self._files)
        self._files[handle] = file
        return handle

    def _close(self, core: Core, parameter: int) -> int:
        (handle,) = _block(core, parameter, 1)
        file = self._file(handle)
        if not file.is_console:
            del self._files[handle]
            file.close()
        return 0

    def _writec(self, core: Core, parameter: int) -> int:
        self._output("stdout", core.memory.read(parameter, 1))
        return 0

    def _write0(self, core: Core, parameter: int) -> int:
        self._output("stdout", _read_string(core, parameter))
        return 0

    def _write(self, core: Core, parameter: int) -> int:
        handle, address, length = _block(core, parameter, 3)
        count = min(length, LONGEST_TRANSFER)
        try:
            file = self._file(handle)
            _check_range(address, count)
            if count:
                file.write(core.memory.read(address, count))
        except (OSError, TransferFault) as error:
            self._note(error)
            return length
        return length - count

    def _read(self, core: Core, parameter: int) -> int:
        handle, address, length = _block(core, parameter, 3)
        count = min(length, LONGEST_TRANSFER)
        try:
            file = self._file(handle)
            _check_range(address, count)
            data = file.read(count) if count else b""
            if data:
                core.memory.write(address, data)
        except (OSError, TransferFault) as error:
            self._note(error)
            return length
        return length - len(data)

    def _readc(self, core: Core, parameter: int) -> int:
        data = self._read_input(1)
        return data[0] if data else ERROR

    def _iserror(self, core: Core, parameter: int) -> int:
        (status,) = _block(core, parameter, 1)
        return status >> 31

    def _istty(self, core: Core, parameter: int) -> int:
        (handle,) = _block(core, parameter, 1)
        return int(self._file(handle).is_console)

    def _seek(self, core: Core, parameter: int) -> int:
        handle, position = _block(core, parameter, 2)
        self._file(handle).seek(position)
        return 0

    def _flen(self, core: Core, parameter: int) -> int:
        (handle,) = _block(core, parameter, 1)
        return self._file(handle).length()

    def _tmpnam(self, core: Core, parameter: int) -> int:
        address, identifier, length = _block(core, parameter, 3)
        name = f"tmp-{identifier:02x}".encode() + b"\0"
        if identifier > 0xFF or len(name) > length:
            raise OSError(errno.EINVAL, "no such name, or no room for it")
        self._directory()
        _check_range(address, len(name))
        core.memory.write(address, name)
        return 0

    def _remove(self, core: Core, parameter: int) -> int:
        self._directory().remove(_name(core, *_block(core, parameter, 2)))
        return 0

    def _rename(self, core: Core, parameter: int) -> int:
        old, old_length, new, new_length = _block(core, parameter, 4)
        self._directory().rename(_name(core, old, old_length), _name(core, new, new_length))
        return 0

    # ---- time, surroundings, the end

    def _seconds(self, core: Core) -> float:
        now = core.now()
        if self._started is None:
            self._started = now
        return now - self._started

    def _elapsed(self, core: Core, parameter: int) -> int:
        ticks = int(self._seconds(core) * TICKS_PER_SECOND)
        _check_range(parameter, 8)
        core.memory.write(parameter, ticks.to_bytes(8, "little"))
        return 0

    def _get_cmdline(self, core: Core, parameter: int) -> int:
        address, length = _block(core, parameter, 2)
        text = self.options.command_line.encode("utf-8")
        if len(text) + 1 > length:
            raise OSError(errno.EINVAL, "no room for the command line")
        _check_range(address, len(text) + 1)
        core.memory.write(address, text + b"\0")
        core.memory.write(parameter + 4, len(text).to_bytes(4, "little"))
        return 0

    def _heapinfo(self, core: Core, parameter: int) -> int:
        (address,) = _block(core, parameter, 1)
        words = b"".join(word.to_bytes(4, "little") for word in self.options.heap(core))
        _check_range(address, len(words))
        core.memory.write(address, words)
        return 0

    def _exit(self, core: Core, parameter: int) -> int:
        self.exit_code = exit_code_of(parameter, 0)
        return 0

    def _exit_extended(self, core: Core, parameter: int) -> int:
        self.exit_code = exit_code_of(*_block(core, parameter, 2))
        return 0


class _Console:
    """Standard input, output or error: always open, whatever the program closes."""

    is_console = True

    def __init__(self, name: str, output: Output, read_input: Input) -> None:
        self._name: StreamName = "stderr" if name == "stderr" else "stdout"
        self._output = output
        self._read_input = read_input

    def read(self, length: int) -> bytes:
        return self._read_input(length)

    def write(self, data: bytes) -> None:
        self._output(self._name, data)

    def seek(self, position: int) -> None:
        raise OSError(errno.ESPIPE, "a console has no positions")

    def length(self) -> int:
        return 0

    def close(self) -> None:
        """It stays."""


class _Bytes:
    """A small file that is not one of this machine."""

    is_console = False

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def read(self, length: int) -> bytes:
        piece = self._data[self._position : self._position + length]
        self._position += len(piece)
        return piece

    def write(self, data: bytes) -> None:
        raise OSError(errno.EBADF, "for reading only")

    def seek(self, position: int) -> None:
        if position > len(self._data):
            raise OSError(errno.EINVAL, "beyond the end")
        self._position = position

    def length(self) -> int:
        return len(self._data)

    def close(self) -> None:
        """Nothing is held."""


def _check_range(address: int, length: int) -> None:
    if address + length > 1 << 32:
        raise OSError(errno.EFAULT, "beyond the address space")


def _block(core: Core, address: int, count: int) -> tuple[int, ...]:
    _check_range(address, 4 * count)
    data = core.memory.read(address, 4 * count)
    return tuple(int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4))


def _name(core: Core, address: int, length: int) -> bytes:
    if not 0 < length <= _LONGEST_NAME:
        raise OSError(errno.EINVAL, "no name, or none of that length")
    _check_range(address, length)
    return core.memory.read(address, length)


def _read_string(core: Core, address: int) -> bytes:
    """Read up to the zero, or to where memory ends, in pieces that cross no 64-byte border."""
    text = b""
    while len(text) < LONGEST_TEXT and address < 1 << 32:
        try:
            piece = core.memory.read(address, 64 - address % 64)
        except TransferFault:
            if not text:
                raise
            break
        head, zero, _ = piece.partition(b"\0")
        text += head
        if zero:
            break
        address += len(piece)
    return text
