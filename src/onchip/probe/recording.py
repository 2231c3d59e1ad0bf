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
_PASSED_OVER = ("now", "sleep")
"""Events that a replay does not insist on: they ask the probe for nothing."""


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

    ``divergence`` is the first place where the host asked for something else, or None.
    """

    def __init__(self, recording: Recording, name: str) -> None:
        self.recording = recording
        self.divergence: RecordingError | None = None
        self.link = recording.usb  # so that a probe's quirks hold in the replay too
        self._name = name
        self._events = recording.events
        self._at = 0
        self._now = 0.0
        self._closed = False

    @property
    def description(self) -> str:
        """``replay:FILE``."""
        return f"replay:{self._name}"

    @property
    def remaining(self) -> int:
        """How many recorded packets the host has not asked for."""
        return sum(event.kind == "out" for event in self._events[self._at :])

    def write(self, packet: bytes) -> None:
        """Take one packet, which must be the recorded one.

        Raises:
            RecordingError: it is another, or none was sent here.
            ProbeError: as recorded.
        """
        event = self._next(f"sends {_shown(packet)}")
        if event.kind != "out" or event.data != packet:
            raise self._diverged(event, f"sends {_shown(packet)}")
        self._at += 1
        self._raise_recorded("write")

    def read(self, timeout_s: float) -> bytes:
        """Return the recorded response.

        Raises:
            RecordingError: none was waited for here.
            ProbeError: as recorded.
        """
        event = self._next("waits for a response")
        self._raise_recorded("read")
        if event.kind != "in":
            raise self._diverged(event, "waits for a response")
        self._at += 1
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
            event = next(event for event in self._events[self._at :] if event.kind == "out")
            self._diverged(event, "closes the link")
        if self.divergence is not None:
            raise self.divergence

    def now(self) -> float:
        """Return the time that the host was told in this place."""
        if self._at < len(self._events) and self._events[self._at].kind == "now":
            self._now = self._events[self._at].time_s
            self._at += 1
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass, or what was recorded for it."""
        while self._at < len(self._events) and self._events[self._at].kind in _PASSED_OVER:
            event = self._events[self._at]
            self._at += 1
            if event.kind == "sleep":
                self._now = event.time_s
                return
        self._now += seconds

    def _next(self, asked: str) -> Event:
        """Return the next event that the host must follow."""
        if self.divergence is not None:
            raise self.divergence
        if self._closed:
            raise ProbeLost(f"{self.description} is closed")
        while self._at < len(self._events) and self._events[self._at].kind in _PASSED_OVER:
            self._at += 1
        if self._at == len(self._events):
            end = Event(self._events[-1].line + 1 if self._events else 2, self._now, "end")
            raise self._diverged(end, asked)
        event = self._events[self._at]
        self._now = event.time_s
        return event

    def _raise_recorded(self, during: str) -> None:
        """Raise the error of a write or a read, if one is recorded here."""
        event = self._events[self._at] if self._at < len(self._events) else None
        if event is not None and event.kind == "error" and event.during == during:
            self._at += 1
            self._now = event.time_s
            raise _ERRORS[event.error](event.message)

    def _diverged(self, event: Event, asked: str) -> RecordingError:
        recorded = {
            "out": f"sent {_shown(event.data)}",
            "in": "waited for a response",
            "error": "waited for a response",
            "close": "closed the link",
            "end": "is at its end",
        }[event.kind]
        self.divergence = RecordingError(
            f"the host leaves the recording {self._name} at line {event.line} "
            f"({event.time_s:.6f} s): it {asked}, where the recording {recorded}",
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
    except (KeyError, TypeError, ValueError) as trouble:
        raise RecordingError(f"{path}, line {line}: the line does not tell {trouble}") from trouble
    message, during = str(value.get("message", "")), str(value.get("during", ""))
    return Event(line, time_s, kind, data, error, message, during)


def _is_words(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)
