"""The classic GDB server: the names, the options, the command line."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from onchip.errors import UsageError
from onchip.services.gdb import GdbServer
from onchip.wire.gdb_rsp.framing import Decoder, Packet, encode_packet
from pyOCD.board import MbedBoard
from pyOCD.gdbserver import GDBServer
from pyOCD.tools import gdb_server


def ask(port: int, *payloads: bytes) -> list[bytes]:
    """Send packets to a server and return the answers."""
    answers = []
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        decoder = Decoder()
        for payload in payloads:
            sock.sendall(encode_packet(payload))
            packets: list[bytes] = []
            while not packets:
                events = decoder.feed(sock.recv(65536))
                packets = [event.payload for event in events if isinstance(event, Packet)]
            answers += packets
    return answers


@pytest.fixture
def server(board: MbedBoard, capsys: pytest.CaptureFixture[str]) -> Iterator[GDBServer]:
    server = GDBServer(board, 0, {"persist": True})
    yield server
    server.stop()


def test_it_serves_at_once(server: GDBServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert server.isAlive()
    assert capsys.readouterr().out == f"GDB server started on port {server.port}\n"
    stop, memory = ask(server.port, b"?", b"m8000000,4")
    assert stop.startswith(b"T05")
    assert memory == b"00400020"


def test_restart_and_another_board(server: GDBServer, board: MbedBoard) -> None:
    port = server.port
    server.restart()
    assert server.port == port
    server.setBoard(board)
    assert ask(port, b"qC") == [b"QC1"]
    server.setBoard(board, stop=False)
    server.stop()
    server.join(5)
    assert not server.isAlive()


def test_without_persist_it_ends_with_its_client(board: MbedBoard) -> None:
    server = GDBServer(board, 0)
    ask(server.port, b"?", b"D")
    server.join(5)
    assert not server.is_alive()


def test_the_callback_gets_the_server(board: MbedBoard) -> None:
    called: list[GDBServer] = []
    server = GDBServer(board, 0, {"server_listening_callback": called.append})
    assert called == [server]
    server.stop()


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({}, "vector_catch", frozenset({"hardfault"})),
        ({"break_at_hardfault": False}, "vector_catch", frozenset()),
        ({"break_on_reset": True}, "vector_catch", frozenset({"hardfault", "reset"})),
        ({"vector_catch": 0x42}, "vector_catch", frozenset({"busfault", "nocp"})),
        ({"step_into_interrupt": True}, "step_into_interrupts", True),
        ({"soft_bkpt_as_hard": True}, "hardware_breakpoints_only", True),
        ({"chip_erase": True}, "erase", "chip"),
        ({"chip_erase": False}, "erase", "sector"),
        ({"enable_semihosting": True}, "semihosting", True),
        ({"fast_program": True}, "persist", False),
    ],
)
def test_options_are_handed_on(
    board: MbedBoard,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
    field: str,
    value: object,
) -> None:
    seen = {}
    original = GdbServer.__init__

    def spy(self, session, port, **settings):  # type: ignore[no-untyped-def]
        seen.update(settings)
        original(self, session, port, **settings)

    monkeypatch.setattr(GdbServer, "__init__", spy)
    GDBServer(board, 0, options).stop()
    assert getattr(seen["options"], field) == value
    assert seen["host"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("port", "options", "message"),
    [
        ("http://localhost:80", {}, "no WebSocket URL"),
        (70000, {}, "no TCP port 70000"),
        (0, {"breakfast": True}, "no option breakfast"),
    ],
)
def test_what_is_not_served_is_refused(
    board: MbedBoard, port: int | str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        GDBServer(board, port, options)


# ---- the command line


def test_lists(capsys: pytest.CaptureFixture[str]) -> None:
    assert gdb_server.main(["--list"]) == 0
    assert "virtual:stm32f407" in capsys.readouterr().out
    assert gdb_server.main(["--list", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["boards"][0]["unique_id"] == "virtual:stm32f407"
    assert gdb_server.main(["--list-targets"]) == 0
    assert "lpc1768" in capsys.readouterr().out
    assert gdb_server.main(["--list-targets", "--json"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)["targets"]]
    assert "nrf52840" in names


def test_an_unknown_board_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert gdb_server.main(["--board", "nobody"]) == 1
    assert "nobody" in capsys.readouterr().out


def test_an_unknown_target_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert gdb_server.main(["--target", "nonsense"]) == 1
    assert capsys.readouterr().err.startswith("error: no chip is named 'nonsense'")


def test_a_server_from_the_command_line() -> None:
    command = [sys.executable, "-m", "pyOCD.tools.gdb_server", "-p", "0", "-t", "stm32f407"]
    with subprocess.Popen(
        [*command, "-o"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"GDB server started on port (\d+)\n", line)
        assert found, line + process.stdout.read()
        assert ask(int(found[1]), b"?", b"D")[1] == b"OK"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
