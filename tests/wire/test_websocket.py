"""WebSocket: the examples of RFC 6455, every way to break the protocol."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.errors import WireError
from onchip.wire.websocket import (
    Decoder,
    Message,
    Opcode,
    check_opening,
    encode_frame,
    opening_request,
    parse_url,
)

NONCE = base64.b64decode("dGhlIHNhbXBsZSBub25jZQ==")  # 1.3
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
HELLO = Message(Opcode.TEXT, b"Hello")


def test_the_opening_handshake() -> None:
    request = opening_request("ws://server.example.com/chat?x=1", NONCE).decode()
    assert request.startswith("GET /chat?x=1 HTTP/1.1\r\nHost: server.example.com\r\n")
    assert "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" in request
    assert request.endswith("Sec-WebSocket-Version: 13\r\n\r\n")
    for cut in range(len(ACCEPTED)):
        assert check_opening(ACCEPTED[:cut], NONCE) is None
    assert check_opening(ACCEPTED + b"\x81\x00", NONCE) == b"\x81\x00"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404"),
        (b"\r\n\r\n", "answers ''"),
        (ACCEPTED.replace(b"s3pP", b"xxxx"), "Accept is wrong"),
        (b"x" * 20_000, "does not end"),
    ],
)
def test_a_server_that_is_none(answer: bytes, message: str) -> None:
    with pytest.raises(WireError, match=message):
        check_opening(answer, NONCE)


@pytest.mark.parametrize("url", ["http://x", "ws://", "ws://x:0", "ws://x:banana", "3333"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(WireError):
        parse_url(url)


@pytest.mark.parametrize(
    ("frames", "messages"),
    [
        ("81 05 48 65 6c 6c 6f", [HELLO]),
        ("81 85 37 fa 21 3d 7f 9f 4d 51 58", [HELLO]),
        ("01 03 48 65 6c 80 02 6c 6f", [HELLO]),
        ("89 05 48 65 6c 6c 6f", [Message(Opcode.PING, b"Hello")]),
        ("01 03 48 65 6c 8a 00 80 02 6c 6f", [Message(Opcode.PONG, b""), HELLO]),
        ("82 7e 01 00" + "41" * 256, [Message(Opcode.BINARY, b"A" * 256)]),
        ("88 00", [Message(Opcode.CLOSE, b"")]),
    ],
)
def test_frames_of_the_rfc(frames: str, messages: list[Message]) -> None:
    data = bytes.fromhex(frames)
    assert Decoder().feed(data) == messages
    assert Decoder(data).feed() == messages
    decoder, found = Decoder(), []
    for byte in data:
        found += decoder.feed(bytes((byte,)))
    assert found == messages


def test_what_a_client_sends() -> None:
    mask = bytes.fromhex("37 fa 21 3d")
    frame = encode_frame(Opcode.TEXT, b"Hello", mask)
    assert frame == bytes.fromhex("81 85 37 fa 21 3d 7f 9f 4d 51 58")
    assert encode_frame(Opcode.BINARY, bytes(1 << 16), None)[:10].hex(" ") == (
        "82 7f 00 00 00 00 00 01 00 00"
    )


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ("c1 00", "begins with 0xc1"),
        ("83 00", "begins with 0x83"),
        ("80 00", "goes on without one"),
        ("01 00 81 00", "within another"),
        ("09 00", "control frame"),
        ("88 7e 00 7e" + "00" * 126, "control frame"),
        ("82 7f 00 00 00 10 00 00 00 00", "frame of"),
    ],
)
def test_a_broken_stream(frames: str, message: str) -> None:
    with pytest.raises(WireError, match=message):
        Decoder().feed(bytes.fromhex(frames))


@settings(max_examples=30)
@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4), st.booleans())
def test_round_trip(payload: bytes, mask: bytes, masked: bool) -> None:
    frame = encode_frame(Opcode.BINARY, payload, mask if masked else None)
    assert Decoder().feed(frame) == [Message(Opcode.BINARY, payload)]
