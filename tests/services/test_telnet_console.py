"""The console on a TCP port."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from onchip.errors import UsageError
from onchip.services.telnet_console import MOST_KEPT, TelnetConsole


@pytest.fixture
def console() -> Iterator[TelnetConsole]:
    console = TelnetConsole(0)
    console.start()
    yield console
    console.close()


def connected(console: TelnetConsole) -> socket.socket:
    before = len(console._clients)
    terminal = socket.create_connection(("127.0.0.1", console.port), timeout=5)
    while len(console._clients) == before:
        time.sleep(0.001)
    return terminal


def typed(console: TelnetConsole, length: int) -> bytes:
    data, deadline = b"", time.monotonic() + 5
    while len(data) < length and time.monotonic() < deadline:
        data += console.read(length - len(data))
        time.sleep(0.001)
    return data


def test_everyone_sees_what_is_printed(console: TelnetConsole) -> None:
    console.write("to nobody\n")
    with connected(console) as one, connected(console) as two:
        console.write("hello\n")
        assert one.recv(100) == two.recv(100) == b"hello\r\n"


def test_what_is_typed_is_kept_until_it_is_read(console: TelnetConsole) -> None:
    assert console.read(10) == b""
    with connected(console) as terminal:
        terminal.sendall(b"abc\r\ndef\r\0")
        assert typed(console, 3) == b"abc"
        assert typed(console, 5) == b"\ndef\n"


def test_negotiation_is_not_typed(console: TelnetConsole) -> None:
    with connected(console) as terminal:
        terminal.sendall(b"a\xff\xfd\x03b\xff\xfa\x18\x00x\xff\xf0c\xff\xf1d\xff\xffe")
        assert typed(console, 6) == b"abcd\xffe"


def test_what_nobody_reads_is_dropped_in_the_end(console: TelnetConsole) -> None:
    with connected(console) as terminal:
        terminal.sendall(b"x" * (MOST_KEPT + 5000))
        terminal.shutdown(socket.SHUT_WR)
        assert terminal.recv(1) == b""
    assert len(console.read(2 * MOST_KEPT)) == MOST_KEPT


def test_a_client_that_went_is_forgotten(console: TelnetConsole) -> None:
    with connected(console):
        pass
    deadline = time.monotonic() + 5
    while console._clients and time.monotonic() < deadline:
        console.write("anyone?\n")
        time.sleep(0.001)
    assert not console._clients


def test_closing_hangs_up_and_frees_the_port(console: TelnetConsole) -> None:
    port = console.port
    terminal = connected(console)
    console.close()
    console.close()
    assert terminal.recv(1) == b""
    terminal.close()
    again = TelnetConsole(port)
    again.start()
    again.close()


def test_a_port_that_is_taken(console: TelnetConsole) -> None:
    other = TelnetConsole(console.port)
    assert other.port == console.port
    with pytest.raises(UsageError, match="cannot listen"):
        other.start()
