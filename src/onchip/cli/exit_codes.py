"""What the exit code of `onchip` tells a script."""

from __future__ import annotations

from enum import IntEnum

from onchip.errors import (
    BoardError,
    OnchipError,
    ProbeError,
    TargetError,
    TransferError,
    UsageError,
    WireError,
)


class ExitCode(IntEnum):
    """The exit codes; README.md and ``onchip --help`` list them too."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PROBE = 3
    TARGET = 4
    BUG = 70
    TIMEOUT = 124
    INTERRUPTED = 130
    FAULT = 139
    BROKEN_PIPE = 141


MEANINGS = {
    ExitCode.DONE: "done; what was programmed is verified",
    ExitCode.FAILED: "the job failed: programming, verifying, a file that cannot be read",
    ExitCode.USAGE: "usage: an option or argument cannot be meant, nothing was touched",
    ExitCode.PROBE: "no probe, or the way to it failed",
    ExitCode.TARGET: "the target does not answer, is locked, or is another chip",
    ExitCode.BUG: "a bug in onchip",
    ExitCode.TIMEOUT: "`onchip run`: the program still ran when its time was up",
    ExitCode.INTERRUPTED: "Ctrl-C",
    ExitCode.FAULT: "`onchip run`: the program faulted, locked up, or stopped at a BKPT of its own",
    ExitCode.BROKEN_PIPE: "nobody reads the output any more",
}

_OF_ERRORS: tuple[tuple[type[OnchipError], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (ProbeError, ExitCode.PROBE),
    (BoardError, ExitCode.PROBE),
    (WireError, ExitCode.PROBE),
    (TransferError, ExitCode.TARGET),
    (TargetError, ExitCode.TARGET),
)


def exit_code_of(error: OnchipError) -> ExitCode:
    """Return the exit code that stands for ``error``."""
    for kind, code in _OF_ERRORS:
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED
