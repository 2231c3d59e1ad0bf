"""Errors as users and scripts see them: a line, a hint, an exit code; with ``--json`` data too."""

from __future__ import annotations

import os
import sys

from onchip.cli.exit_codes import ExitCode, exit_code_of
from onchip.errors import OnchipError

TRACEBACK_VARIABLE = "ONCHIP_TRACEBACK"


def complain(message: str, hint: str | None = None) -> None:
    """Write an error to standard error."""
    print(f"onchip: error: {message}", file=sys.stderr)
    if hint is not None:
        print(f"  hint: {hint}", file=sys.stderr)


def explain(error: Exception) -> ExitCode:
    """Write why a verb failed to standard error; return the exit code.

    Raises:
        Exception: ``error`` itself, if the user wants tracebacks.
    """
    if os.environ.get(TRACEBACK_VARIABLE):
        raise error
    message, hint, code = _facts(error)
    complain(message, hint)
    return code


def as_data(error: Exception) -> dict[str, object]:
    """Return what `explain` writes as plain data, for JSON."""
    message, hint, code = _facts(error)
    return {
        "kind": type(error).__name__,
        "message": message,
        "hint": hint,
        "address": getattr(error, "address", None),
        "exit_code": int(code),
    }


def _facts(error: Exception) -> tuple[str, str | None, ExitCode]:
    if isinstance(error, OnchipError):
        return error.message, error.hint, exit_code_of(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{(error.strerror or str(error)).lower()}", None, ExitCode.FAILED
    return (
        f"a bug in onchip: {type(error).__name__}: {error}",
        f"please report it, with what {TRACEBACK_VARIABLE}=1 shows",
        ExitCode.BUG,
    )
