"""Recordings: written beside a live link, read back, followed or left."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onchip import connect
from onchip.dap.client import DapClient
from onchip.errors import (
    ProbeLost,
    ProbeTimeout,
    RecordingError,
    TransferFault,
)
from onchip.probe.hid import HidLink, hid_interfaces
from onchip.probe.link import usb_link
from onchip.probe.recording import Recording, RecordingLink, ReplayLink
from onchip.virtual_board.board import VirtualBoard
from tests.support.fake_usb import FakeBus
from tests.support.fake_usb_device import FakeDevice, board_firmware


class _Live:
    """A link whose time runs and whose answers are given."""

    description = "live"

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.time = 100.0
        self.closed = False

    def write(self, packet: bytes) -> None:
        self.time += 0.25
        if packet == b"lost":
            raise ProbeLost("pulled out")

    def read(self, timeout_s: float) -> bytes:
        self.time += 0.5
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.closed = True

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def _record(path: Path, *answers: bytes | Exception) -> RecordingLink:
    return RecordingLink(_Live(*answers), path, onchip="0.1.0", command=("info",))


def _replay(path: Path) -> ReplayLink:
    return ReplayLink(Recording.load(path), path.name)


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    """A recording of two packets in flight, a look at the clock, a nap and a time-out."""
    path = tmp_path / "taken.rec"
    link = _record(path, b"\x00a", b"\x02b", ProbeTimeout("none came"))
    link.write(b"\x00\x01")
    link.write(b"\x02\x01")
    assert link.now() == 0.5
    assert link.read(1.0) == b"\x00a"
    assert link.read(1.0) == b"\x02b"
    link.sleep(2.0)
    link.write(b"\x03")
    with pytest.raises(ProbeTimeout):
        link.read(1.0)
    link.close()
    return path


def _follow(link: ReplayLink) -> None:
    link.write(b"\x00\x01")
    link.write(b"\x02\x01")
    assert link.now() == 0.5
    assert link.read(1.0) == b"\x00a"
    assert link.read(1.0) == b"\x02b"
    link.sleep(2.0)
    assert link.now() == 3.5
    link.write(b"\x03")
    with pytest.raises(ProbeTimeout, match="none came"):
        link.read(1.0)


def test_the_text_is_as_documented(taken: Path) -> None:
    lines = [json.loads(line) for line in taken.read_text().splitlines()]
    assert lines == [
        {
            "format": "onchip-recording",
            "version": 1,
            "onchip": "0.1.0",
            "probe": "live",
            "command": ["info"],
            "settings": {},
        },
        {"t": 0.0, "out": "0001"},
        {"t": 0.25, "out": "0201"},
        {"t": 0.5, "now": True},
        {"t": 1.0, "in": "0061"},
        {"t": 1.5, "in": "0262"},
        {"t": 3.5, "sleep": True},
        {"t": 3.5, "out": "03"},
        {"t": 4.25, "error": "ProbeTimeout", "during": "read", "message": "none came"},
        {"t": 4.25, "close": True},
    ]


def test_who_asks_the_same_hears_the_same(taken: Path) -> None:
    link = _replay(taken)
    _follow(link)
    link.close()
    link.close()
    assert link.divergence is None


def test_another_packet_is_told_with_its_place(taken: Path) -> None:
    link = _replay(taken)
    link.write(b"\x00\x01")
    with pytest.raises(RecordingError) as caught:
        link.write(b"\x02\x02")
    assert caught.value.message == (
        "the host leaves the recording taken.rec at line 3 (0.250000 s): it sends DAP_Connect "
        "(2 bytes: 02 02), where the recording sent DAP_Connect (2 bytes: 02 01)"
    )
    with pytest.raises(RecordingError, match="at line 3"):
        link.read(1.0)  # no answer is given any more
    with pytest.raises(RecordingError, match="at line 3"):
        link.close()  # and nobody who swallowed it goes home content


def test_a_read_where_a_packet_was_sent_is_told(taken: Path) -> None:
    link = _replay(taken)
    with pytest.raises(RecordingError, match="waits for a response, where the recording sent"):
        link.read(1.0)


def test_how_far_ahead_the_host_writes_is_its_own_affair(taken: Path) -> None:
    link = _replay(taken)
    link.write(b"\x00\x01")
    assert link.read(1.0) == b"\x00a"
    link.write(b"\x02\x01")
    link.write(b"\x03")
    assert link.read(1.0) == b"\x02b"
    with pytest.raises(ProbeTimeout, match="none came"):
        link.read(1.0)
    link.close()


def test_going_on_after_the_end_is_told(taken: Path) -> None:
    link = _replay(taken)
    _follow(link)
    with pytest.raises(RecordingError, match=r"at its end .* has nothing more to answer"):
        link.write(b"\x00\x01")
    link = _replay(taken)
    _follow(link)
    with pytest.raises(RecordingError, match="waits for a response, where the recording has not"):
        link.read(1.0)


def test_stopping_before_the_end_is_told(taken: Path) -> None:
    link = _replay(taken)
    link.write(b"\x00\x01")
    assert link.remaining == 2
    with pytest.raises(RecordingError, match="closes the link, where the recording sent"):
        link.close()


def test_a_probe_lost_while_sending_is_lost_again(tmp_path: Path) -> None:
    path = tmp_path / "lost.rec"
    link = _record(path)
    with pytest.raises(ProbeLost):
        link.write(b"lost")
    link.close()
    again = _replay(path)
    with pytest.raises(ProbeLost, match="pulled out"):
        again.write(b"lost")
    again.close()
    with pytest.raises(ProbeLost, match="closed"):
        again.write(b"lost")


def test_what_nobody_recorded_costs_time_all_the_same(taken: Path) -> None:
    link = _replay(taken)
    link.sleep(0.125)
    assert link.now() == 0.125


def test_the_live_link_is_seen_through(tmp_path: Path) -> None:
    link = _record(tmp_path / "x.rec")
    assert link.link.description == link.description == "live"
    assert usb_link(link) is None
    link.close()
    assert link.link.closed
    assert link.now() == 0.0


# ---- recordings that cannot be used


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: not a JSON object"),
        ("[]\n", "line 1: not a JSON object"),
        ('{"format": "pcap"}\n', "is not a recording of onchip"),
        ('{"format": "onchip-recording", "version": 2}\n', "version 2; this onchip reads 1"),
        ('{"format": "onchip-recording", "version": 1, "command": "x"}', "head is damaged"),
        ("HEAD\nnonsense\n", "line 2: not a JSON object"),
        ('HEAD\n{"out": "00"}\n', "line 2: the line does not tell 't'"),
        ('HEAD\n{"t": 0}\n', "line 2: the line does not tell which"),
        ('HEAD\n{"t": 0, "out": "00", "in": "00"}\n', "line 2: the line does not tell which"),
        ('HEAD\n\n{"t": 0, "out": "0"}\n', "line 3: the line does not tell non-hexadecimal"),
        ('HEAD\n{"t": 0, "out": 5}\n', "line 2: the line does not tell"),
        ('HEAD\n{"t": 0, "error": "Exit", "during": "read"}\n', "tell what a Exit is"),
        ('HEAD\n{"t": 1' + "0" * 400 + ', "now": true}\n', "line 2: the line does not tell"),
        ("[" * 100_000, "line 1: not a JSON object"),
    ],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.rec"
    path.write_text(text.replace("HEAD", '{"format": "onchip-recording", "version": 1}'))
    with pytest.raises(RecordingError, match=message.replace("(", r"\(")):
        Recording.load(path)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=2,
)
_LINES = st.dictionaries(
    st.sampled_from(["t", "out", "in", "error", "during", "now", "usb", "command", "settings"]),
    _VALUES,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_LINES, min_size=1, max_size=3), st.binary(max_size=20))
def test_any_other_file_is_refused_in_the_same_words(lines: list[dict], tail: bytes) -> None:
    head = {"format": "onchip-recording", "version": 1, **lines[0]}
    text = "\n".join(json.dumps(line) for line in [head, *lines[1:]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.rec"
        path.write_bytes(text.encode() + tail)
        with suppress(RecordingError):
            Recording.load(path)


def test_a_file_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        Recording.load(tmp_path / "none.rec")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(RecordingError, match="not a text file"):
        Recording.load(tmp_path / "binary")
    with pytest.raises(RecordingError, match="cannot be written"):
        _record(tmp_path / "none" / "x.rec")


# ---- sessions


def _work(probe: str, **options: Any) -> tuple[str, dict[str, int]]:
    with connect(probe, connect="halt", **options) as session:
        with pytest.raises(TransferFault):
            session.memory.read_u32(0x6000_0000)
        session.memory.write(0x2000_0101, b"odd bytes")
        session.core.step()
        return session.chip_name, session.core.read_registers()


def test_a_session_is_answered_from_its_recording(tmp_path: Path) -> None:
    path = tmp_path / "session.rec"
    live = _work("virtual:stm32f407/hid-64x4", record=path)
    assert _work(f"replay:{path}") == live
    head = Recording.load(path)
    assert (head.probe, head.command) == ("virtual:stm32f407", ())
    assert head.settings == {"target": None, "frequency_hz": 4_000_000, "connect": "halt"}


def test_another_setting_leaves_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "session.rec"
    _work("virtual:stm32f407", record=path)
    with pytest.raises(RecordingError, match="it sends DAP_ExecuteCommands"):
        _work(f"replay:{path}", frequency_hz=1_000_000)


def test_a_recording_that_cannot_be_written_frees_the_probe(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be written"):
        connect("virtual:bare-ram", record=tmp_path / "none" / "x.rec")


# ---- a probe on USB


def test_what_limits_a_probe_on_usb_limits_its_replay(bus: FakeBus, tmp_path: Path) -> None:
    path = tmp_path / "usb.rec"
    with VirtualBoard("bare-ram", probe_model="bulk-512x4") as board:
        bus.devices.append(FakeDevice(board_firmware(board), hid_path=b"x"))  # reports of 64 bytes
        live = DapClient.open(RecordingLink(HidLink(hid_interfaces()[0]), path, onchip="0"))
        assert (live.info.packet_size, live.packet_size) == (512, 64)
        live.close()
    recording = Recording.load(path)
    assert recording.usb is not None
    assert recording.usb.usb.serial == "0240abcd"
    again = DapClient.open(ReplayLink(recording, "usb.rec"))
    assert (again.info.packet_size, again.packet_size) == (512, 64)
    again.close()


@pytest.mark.parametrize(
    "usb",
    [1, {}, {"usb": 1}, {"usb": {"x": 1}, "longest_packet": 64, "protocol": "", "platform": ""},
     {"usb": {"vendor_id": 1, "product_id": 2}, "longest_packet": 0},
     {"usb": {"vendor_id": 1, "product_id": 2}, "longest_packet": 64}],
)  # fmt: skip
def test_a_damaged_usb_device_is_refused(tmp_path: Path, usb: object) -> None:
    path = tmp_path / "x.rec"
    path.write_text(json.dumps({"format": "onchip-recording", "version": 1, "usb": usb}))
    with pytest.raises(RecordingError, match="line 1: the USB device is damaged"):
        Recording.load(path)
