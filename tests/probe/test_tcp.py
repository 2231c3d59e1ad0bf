"""TcpLink against a socket that answers, is slow, talks nonsense or hangs up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from onchip.errors import ProbeBusy, ProbeLost, ProbeNotFound, ProbeTimeout
from onchip.probe.tcp import TcpLink
from onchip.wire import dap_tcp


@contextmanager
def peer(behave: Callable[[socket.socket], None]) -> Iterator[TcpLink]:
    """Give a link whose other end is run by ``behave`` in a thread."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            behave(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    link = TcpLink("127.0.0.1", listener.getsockname()[1])
    try:
        yield link
    finally:
        link.close()
        thread.join(5)
        listener.close()


def echo_upper(connection: socket.socket) -> None:
    decoder = dap_tcp.Decoder()
    while data := connection.recv(4096):
        for frame in decoder.feed(data):
            connection.sendall(dap_tcp.encode(dap_tcp.Kind.RESPONSE, frame.payload.upper()))


def test_packets_go_there_and_back() -> None:
    with peer(echo_upper) as link:
        link.write(b"abc")
        assert link.read(2) == b"ABC"


def test_packets_may_be_written_ahead() -> None:
    with peer(echo_upper) as link:
        packets = [bytes([97 + i]) * 1000 for i in range(16)]
        for packet in packets:
            link.write(packet)
        assert [link.read(2) for _ in packets] == [packet.upper() for packet in packets]


def test_an_answer_in_pieces_is_put_together() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(100)
        for byte in dap_tcp.encode(dap_tcp.Kind.RESPONSE, b"whole"):
            connection.sendall(bytes([byte]))
            time.sleep(0.001)
        connection.recv(100)

    with peer(drip) as link:
        link.write(b"?")
        assert link.read(2) == b"whole"


def test_silence_is_a_timeout_that_names_the_way() -> None:
    with (
        peer(lambda connection: connection.recv(100)) as link,
        pytest.raises(ProbeTimeout, match=r"tcp:127\.0\.0\.1:\d+ did not answer within 0\.05 s"),
    ):
        link.read(0.05)


def test_the_link_works_on_after_a_timeout() -> None:
    with peer(echo_upper) as link:
        with pytest.raises(ProbeTimeout):
            link.read(0.01)
        link.write(b"x")
        assert link.read(2) == b"X"


def test_hanging_up_later_is_a_lost_probe() -> None:
    def once(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(dap_tcp.encode(dap_tcp.Kind.RESPONSE, b"1"))

    with peer(once) as link:
        link.write(b"x")
        assert link.read(2) == b"1"
        with pytest.raises(ProbeLost, match="is gone"):
            link.read(2)
        with pytest.raises(ProbeLost, match="is closed"):
            link.write(b"x")


def test_hanging_up_at_once_is_a_busy_probe() -> None:
    with peer(lambda connection: None) as link:
        with pytest.raises(ProbeBusy) as caught:
            link.read(2)
        assert "another program" in (caught.value.hint or "")


def test_another_protocol_is_told_and_the_link_closed() -> None:
    def http(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(100)

    with peer(http) as link:
        with pytest.raises(ProbeLost, match="not a CMSIS-DAP probe"):
            link.read(2)
        with pytest.raises(ProbeLost):
            link.read(2)


def test_a_request_from_the_other_end_is_no_answer() -> None:
    def confused(connection: socket.socket) -> None:
        connection.sendall(dap_tcp.encode(dap_tcp.Kind.REQUEST, b"what?"))
        connection.sendall(dap_tcp.encode(dap_tcp.Kind.RESPONSE, b"that"))
        connection.recv(100)

    with peer(confused) as link:
        assert link.read(2) == b"that"


def test_nobody_there_names_the_virtual_boards() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ProbeNotFound, match=f"tcp:127.0.0.1:{port}") as caught:
        TcpLink("127.0.0.1", port)
    assert "onchip board stm32f407" in (caught.value.hint or "")


def test_closing_twice_is_harmless_and_shows() -> None:
    with peer(lambda connection: connection.recv(100)) as link:
        assert repr(link) == f"<TcpLink {link.description}>"
        link.close()
        link.close()
        assert "closed" in repr(link)


def test_time_is_real() -> None:
    with peer(lambda connection: connection.recv(100)) as link:
        before = link.now()
        link.sleep(0.02)
        assert 0.015 < link.now() - before < 5


def test_a_reset_connection_is_told_like_a_closed_one() -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(1)  # not before the other end knows that it is connected
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    def ask(link: TcpLink) -> None:
        link.write(b"x")
        link.read(5)

    with peer(reset) as link, pytest.raises(ProbeBusy, match="hung up before it answered"):
        ask(link)
