"""The calls of Arm semihosting and the numbers that stand in them.

Source: Arm Semihosting for AArch32 and AArch64, 2.0, chapters 5 to 7.
"""

from __future__ import annotations

import errno
from enum import IntEnum

ERROR = 0xFFFF_FFFF
"""-1 in r0."""

BKPT = 0xBEAB
"""BKPT 0xAB: how M-profile programs call."""


class Operation(IntEnum):
    """The calls, by the number in r0."""

    OPEN = 0x01
    CLOSE = 0x02
    WRITEC = 0x03
    WRITE0 = 0x04
    WRITE = 0x05
    READ = 0x06
    READC = 0x07
    ISERROR = 0x08
    ISTTY = 0x09
    SEEK = 0x0A
    FLEN = 0x0C
    TMPNAM = 0x0D
    REMOVE = 0x0E
    RENAME = 0x0F
    CLOCK = 0x10
    TIME = 0x11
    SYSTEM = 0x12
    ERRNO = 0x13
    GET_CMDLINE = 0x15
    HEAPINFO = 0x16
    EXIT = 0x18
    EXIT_EXTENDED = 0x20
    ELAPSED = 0x30
    TICKFREQ = 0x31


APPLICATION_EXIT = 0x20026
"""ADP_Stopped_ApplicationExit: the one reason that means success."""

FEATURES_NAME = ":semihosting-features"
FEATURES = b"SHFB\x03"
"""The magic, then a byte: bit 0 SH_EXT_EXIT_EXTENDED, bit 1 SH_EXT_STDOUT_STDERR."""

CONSOLE_NAME = ":tt"

_ENOSYS = 88
_HIGHEST_COMMON = 34


def errno_for_target(number: int | None) -> int:
    """Return an error number of this machine as newlib and picolibc know it.

    Up to ERANGE (34) the numbers are the same everywhere; of the others only ENOSYS is used.
    """
    if number == errno.ENOSYS:
        return _ENOSYS
    if number is not None and 0 < number <= _HIGHEST_COMMON:
        return number
    return errno.EACCES if number == errno.ELOOP else errno.EIO


def exit_code_of(reason: int, code: int) -> int:
    """Return the exit code, 0 to 255, of a program that ended for ``reason`` with ``code``.

    A program that failed never counts as one that did not: 256 is 255, not 0.
    """
    if reason != APPLICATION_EXIT:
        return 1
    return code & 0xFF or (0xFF if code else 0)
