"""Requests about threads: ``H T qC qfThreadInfo qsThreadInfo qThreadExtraInfo qAttached``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import ThreadId, parse_number


@dataclass(frozen=True, slots=True)
class SelectThread:
    """``H g id`` or ``H c id``: which thread the requests of that kind mean from now on."""

    operation: str
    thread: ThreadId

    def encode(self) -> bytes:
        """Return the payload."""
        return b"H" + self.operation.encode() + self.thread.encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        operation = payload[1:2].decode("latin-1")
        if operation not in ("c", "g", "m", "M", "G", "p", "s"):
            raise WireError("H needs an operation and a thread")
        return cls(operation, ThreadId.decode(payload[2:]))


@dataclass(frozen=True, slots=True)
class IsThreadAlive:
    """``T id``."""

    thread: ThreadId

    def encode(self) -> bytes:
        """Return the payload."""
        return b"T" + self.thread.encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(ThreadId.decode(payload[1:]))


@dataclass(frozen=True, slots=True)
class CurrentThread:
    """``qC``."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qC"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


@dataclass(frozen=True, slots=True)
class ListThreads:
    """``qfThreadInfo`` begins the list, ``qsThreadInfo`` goes on with it."""

    first: bool

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qfThreadInfo" if self.first else b"qsThreadInfo"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls(payload[1:2] == b"f")


@dataclass(frozen=True, slots=True)
class DescribeThread:
    """``qThreadExtraInfo,id``: a text for people."""

    thread: ThreadId

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qThreadExtraInfo," + self.thread.encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(ThreadId.decode(payload.removeprefix(b"qThreadExtraInfo").removeprefix(b",")))


@dataclass(frozen=True, slots=True)
class IsAttached:
    """``qAttached`` or ``qAttached:pid``: was the process there before GDB."""

    process: int | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qAttached" if self.process is None else b"qAttached:%x" % self.process

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        _, found, process = payload.partition(b":")
        return cls(parse_number(process, "process") if found else None)


ThreadRequest = (
    SelectThread | IsThreadAlive | CurrentThread | ListThreads | DescribeThread | IsAttached
)
