"""GDB behind a WebSocket server that `GDBServer` connects to."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import socket
import threading
from collections.abc import Iterator

import pytest

from onchip.wire.gdb_rsp.framing import Decoder as RspDecoder
from onchip.wire.gdb_rsp.framing import Packet, encode_packet
from onchip.wire.websocket import Decoder, Message, Opcode, encode_frame
from pyOCD.board import MbedBoard
from pyOCD.gdbserver import GDBServer


class WebServer:
    """A WebSocket server for one connection; it plays GDB through it."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/gdb"
        self.decoder, self.rsp = Decoder(), RspDecoder()
        self.kinds: list[Opcode] = []

    def accept(self, status: str = "101 Switching Protocols") -> None:
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(10)
        request = self.connection.recv(4096).decode()
        found = re.search("Sec-WebSocket-Key: (.*)\r\n", request)
        assert found
        digest = hashlib.sha1(found[1].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        accept = base64.b64encode(digest).decode()
        answer = f"HTTP/1.1 {status}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        self.connection.sendall(answer.encode() + encode_frame(Opcode.PING, b"there?", None))

    def messages(self) -> list[Message]:
        while not (messages := self.decoder.feed(self.connection.recv(65536))):
            pass
        return messages

    def ask(self, payload: bytes, kind: Opcode = Opcode.TEXT) -> bytes:
        self.connection.sendall(encode_frame(kind, b"+" + encode_packet(payload), None))
        while True:
            for message in self.messages():
                self.kinds.append(message.opcode)
                for event in self.rsp.feed(message.payload):
                    if isinstance(event, Packet):
                        return event.payload

    def close(self) -> None:
        self.listener.close()
        if hasattr(self, "connection"):
            self.connection.close()


@pytest.fixture
def web() -> Iterator[WebServer]:
    web = WebServer()
    yield web
    web.close()


def _serve(board: MbedBoard, web: WebServer) -> GDBServer:
    accepting = threading.Thread(target=web.accept)
    accepting.start()
    server = GDBServer(board, web.url)
    accepting.join(10)
    return server


def test_gdb_behind_a_websocket(board: MbedBoard, web: WebServer) -> None:
    server = _serve(board, web)
    assert web.messages() == [Message(Opcode.PONG, b"there?")]
    assert web.ask(b"?").startswith(b"T05")
    assert web.ask(b"m8000000,4") == b"00400020"
    assert set(web.kinds) == {Opcode.TEXT}
    assert web.ask(b"qC", Opcode.BINARY) == b"QC1"
    assert web.kinds[-1] is Opcode.BINARY
    web.connection.sendall(encode_frame(Opcode.CLOSE, b"", None))
    server.join(10)
    assert not server.isAlive()
    server.stop()


def test_stopping_hangs_up(board: MbedBoard, web: WebServer) -> None:
    server = _serve(board, web)
    assert web.ask(b"qC") == b"QC1"
    server.stop()
    assert web.messages()[-1].opcode is Opcode.CLOSE
    assert not server.isAlive()


@pytest.mark.parametrize("refused", [True, False])
def test_a_server_that_is_none_ends_the_service(
    board: MbedBoard, web: WebServer, caplog: pytest.LogCaptureFixture, refused: bool
) -> None:
    caplog.set_level(logging.ERROR, "pyOCD")
    if refused:
        thread = threading.Thread(target=web.accept, args=("403 Forbidden",))
        thread.start()
    else:
        web.listener.close()
    server = GDBServer(board, web.url, {"persist": True})
    server.join(10)
    assert not server.isAlive()
    assert "the WebSocket ws://127.0.0.1" in caplog.text
    if refused:
        thread.join(10)
