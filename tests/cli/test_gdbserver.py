"""`onchip gdbserver` as a process; what GDB does with it is judged in tests/judges."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

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
