"""`onchip gdbserver` as a process; what GDB does with it is judged in tests/judges."""

from __future__ import annotations

import argparse
import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from onchip.cli.exit_codes import ExitCode
from onchip.cli.main import main
from onchip.cli.verbs import gdbserver as verb
from onchip.cortex_m import BreakpointKind
from onchip.errors import OnchipError, ProbeNotFound, TransferNoAck
from onchip.probe.counting import CountingLink
from onchip.services.gdb import loop
from onchip.session import Session
from onchip.session.connecting import open_session
from onchip.virtual_board.board import VirtualBoard
from tests.session.many_breakpoints import firmware, place

from .conftest import Onchip

ONCHIP = (sys.executable, "-m", "onchip.cli.main")


def _start(*words: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [*ONCHIP, "gdbserver", "--probe", "virtual:nrf51822", "--port", "0", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    match = re.fullmatch(r"GDB server started on port (\d+)\n", first)
    assert match, first
    return process, int(match[1])


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], int]]:
    process, port = _start()
    try:
        yield process, port
    finally:
        process.kill()
        process.communicate(timeout=20)


def _ask(connection: socket.socket, text: str) -> str:
    connection.settimeout(20)
    connection.sendall(f"${text}#{sum(text.encode()) & 0xFF:02x}".encode())
    received = b""
    while not re.search(rb"\$[^#]*#..", received):
        received += connection.recv(4096)
    answer = re.search(rb"\$([^#]*)#..", received)
    assert answer is not None
    connection.sendall(b"+")
    return answer[1].decode("latin-1")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_that_it_accepts_and_answers_and_a_signal_ends_it(
    server: tuple[subprocess.Popen[str], int], number: signal.Signals
) -> None:
    process, port = server
    with socket.create_connection(("127.0.0.1", port)) as connection:
        assert "PacketSize=" in _ask(connection, "qSupported")
        assert _ask(connection, "?").startswith(("T", "S"))
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert err.splitlines()[-1] == "stopped"
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("count", "packets", "milliseconds"),
    [(0, 8, 3), (3, 70, 80)],  # 22 ms of these are the erase of the page
)
def test_what_it_takes_to_end(
    count: int,
    packets: int,
    milliseconds: float,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Between the signal and the end, with the core running: packets, and the board's time."""
    with VirtualBoard("nrf51822") as board:
        link = CountingLink(board.link())
        session = open_session(link)
        image = firmware(session)
        held = board.core.bus.find(0)
        assert held is not None
        assert held.memory is not None
        held.memory.data[: len(image)] = image
        session.reset(halt=True)
        session.core.breakpoints.set(place(session, 12), condition=lambda at: False)
        for n in range(count):
            session.core.breakpoints.set(
                place(session, 2 * n), BreakpointKind.FLASH, condition=lambda at: False
            )
        session.resume_on_close = True
        session.core.resume()
        assert bytes(held.memory.data).count(b"\x00\xbe") == count
        marks = []

        @contextlib.contextmanager
        def signalled() -> Iterator[threading.Event]:
            stop = threading.Event()
            stop.set()
            marks.append((link.mark(), link.now()))
            yield stop
            marks.append((link.mark(), link.now()))

        monkeypatch.setattr(verb, "stop_requests", signalled)
        monkeypatch.setattr(verb, "open_session", lambda arguments: session)
        assert main(["gdbserver", "--port", "0"]) == 0
        (before, began), (after, ended) = marks
        assert (after - before).packets <= packets
        assert ended - began < milliseconds / 1000
        assert link.mark() == after  # all was done before a second signal could strike
        assert held.memory.data[: len(image)] == image
        assert not board.core.halted
    said = "taking 3 breakpoints out of flash ...\n" if count else ""
    assert capsys.readouterr().err == said + "stopped\n"


def test_a_job_that_has_to_end_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An erase of a large sector, say: the session is not closed under it."""
    done: list[str] = []

    class Busy:
        is_alive, failure = True, None

        def __init__(self, session: Session, *rest: object, **more: object) -> None:
            close = session.close
            monkeypatch.setattr(session, "close", lambda: (done.append("close"), close()))

        def start(self) -> None:
            signal.raise_signal(signal.SIGTERM)

        def stop(self) -> None:
            done.append("stop")

        def join(self) -> None:
            done.append("join")

    monkeypatch.setattr("onchip.services.gdb.GdbServer", Busy)
    assert main(["gdbserver", "--probe", "virtual:nrf51822", "--port", "0"]) == 0
    assert done[:3] == ["stop", "join", "close"]
    assert "waiting for the job on the flash" in capsys.readouterr().err


@pytest.fixture
def idle_stop(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Nobody stops the server until this is set; it looks after its probe all the time."""
    stop = threading.Event()

    @contextlib.contextmanager
    def requests() -> Iterator[threading.Event]:
        yield stop

    monkeypatch.setattr(verb, "stop_requests", requests)
    monkeypatch.setattr(verb, "_SEARCH_S", 0.001)
    monkeypatch.setattr(loop, "CHECK_S", 0.001)
    return stop


def test_a_probe_that_is_unplugged_while_nobody_is_there_ends_it(
    idle_stop: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with VirtualBoard("nrf51822") as board:
        session = open_session(board.link())
        monkeypatch.setattr(verb, "open_session", lambda arguments: session)
        board.faults.unplug(after_packets=3)
        assert main(["gdbserver", "--port", "0"]) == ExitCode.PROBE
    said = capsys.readouterr().err
    assert "was unplugged" in said
    assert "Traceback" not in said


def test_with_persist_it_waits_until_the_probe_is_back(
    idle_stop: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with VirtualBoard("nrf51822") as board, VirtualBoard("nrf51822") as again:
        answers: list[Session | OnchipError] = [
            open_session(board.link()),
            ProbeNotFound("no probe"),
            TransferNoAck("no power yet", operation="read DP"),
            open_session(again.link()),
        ]

        def opened(arguments: argparse.Namespace) -> Session:
            answer = answers.pop(0)
            if isinstance(answer, OnchipError):
                raise answer
            if not answers:
                idle_stop.set()
            return answer

        monkeypatch.setattr(verb, "open_session", opened)
        board.faults.unplug(after_packets=3)
        assert main(["gdbserver", "--port", "0", "--persist"]) == 0
    shown = capsys.readouterr()
    assert "waiting until it is back" in shown.err
    assert shown.err.endswith("stopped\n")
    assert shown.out.count("GDB server started") == 2
    assert not answers


def test_a_signal_ends_the_waiting_for_a_probe(
    idle_stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VirtualBoard("nrf51822") as board:
        answers = [open_session(board.link())]

        def opened(arguments: argparse.Namespace) -> Session:
            if answers:
                return answers.pop()
            idle_stop.set()
            raise ProbeNotFound("no probe")

        monkeypatch.setattr(verb, "open_session", opened)
        board.faults.unplug(after_packets=3)
        assert main(["gdbserver", "--port", "0", "--persist"]) == 0


def test_once_it_ends_when_gdb_leaves() -> None:
    process, port = _start("--once")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        _ask(connection, "qSupported")
        assert _ask(connection, "D") == "OK"
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_taken_port_is_told(onchip: Onchip) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = onchip("gdbserver", "--probe", "virtual:nrf51822", "--port", port)
    assert result.code != 0
    assert result.err.startswith("onchip: error: ")
    assert port in result.err
    assert "a bug in onchip" not in result.err


def test_the_console_of_semihosting_has_a_port_for_telnet() -> None:
    process, port = _start("--semihosting-port", "0")
    try:
        assert process.stderr is not None
        found = re.search(r"semihosting console on port (\d+)", process.stderr.readline())
        assert found
        address = ("127.0.0.1", int(found[1]))
        with (
            socket.create_connection(("127.0.0.1", port)) as gdb,
            socket.create_connection(address, timeout=20) as telnet,
        ):
            for packet in ("?", "M20000000,4:abbefee7", "M20000100,3:686900"):
                _ask(gdb, packet)
            for packet in ("P0=04000000", "P1=00010020", "P10=00000001", "Pf=00000020"):
                assert _ask(gdb, packet) == "OK"
            telnet.sendall(b"typed")
            assert _ask(gdb, "c")[:1] == "O"
            assert telnet.recv(16) == b"hi"
    finally:
        process.kill()
        process.communicate(timeout=20)
