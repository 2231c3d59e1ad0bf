"""The board on TCP: frames typed by hand, clients that misbehave, time that follows the clock."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from onchip.errors import UsageError
from onchip.services.board import BoardServer, Pace
from onchip.virtual_board.board import VirtualBoard

# "DAP\0", payload length, 1 request, 0
ASK_PACKET_COUNT = bytes.fromhex("44 41 50 00 02 00 01 00 00 fe")
PACKET_COUNT_IS_4 = bytes.fromhex("44 41 50 00 03 00 02 00 00 01 04")


@pytest.fixture
def server() -> Iterator[BoardServer]:
    with VirtualBoard("bare-ram") as board, BoardServer(board, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.stop()
        thread.join(5)
        assert not thread.is_alive()


def client(server: BoardServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = connection.recv(length - len(data))
        if not piece:
            break
        data += piece
    return data


def ask(connection: socket.socket) -> bytes:
    connection.sendall(ASK_PACKET_COUNT)
    return receive(connection, len(PACKET_COUNT_IS_4))


def until(condition: object, timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_packet(server: BoardServer) -> None:
    with client(server) as connection:
        assert ask(connection) == PACKET_COUNT_IS_4


def test_frames_in_pieces_and_in_bulk(server: BoardServer) -> None:
    with client(server) as connection:
        for byte in ASK_PACKET_COUNT:
            connection.sendall(bytes((byte,)))
            time.sleep(0.001)
        assert receive(connection, 11) == PACKET_COUNT_IS_4
        connection.sendall(ASK_PACKET_COUNT * 10)
        assert receive(connection, 110) == PACKET_COUNT_IS_4 * 10


def test_clients_one_after_the_other(server: BoardServer) -> None:
    for _ in range(5):
        with client(server) as connection:
            assert ask(connection) == PACKET_COUNT_IS_4
        until(lambda: not server.attended)


def test_a_second_client_is_turned_away(server: BoardServer) -> None:
    with client(server) as first:
        assert ask(first) == PACKET_COUNT_IS_4
        with client(server) as second:
            refusal = second.makefile("rb").read()
            assert refusal[6] == 0x81
            assert refusal[8:].startswith(b"\x01is in use by ")
        assert ask(first) == PACKET_COUNT_IS_4


def test_somebody_who_only_knocks(server: BoardServer) -> None:
    client(server).close()
    until(lambda: not server.attended)
    with client(server) as connection:
        assert ask(connection) == PACKET_COUNT_IS_4


@pytest.mark.parametrize(
    "rubbish", [b"GET / HTTP/1.0\r\n\r\n", b"DAP\0\xff\xff\1\0", b"DAP\0\2\0\7\0"]
)
def test_rubbish_is_cut_off(server: BoardServer, rubbish: bytes) -> None:
    with client(server) as connection:
        connection.sendall(rubbish)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    until(lambda: not server.attended)
    with client(server) as connection:
        assert ask(connection) == PACKET_COUNT_IS_4


def test_a_client_that_vanishes_in_the_middle(server: BoardServer) -> None:
    connection = client(server)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST at close
    connection.sendall(bytes.fromhex("44 41 50 00 02 00 01 00 7e 01"))  # QueueCommands, cut short
    connection.sendall(ASK_PACKET_COUNT[:5])
    connection.close()
    until(lambda: not server.attended)
    with client(server) as connection:
        assert ask(connection) == PACKET_COUNT_IS_4


def test_what_a_client_sent_before_it_left_is_done(server: BoardServer) -> None:
    for frequency in ("40 4b 4c 00", "80 96 98 00"):  # 5 MHz, 10 MHz
        connection = client(server)
        clock = bytes.fromhex("44 41 50 00 05 00 01 00 11" + frequency)
        connection.sendall(ASK_PACKET_COUNT * 20 + clock)
        connection.close()
    with client(server) as connection:
        assert ask(connection) == PACKET_COUNT_IS_4
    assert server.board.clock.frequency_hz == 10_000_000


def test_half_closed(server: BoardServer) -> None:
    with client(server) as connection:
        connection.sendall(ASK_PACKET_COUNT * 3)
        connection.shutdown(socket.SHUT_WR)
        assert receive(connection, 1000) == PACKET_COUNT_IS_4 * 3


def test_many_clients_without_a_pause(server: BoardServer) -> None:
    for _ in range(50):
        with client(server) as connection:
            assert ask(connection) == PACKET_COUNT_IS_4


def test_the_probe_keeps_its_state_between_clients(server: BoardServer) -> None:
    with client(server) as connection:
        connection.sendall(bytes.fromhex("44 41 50 00 05 00 01 00 11 40 4b 4c 00"))
        assert receive(connection, 10)[8:] == b"\x11\x00"
    assert server.board.clock.frequency_hz == 5_000_000


def test_unplugging_hangs_up(server: BoardServer) -> None:
    server.board.faults.unplug(after_packets=1)
    with client(server) as connection:
        assert ask(connection) == PACKET_COUNT_IS_4
        connection.sendall(ASK_PACKET_COUNT)
        assert connection.recv(1) == b""
    with client(server) as connection:
        assert connection.recv(1) == b""


def test_a_lost_response_is_not_sent(server: BoardServer) -> None:
    server.board.faults.lose_response()
    with client(server) as connection:
        connection.sendall(ASK_PACKET_COUNT)
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(5)
        assert ask(connection) == PACKET_COUNT_IS_4


def test_time_follows_the_clock(server: BoardServer) -> None:
    until(lambda: server.board.clock.now_ns > 100_000_000)
    started, before = time.monotonic_ns(), server.board.clock.now_ns
    time.sleep(0.1)
    simulated = server.board.clock.now_ns - before
    real = time.monotonic_ns() - started
    assert simulated < real + 250_000_000


def test_taken_port(server: BoardServer) -> None:
    with VirtualBoard("bare-ram") as board:
        other = BoardServer(board, port=server.port)
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{server.port}"):
            other.start()
        other.close()


def test_uart_output_is_passed_on() -> None:
    heard: list[bytes] = []
    with VirtualBoard("bare-ram") as board, BoardServer(board, port=0, on_uart=heard.append):
        board.chip.uart.transmit(b"hello")
    assert heard == [b"hello"]
    assert board.console.on_output is None


PROGRAM = """
from onchip.services.board import BoardServer
from onchip.virtual_board.board import VirtualBoard
with VirtualBoard("bare-ram") as board, BoardServer(board, port=0) as server:
    print(server.port, flush=True)
    server.serve_forever(handle_signals=True)
print("closed", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            assert ask(connection) == PACKET_COUNT_IS_4
            process.send_signal(number)
            assert process.stdout.read() == "closed\n"
            assert process.wait(10) == 0


class TestPace:
    """With a clock of our own."""

    def test_catches_up_but_never_overtakes(self) -> None:
        now = [0]
        board = VirtualBoard("bare-ram")
        pace = Pace(board, lambda: now[0])
        assert pace.tick(attended=True) == 0.2  # nothing to do: the core is halted
        now[0] += 150_000_000
        pace.tick(attended=True)
        assert board.clock.now_ns <= 150_000_000
        for _ in range(100):
            pace.tick(attended=True)
        assert board.clock.now_ns == pytest.approx(150_000_000, rel=0.01)

    def test_being_ahead_is_forgiven(self) -> None:
        now = [0]
        board = VirtualBoard("bare-ram")
        pace = Pace(board, lambda: now[0])
        board.advance(2.0)  # a packet waited
        pace.tick(attended=True)
        assert pace.lag_ns == 0
        now[0] += 10_000_000
        pace.tick(attended=True)
        assert board.clock.now_ns == pytest.approx(2_010_000_000, abs=10)

    def test_a_costly_core_gets_its_share_and_the_rest_is_forgotten(self) -> None:
        now = [0]
        board = VirtualBoard("bare-ram")
        pace = Pace(board, lambda: now[0])
        advance = board.advance

        def slow(seconds: float) -> None:
            advance(seconds)
            now[0] += round(seconds * 4e9)  # four real seconds for one

        board.advance = slow  # type: ignore[method-assign]
        for _ in range(300):
            pace.tick(attended=False)
            now[0] += 10_000_000
        assert 4 * board.clock.now_ns / now[0] == pytest.approx(0.2, abs=0.06)
        assert pace.lag_ns < 100_000_000
