"""A trace run as the client drives it and asks about it: ``QTStart QTFrame qTStatus qTBuffer`` ...

    QTStart  QTStop  QTDisconnected:1  QTBuffer:size:10000  QTBuffer:circular:1  QTSave:hex
    QTNotes:user:hex;notes:hex;tstop:hex;
    QTFrame:n  QTFrame:pc:addr  :tdp:n  :range:a:b  :outside:a:b    answered F frame T tracepoint
    qTStatus                                   T1;tunknown:0;tframes:2;...
    qTP:number:address                         Vhits:bytes
    qTV:number                                 Vvalue, or U
    qTfP qTsP qTfV qTsV                        one definition after another, then l
    qTBuffer:offset,length                     bytes in hex, then l

Source: Debugging with GDB, appendix E.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Self

from onchip.errors import WireError
from onchip.wire.gdb_rsp.numbers import parse_hex, parse_number, parse_pair

END_OF_LIST = b"l"


@dataclass(frozen=True, slots=True)
class ControlTrace:
    """``QTStart``, ``QTStop``."""

    start: bool

    def encode(self) -> bytes:
        """Return the payload."""
        return b"QTStart" if self.start else b"QTStop"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls(payload.startswith(b"QTStart"))


class Search(Enum):
    """How a frame is looked for, from the one behind the selected one on."""

    NUMBER = ""
    PC = "pc"
    TRACEPOINT = "tdp"
    INSIDE = "range"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class SelectFrame:
    """``QTFrame``: ``first`` is a frame, a tracepoint or an address, ``last`` the end of a range.

    A frame number of None selects none: the target is looked at again.
    """

    search: Search
    first: int | None
    last: int = 0

    def encode(self) -> bytes:
        """Return the payload."""
        if self.first is None:
            return b"QTFrame:ffffffff"
        numbers = b"%x" % self.first
        if self.search in (Search.INSIDE, Search.OUTSIDE):
            numbers += b":%x" % self.last
        kind = self.search.value.encode()
        return b"QTFrame:" + (kind + b":" if kind else b"") + numbers

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        text = payload.removeprefix(b"QTFrame:")
        kind, found, rest = text.partition(b":")
        if not found:
            if text in (b"-1", b"ffffffff"):
                return cls(Search.NUMBER, None)
            return cls(Search.NUMBER, parse_number(text, "frame"))
        try:
            search = Search(kind.decode("latin-1"))
        except ValueError:
            raise WireError("a frame is found by pc, tdp, range or outside") from None
        if search in (Search.INSIDE, Search.OUTSIDE):
            return cls(search, *parse_pair(rest, "start", "end", b":"))
        return cls(search, parse_number(rest, "number"))


@dataclass(frozen=True, slots=True)
class FrameFound:
    """The answer to `SelectFrame`: ``F frame T tracepoint``; a frame of None: there is none."""

    frame: int | None
    tracepoint: int = 0

    def encode(self) -> bytes:
        """Return the payload."""
        return b"F-1" if self.frame is None else b"F%xT%x" % (self.frame, self.tracepoint)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        if payload == b"F-1":
            return cls(None)
        frame, found, tracepoint = payload.removeprefix(b"F").partition(b"T")
        if not found:
            raise WireError("a frame that was found is F frame T tracepoint")
        return cls(parse_number(frame, "frame"), parse_number(tracepoint, "tracepoint"))


@dataclass(frozen=True, slots=True)
class AskTraceStatus:
    """``qTStatus``."""

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qTStatus"

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls()


class TraceEnd(Enum):
    """Why a run ended, in the protocol's words."""

    UNKNOWN = "tunknown"
    NOT_RUN = "tnotrun"
    STOPPED = "tstop"
    FULL = "tfull"
    DISCONNECTED = "tdisconnected"
    PASS_COUNT = "tpasscount"
    ERROR = "terror"


@dataclass(frozen=True, slots=True)
class TraceStatus:
    """The answer to `AskTraceStatus`; sizes in bytes, times in microseconds since 1970.

    ``end``, ``tracepoint`` and ``text`` say why the last run ended, and by which tracepoint.
    """

    running: bool = False
    end: TraceEnd = TraceEnd.NOT_RUN
    tracepoint: int = 0
    text: str = ""
    frames: int = 0
    created: int = 0
    free: int = 0
    size: int = 0
    circular: bool = False
    disconnected: bool = False
    start_us: int = 0
    stop_us: int = 0
    user: str = ""
    notes: str = ""

    def encode(self) -> bytes:
        """Return the payload."""
        end = self.end.value
        if self.end in (TraceEnd.STOPPED, TraceEnd.ERROR):
            end += f":{self.text.encode().hex()}"
        text = (
            f"T{self.running:d};{end}:{self.tracepoint:x};tframes:{self.frames:x};"
            f"tcreated:{self.created:x};tfree:{self.free:x};tsize:{self.size:x};"
            f"circular:{self.circular:d};disconn:{self.disconnected:d};"
            f"starttime:{self.start_us:x};stoptime:{self.stop_us:x};"
            f"username:{self.user.encode().hex()};notes:{self.notes.encode().hex()}"
        )
        return text.encode("ascii")

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError. What is not known is passed over."""
        head, *parts = payload.split(b";")
        if head not in (b"T0", b"T1"):
            raise WireError("the status of a trace begins with T0 or T1")
        fields = {name: value for name, _, value in (part.partition(b":") for part in parts)}
        end = next((e for e in TraceEnd if e.value.encode() in fields), TraceEnd.UNKNOWN)
        text, _, tracepoint = fields.get(end.value.encode(), b"0").rpartition(b":")

        def number(name: bytes) -> int:
            return parse_number(fields.get(name, b"0"), name.decode())

        def words(name: bytes) -> str:
            return parse_hex(fields.get(name, b""), name.decode()).decode("utf-8", "replace")

        return cls(
            head == b"T1",
            end,
            parse_number(tracepoint, "tracepoint"),
            parse_hex(text, "text").decode("utf-8", "replace"),
            number(b"tframes"),
            number(b"tcreated"),
            number(b"tfree"),
            number(b"tsize"),
            number(b"circular") != 0,
            number(b"disconn") != 0,
            number(b"starttime"),
            number(b"stoptime"),
            words(b"username"),
            words(b"notes"),
        )


@dataclass(frozen=True, slots=True)
class AskTracepoint:
    """``qTP:number:address``: answered ``Vhits:bytes``."""

    number: int
    address: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qTP:%x:%x" % (self.number, self.address)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(*parse_pair(payload.removeprefix(b"qTP:"), "tracepoint", "address", b":"))


@dataclass(frozen=True, slots=True)
class AskVariable:
    """``qTV:number``: answered ``Vvalue``, or ``U``."""

    number: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qTV:%x" % self.number

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(parse_number(payload.removeprefix(b"qTV:"), "variable"))


@dataclass(frozen=True, slots=True)
class ListTrace:
    """``qTfP qTsP qTfV qTsV``: ``kind`` is P (tracepoints) or V (variables)."""

    kind: str
    first: bool

    def encode(self) -> bytes:
        """Return the payload."""
        return f"qT{'f' if self.first else 's'}{self.kind}".encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload."""
        return cls(payload[3:4].decode("latin-1"), payload[2:3] == b"f")


@dataclass(frozen=True, slots=True)
class ReadTraceBuffer:
    """``qTBuffer:offset,length``."""

    offset: int
    length: int

    def encode(self) -> bytes:
        """Return the payload."""
        return b"qTBuffer:%x,%x" % (self.offset, self.length)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(*parse_pair(payload.removeprefix(b"qTBuffer:"), "offset", "length"))


@dataclass(frozen=True, slots=True)
class SetTraceBuffer:
    """``QTBuffer:circular:0``, ``QTBuffer:size:n``: one of both; a size of -1 is the stub's own."""

    circular: bool | None = None
    size: int | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        if self.circular is not None:
            return b"QTBuffer:circular:%d" % self.circular
        return b"QTBuffer:size:" + (b"-1" if self.size == -1 else b"%x" % (self.size or 0))

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        name, _, value = payload.removeprefix(b"QTBuffer:").partition(b":")
        if name == b"circular":
            return cls(circular=parse_number(value, "circular") != 0)
        if name == b"size":
            return cls(size=-1 if value == b"-1" else parse_number(value, "size"))
        raise WireError("a trace buffer has circular and size")


@dataclass(frozen=True, slots=True)
class SetDisconnected:
    """``QTDisconnected:1``: the run goes on when the client leaves."""

    on: bool

    def encode(self) -> bytes:
        """Return the payload."""
        return b"QTDisconnected:%d" % self.on

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        return cls(parse_number(payload.removeprefix(b"QTDisconnected:"), "switch") != 0)


@dataclass(frozen=True, slots=True)
class TraceNotes:
    """``QTNotes:user:hex;notes:hex;tstop:hex;``: those that are there."""

    user: str | None = None
    notes: str | None = None
    stop: str | None = None

    def encode(self) -> bytes:
        """Return the payload."""
        named = ((b"user", self.user), (b"notes", self.notes), (b"tstop", self.stop))
        parts = [b"%b:%b;" % (k, v.encode().hex().encode()) for k, v in named if v is not None]
        return b"QTNotes:" + b"".join(parts)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        words: dict[bytes, str] = {}
        for part in filter(None, payload.removeprefix(b"QTNotes:").split(b";")):
            name, _, value = part.partition(b":")
            if name not in (b"user", b"notes", b"tstop"):
                raise WireError("the notes of a trace are user, notes and tstop")
            words[name] = parse_hex(value, "note").decode("utf-8", "replace")
        return cls(words.get(b"user"), words.get(b"notes"), words.get(b"tstop"))


@dataclass(frozen=True, slots=True)
class SaveTrace:
    """``QTSave:hex``: write a trace file, on the stub's side, of this name."""

    name: str

    def encode(self) -> bytes:
        """Return the payload."""
        return b"QTSave:" + self.name.encode().hex().encode()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse the payload; raises WireError."""
        name = parse_hex(payload.removeprefix(b"QTSave:"), "name").decode("utf-8", "replace")
        return cls(name)


TraceRunRequest = (
    ControlTrace
    | SelectFrame
    | AskTraceStatus
    | AskTracepoint
    | AskVariable
    | ListTrace
    | ReadTraceBuffer
    | SetTraceBuffer
    | SetDisconnected
    | TraceNotes
    | SaveTrace
)
