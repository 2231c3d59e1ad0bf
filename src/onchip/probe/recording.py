"""Record what crosses a link, and answer from a recording.

A recording is text, a JSON object a line, in the order in which the host saw things; its format is
in docs/recordings.md. `RecordingLink` writes it beside a live link. `ReplayLink` is a link without
a probe: it expects the host to ask what was asked then, and gives the answers of then. Where the
host asks for something else it says where, and goes on saying so: an answer from a recording that
no longer fits would be a lie.

Time is part of it. The host hears the time of the recording, each time it asks, so that it decides
the same way about deadlines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from onchip.errors import (
    ProbeBusy,
    ProbeError,
    ProbeLost,
    ProbeRefused,
    ProbeTimeout,
    RecordingError,
)
from onchip.probe.link import Link, RecordedUsb, usb_link
from onchip.wire.cmsis_dap import command_name

FORMAT = "onchip-recording"
VERSION = 1

_ERRORS: dict[str, type[ProbeError]] = {
    kind.__name__: kind for kind in (ProbeError, ProbeTimeout, ProbeLost, ProbeBusy, ProbeRefused)
}
_KINDS = ("out", "in", "error", "now", "sleep", "close")


@dataclass(frozen=True, slots=True)
class Event:
    """One line: at ``time_s`` this happened.

    ``data`` belongs to ``out`` and ``in``; ``error``, ``message`` and ``during`` ("write" or
    "read") to what the probe's driver raised.
    """

    line: int
    time_s: float
    kind: str
    data: bytes = b""
    error: str = ""
    message: str = ""
    during: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording in memory: the head, and the events in order."""

    probe: str
    onchip: str
    command: tuple[str, ...]
    settings: Mapping[str, Any]
    events: tuple[Event, ...] = field(repr=False)
    usb: RecordedUsb | None = None

    @classmethod
    def load(cls, path: str | Path) -> Recording:
        """Read a recording.

        Raises:
            RecordingError: it cannot be read, or is none.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text file"
            raise RecordingError(f"{path}: the recording cannot be read: {reason}") from error
        head = _object(path, 1, lines[0] if lines else "")
        if head.get("format") != FORMAT:
            raise RecordingError(
                f"{path} is not a recording of onchip", hint="`--record FILE` makes one"
            )
        if head.get("version") != VERSION:
            raise RecordingError(
                f"{path} is a recording of version {head.get('version')!r}; this onchip reads "
                f"{VERSION}",
                hint="a newer onchip may read it",
            )
        events = tuple(
            _event(path, number, text)
            for number, text in enumerate(lines[1:], start=2)
            if text.strip()
        )
        command, settings = head.get("command") or (), head.get("settings") or {}
        if not _is_words(command) or not isinstance(settings, dict):
            raise RecordingError(f"{path}, line 1: the head is damaged")
        try:
            usb = RecordedUsb.parse(head["usb"]) if "usb" in head else None
        except ValueError as error:
            raise RecordingError(f"{path}, line 1: the USB device is damaged: {error}") from error
        return cls(
            str(head.get("probe", "?")),
            str(head.get("onchip", "?")),
            tuple(command),
            settings,
            events,
            usb,
        )


class RecordingLink:
    """A link that writes down what crosses it. The file is complete after every line."""

    def __init__(
        self,
        link: Link,
        path: str | Path,
        *,
        onchip: str,
        command: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin a recording in ``path``, which is overwritten.

        Raises:
            RecordingError: the file cannot be written.
        """
        self.link = link
        try:
            self._file: TextIO | None = Path(path).open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise RecordingError(
                f"{path}: the recording cannot be written: {error.strerror}"
            ) from error
        self._path = path
        self._start = link.now()
        self._last = -1.0
        head: dict[str, Any] = {"format": FORMAT, "version": VERSION, "onchip": onchip}
        head["probe"] = link.description
        usb = usb_link(link)
        if usb is not None:
            head["usb"] = RecordedUsb.of(usb).asdict()
        if command:
            head["command"] = list(command)
        head["settings"] = dict(settings or {})
        self._put(head)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.description}>"

    @property
    def description(self) -> str:
        """Name the way for people, as the link below does."""
        return self.link.description

    def write(self, packet: bytes) -> None:
        """Send one packet; see `Link.write`."""
        self._note("out", packet.hex())
        try:
            self.link.write(packet)
        except ProbeError as error:
            self._failed(error, "write")
            raise

    def read(self, timeout_s: float) -> bytes:
        """Return the next response; see `Link.read`."""
        try:
            packet = self.link.read(timeout_s)
        except ProbeError as error:
            self._failed(error, "read")
            raise
        self._note("in", packet.hex())
        return packet

    def close(self) -> None:
        """Let go of the probe, and end the recording."""
        self._note("close")
        try:
            self.link.close()
        finally:
            if self._file is not None:
                self._file.close()
                self._file = None

    def now(self) -> float:
        """Return the time in seconds since the recording began."""
        now = self._time()
        if now != self._last:
            self._note("now")
        return self._last if self._file is not None else now

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass on the link's clock."""
        self.link.sleep(seconds)
        self._note("sleep")

    def _time(self) -> float:
        return round(self.link.now() - self._start, 9)

    def _failed(self, error: ProbeError, during: str) -> None:
        kind = next(k.__name__ for k in type(error).__mro__ if k.__name__ in _ERRORS)
        self._note("error", kind, during=during, message=error.message)

    def _note(self, event: str, value: str | None = None, **more: str) -> None:
        if self._file is not None:
            self._last = self._time()
            self._put({"t": self._last, event: True if value is None else value, **more})

    def _put(self, line: Mapping[str, Any]) -> None:
        assert self._file is not None
        try:
            self._file.write(json.dumps(line, separators=(",", ":")) + "\n")
        except OSError as error:
            raise RecordingError(f"{self._path}: the recording ends: {error.strerror}") from error


class ReplayLink:
    """A link that answers from a recording.

    Packets must be the recorded ones, in that order, and so come the answers; how far ahead the
    host writes is its own affair. ``divergence`` is the first place where it asked for something
    else, or None.
    """

    def __init__(self, recording: Recording, name: str) -> None:
        self.recording = recording
        self.divergence: RecordingError | None = None
        self.link = recording.usb  # so that a probe's quirks hold in the replay too
        self._name = name
        self._events = recording.events
        self._asked = -1  # the last packet that was sent, and the last answer that was taken
        self._answered = -1
        self._seen = -1  # the last event of any kind
        self._in_flight = 0
        self._now = 0.0
        self._closed = False

    passing = True
    """There is no board: see `PassingLink`."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.description}>"

    @property
    def description(self) -> str:
        """``replay:FILE``."""
        return f"replay:{self._name}"

    @property
    def remaining(self) -> int:
        """How many recorded packets the host has not asked for."""
        return sum(event.kind == "out" for event in self._events[self._asked + 1 :])

    def write(self, packet: bytes) -> None:
        """Take one packet, which must be the recorded one.

        Raises:
            RecordingError: it is another, or no more are recorded.
            ProbeError: as recorded.
        """
        self._check()
        index = self._find(self._asked, "out", "write")
        if index is None or self._events[index].data != packet:
            raise self._diverged(index, f"sends {_shown(packet)}")
        self._asked = index
        self._in_flight += 1
        self._see(index)
        following = self._events[index + 1 : index + 2]
        if following and following[0].during == "write":
            self._see(index + 1)
            raise _ERRORS[following[0].error](following[0].message)

    def read(self, timeout_s: float) -> bytes:
        """Return the recorded response.

        Raises:
            RecordingError: none is to be waited for here.
            ProbeError: as recorded.
        """
        self._check()
        index = self._find(self._answered, "in", "read")
        if index is None or not self._in_flight:
            raise self._diverged(self._find(self._asked, "out", ""), "waits for a response")
        event = self._events[index]
        self._answered = index
        self._see(index)
        if event.kind == "error":
            raise _ERRORS[event.error](event.message)
        self._in_flight -= 1
        return event.data

    def close(self) -> None:
        """Note that the host is done. Closing twice is harmless.

        Raises:
            RecordingError: it left the recording, or was not yet at its end.
        """
        if self._closed:
            return
        self._closed = True
        if self.divergence is None and self.remaining:
            self._diverged(self._find(self._asked, "out", ""), "closes the link")
        if self.divergence is not None:
            raise self.divergence

    def now(self) -> float:
        """Return the time that the host was told in this place."""
        following = self._events[self._seen + 1 : self._seen + 2]
        if following and following[0].kind == "now":
            self._see(self._seen + 1)
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass, or what was recorded for it."""
        at = self._seen + 1
        while at < len(self._events) and self._events[at].kind == "now":
            at += 1
        if at < len(self._events) and self._events[at].kind == "sleep":
            self._see(at)
        else:
            self._now += seconds

    def _check(self) -> None:
        if self.divergence is not None:
            raise self.divergence
        if self._closed:
            raise ProbeLost(f"{self.description} is closed")

    def _find(self, after: int, kind: str, during: str) -> int | None:
        """Return where the next event of ``kind`` is, or the next error while reading."""
        for index in range(after + 1, len(self._events)):
            event = self._events[index]
            if event.kind == kind or (during == "read" and event.during == during):
                return index
        return None

    def _see(self, index: int) -> None:
        if index > self._seen:
            self._seen = index
            self._now = max(self._now, self._events[index].time_s)

    def _diverged(self, index: int | None, asked: str) -> RecordingError:
        """Keep and return the error of a host that left the recording, which has ``index`` here."""
        if index is not None:
            event = self._events[index]
            place = f"at line {event.line} ({event.time_s:.6f} s)"
            recorded = f"sent {_shown(event.data)}"
        else:
            place = f"at its end ({self._now:.6f} s)"
            recorded = "has nothing more to answer"
        self.divergence = RecordingError(
            f"the host leaves the recording {self._name} {place}: it {asked}, where the recording "
            f"{recorded}",
            hint="same command, options, firmware file and version of onchip? the recording was "
            f"made by {self.recording.onchip}",
        )
        return self.divergence


def _shown(packet: bytes) -> str:
    """Name a packet for people: its command and its first bytes."""
    if not packet:
        return "an empty packet"
    text = packet[:24].hex(" ")
    return f"{command_name(packet[0])} ({len(packet)} bytes: {text}{' ...' * (len(packet) > 24)})"


def _object(path: str | Path, line: int, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RecordingError(f"{path}, line {line}: not a JSON object")
    return value


def _event(path: str | Path, line: int, text: str) -> Event:
    value = _object(path, line, text)
    try:
        time_s = float(value["t"])
        kinds = [kind for kind in _KINDS if kind in value]
        if len(kinds) != 1:
            raise ValueError("which of out, in, error, now, sleep, close it is")
        kind = kinds[0]
        data = bytes.fromhex(value[kind]) if kind in ("out", "in") else b""
        error = str(value["error"]) if kind == "error" else ""
        if error and error not in _ERRORS:
            raise ValueError(f"what a {error} is")
    except (KeyError, TypeError, ValueError, OverflowError) as trouble:
        raise RecordingError(f"{path}, line {line}: the line does not tell {trouble}") from trouble
    message, during = str(value.get("message", "")), str(value.get("during", ""))
    return Event(line, time_s, kind, data, error, message, during)


def _is_words(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)
