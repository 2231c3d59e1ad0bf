"""The console calls of Arm semihosting: what a program prints, and its end.

Only these are served: SYS_WRITEC, SYS_WRITE0, SYS_WRITE to the console, SYS_OPEN of ``:tt``,
SYS_CLOSE, SYS_ISTTY, SYS_FLEN, SYS_ERRNO, SYS_EXIT and SYS_EXIT_EXTENDED. Every other call is
answered with -1: no file of this machine is touched.

Source: Arm Semihosting for AArch32 and AArch64, 2.0, chapters 5 and 6.
"""

from __future__ import annotations

from enum import IntEnum

from onchip.cortex_m import Core

LONGEST_TEXT = 64 * 1024
"""A SYS_WRITE0 whose zero is missing ends here."""

_ERROR = 0xFFFF_FFFF
_APPLICATION_EXIT = 0x20026


class Operation(IntEnum):
    """The calls that are served, by the number in r0."""

    OPEN = 0x01
    CLOSE = 0x02
    WRITEC = 0x03
    WRITE0 = 0x04
    WRITE = 0x05
    ISTTY = 0x09
    FLEN = 0x0C
    ERRNO = 0x13
    EXIT = 0x18
    EXIT_EXTENDED = 0x20


class Console:
    """Serves one core's calls; ``exit_code`` is set once the program ended itself."""

    def __init__(self) -> None:
        self.exit_code: int | None = None

    def call(self, core: Core) -> str:
        """Serve the call that a halted core waits in; return what it printed.

        r0 holds the result afterwards; pc is left at the BKPT.

        Raises:
            TransferError: a parameter block or text is not in readable memory.
        """
        number, parameter = core.read_register("r0"), core.read_register("r1")
        result, text = self._serve(core, number, parameter)
        core.write_register("r0", result & _ERROR)
        return text.decode("utf-8", "replace")

    def _serve(self, core: Core, number: int, parameter: int) -> tuple[int, bytes]:
        match number:
            case Operation.WRITEC:
                return 0, core.memory.read(parameter, 1)
            case Operation.WRITE0:
                return 0, _read_string(core, parameter)
            case Operation.WRITE:
                _, address, length = _block(core, parameter, 3)
                return 0, core.memory.read(address, min(length, LONGEST_TEXT))
            case Operation.OPEN:
                address, mode, length = _block(core, parameter, 3)
                is_console = core.memory.read(address, min(length, 8)) == b":tt"
                return (mode // 4 + 1 if is_console else _ERROR), b""
            case Operation.CLOSE | Operation.FLEN | Operation.ERRNO:
                return 0, b""
            case Operation.ISTTY:
                return 1, b""
            case Operation.EXIT:
                self.exit_code = 0 if parameter == _APPLICATION_EXIT else 1
                return 0, b""
            case Operation.EXIT_EXTENDED:
                reason, code = _block(core, parameter, 2)
                self.exit_code = code & 0xFF if reason == _APPLICATION_EXIT else 1
                return 0, b""
        return _ERROR, b""


def _block(core: Core, address: int, count: int) -> tuple[int, ...]:
    data = core.memory.read(address, 4 * count)
    return tuple(int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4))


def _read_string(core: Core, address: int) -> bytes:
    """Read up to the zero, in pieces that never cross a 64-byte border beyond it."""
    text = b""
    while len(text) < LONGEST_TEXT:
        piece = core.memory.read(address, 64 - address % 64)
        head, zero, _ = piece.partition(b"\0")
        text += head
        if zero:
            break
        address += len(piece)
    return text
