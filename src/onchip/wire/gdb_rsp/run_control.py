"""Requests that start, stop and end the target: ``? c C s S vCont vCtrlC R k vKill D vRun ...``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import ThreadId, parse_hex, parse_number, parse_pair


@dataclass(frozen=True, slots=True)
class AskStopReason:
    """``?``: why does the target stand still."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"?"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


@dataclass(frozen=True, slots=True)
class Resume:
    """``c``, ``s`` and, with a signal, ``C``, ``S``: the ways to resume before vCont."""

    step: bool
    signal: int | None = None
    address: int | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        address = b"" if self.address is None else b"%x" % self.address
        if self.signal is None:
            return (b"s" if self.step else b"c") + address
        tail = b";" + address if address else b""
        return (b"S" if self.step else b"C") + b"%02x" % self.signal + tail

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        step = payload[:1] in b"sS"
        if payload[:1] in b"cs":
            return cls(step, None, parse_number(payload[1:], "address") if payload[1:] else None)
        signal, found, address = payload[1:].partition(b";")
        return cls(
            step,
            parse_number(signal, "signal"),
            parse_number(address, "address") if found else None,
        )


@dataclass(frozen=True, slots=True)
class Action:
    """One action of vCont: ``kind`` is one of ``c C s S t r``.

    ``start``, ``end`` belong to ``r``: step while pc is in [start, end).
    """

    kind: str
    signal: int | None = None
    start: int = 0
    end: int = 0
    thread: ThreadId | None = None

    def encode(self) -> bytes:
        """Return the action without its semicolon."""
        text = self.kind.encode()
        if self.kind in "CS":
            text += b"%02x" % (self.signal or 0)
        if self.kind == "r":
            text += b"%x,%x" % (self.start, self.end)
        return text if self.thread is None else text + b":" + self.thread.encode()

    @classmethod
    def decode(cls, text: bytes) -> Self:
        """Parse one action; raises WireError."""
        body, found, thread_text = text.partition(b":")
        thread = ThreadId.decode(thread_text) if found else None
        kind, rest = body[:1].decode("latin-1"), body[1:]
        if kind == "r" and rest:
            start, end = parse_pair(rest, "start", "end")
            return cls(kind, None, start, end, thread)
        if kind in ("C", "S"):
            return cls(kind, parse_number(rest, "signal"), thread=thread)
        if kind in ("c", "s", "t") and not rest:
            return cls(kind, thread=thread)
        raise WireError(f"vCont knows no action '{body[:16].decode('ascii', 'backslashreplace')}'")


@dataclass(frozen=True, slots=True)
class VCont:
    """``vCont;action[:thread];...``: the first action that names a thread holds for it."""

    actions: tuple[Action, ...]

    def encode(self) -> bytes:
        """Return the payload."""
        return b"vCont;" + b";".join(action.encode() for action in self.actions)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if not payload.startswith(b"vCont;"):
            raise WireError("vCont needs an action")
        return cls(tuple(Action.decode(text) for text in payload[6:].split(b";")))

    def action_for(self, thread: int) -> Action | None:
        """Return what ``thread`` is to do: None means nothing."""
        for action in self.actions:
            if action.thread is None or action.thread.thread in (-1, 0, thread):
                return action
        return None


@dataclass(frozen=True, slots=True)
class AskVCont:
    """``vCont?``: which actions are there."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"vCont?"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


@dataclass(frozen=True, slots=True)
class StopAll:
    """``vCtrlC``: the interrupt byte as a packet."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"vCtrlC"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


@dataclass(frozen=True, slots=True)
class ExtendedMode:
    """``!``: the server stays when the program ends."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"!"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


@dataclass(frozen=True, slots=True)
class Restart:
    """``R xx``: start the program again; has no answer."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"R00"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


@dataclass(frozen=True, slots=True)
class Kill:
    """``k`` (no answer) and ``vKill;pid`` (answered)."""

    process: int | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        return b"k" if self.process is None else b"vKill;%x" % self.process

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if payload.startswith(b"k"):
            return cls()
        return cls(parse_number(payload.removeprefix(b"vKill").removeprefix(b";"), "process"))


@dataclass(frozen=True, slots=True)
class Detach:
    """``D`` or ``D;pid``."""

    process: int | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        return b"D" if self.process is None else b"D;%x" % self.process

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if payload == b"D":
            return cls()
        if payload[1:2] != b";":
            raise WireError("D takes ;process or nothing")
        return cls(parse_number(payload[2:], "process"))


@dataclass(frozen=True, slots=True)
class Run:
    """``vRun;filename;argument...``, each in hex; an empty file name means the one before."""

    filename: bytes
    arguments: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        """Return the payload."""
        words = (self.filename, *self.arguments)
        return b"vRun;" + b";".join(word.hex().encode() for word in words)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if not payload.startswith(b"vRun;"):
            raise WireError("vRun needs a file name, which may be empty")
        filename, *arguments = (parse_hex(word, "argument") for word in payload[5:].split(b";"))
        return cls(filename, tuple(arguments))


@dataclass(frozen=True, slots=True)
class Attach:
    """``vAttach;pid``."""

    process: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"vAttach;%x" % self.process

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(parse_number(payload.removeprefix(b"vAttach").removeprefix(b";"), "process"))


RunControlRequest = (
    AskStopReason
    | Resume
    | VCont
    | AskVCont
    | StopAll
    | ExtendedMode
    | Restart
    | Kill
    | Detach
    | Run
    | Attach
)
