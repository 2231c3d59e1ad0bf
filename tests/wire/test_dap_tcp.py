import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import WireError
from onchip.wire.dap_tcp import (
    DEFAULT_PORT,
    MAX_PAYLOAD,
    SIGNATURE,
    Decoder,
    Frame,
    Kind,
    Reason,
    decode_refusal,
    encode,
    encode_refusal,
)

# typed from the header's definition: "DAP\0" as u32, u16 length, u8 kind, u8 zero, little-endian
ASK_HEX = "44 41 50 00 02 00 01 00 00 ff"
ANSWER_HEX = "44 41 50 00 04 00 02 00 00 02 00 02"


def test_golden() -> None:
    assert (SIGNATURE, DEFAULT_PORT, MAX_PAYLOAD) == (0x00504144, 4441, 1024)
    assert encode(Kind.REQUEST, b"\x00\xff") == bytes.fromhex(ASK_HEX)
    assert encode(Kind.RESPONSE, b"\x00\x02\x00\x02") == bytes.fromhex(ANSWER_HEX)
    assert Decoder().feed(bytes.fromhex(ASK_HEX)) == [Frame(1, b"\x00\xff")]
    assert Decoder().feed(bytes.fromhex(ANSWER_HEX)) == [Frame(2, b"\x00\x02\x00\x02")]


def test_bytes_come_one_at_a_time() -> None:
    decoder = Decoder()
    stream = bytes.fromhex(ASK_HEX)
    for at, byte in enumerate(stream[:-1]):
        assert decoder.feed(bytes((byte,))) == []
        assert decoder.pending == at + 1
    assert decoder.feed(stream[-1:]) == [Frame(1, b"\x00\xff")]
    assert decoder.pending == 0


FRAMES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=60)), max_size=6)


@given(FRAMES, st.lists(st.integers(1, 40), max_size=30))
def test_any_cut_of_the_stream_gives_the_same_frames(frames, cuts) -> None:
    stream = b"".join(encode(kind, payload) for kind, payload in frames)
    decoder, got, at = Decoder(), [], 0
    for size in [*cuts, len(stream)]:
        got += decoder.feed(stream[at : at + size])
        at += size
    assert got == [Frame(kind, payload) for kind, payload in frames]
    assert decoder.pending == 0


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("45 41 50 00 02 00 01 00", "signature"),
        ("44 41 50 01 02 00 01 00", "signature"),
        ("44 41 50 00 02 00 03 00", "kind 3"),
        ("44 41 50 00 02 00 00 00", "kind 0"),
        ("44 41 50 00 01 04 01 00", "1025 bytes"),
    ],
)
def test_a_stream_of_something_else(header: str, says: str) -> None:
    with pytest.raises(WireError, match=says):
        Decoder().feed(bytes.fromhex(header))


def test_the_reserved_byte_is_the_dialect() -> None:
    frames = Decoder().feed(bytes.fromhex("44 41 50 00 01 00 01 77 03"))
    assert frames == [Frame(1, b"\x03", 0x77)]
    assert encode(Kind.TURN, dialect=1) == bytes.fromhex("44 41 50 00 00 00 82 01")


def test_the_longest_packet() -> None:
    assert Decoder().feed(encode(1, bytes(1024))) == [Frame(1, bytes(1024))]
    with pytest.raises(WireError, match="1025 bytes"):
        encode(1, bytes(1025))
    with pytest.raises(WireError, match="not 3"):
        encode(3, b"")


@given(st.binary(max_size=100))
def test_any_bytes(junk) -> None:
    for head in (b"", bytes.fromhex("44 41 50 00")):
        try:
            frames = Decoder().feed(head + junk)
        except WireError:
            continue
        assert all(frame.kind in (1, 2) for frame in frames)


# ---- refusals, which are ours

REFUSAL_HEX = "44 41 50 00 05 00 81 00 02 6e 6f 70 65"


def test_a_refusal() -> None:
    assert encode_refusal(Reason.DENIED, "nope") == bytes.fromhex(REFUSAL_HEX)
    (frame,) = Decoder().feed(bytes.fromhex(REFUSAL_HEX))
    assert frame.kind == Kind.REFUSAL
    assert decode_refusal(frame.payload) == (Reason.DENIED, "nope")


def test_a_refusal_of_any_length_and_content_is_read() -> None:
    assert len(encode_refusal(Reason.BUSY, "x" * 5000)) == 8 + MAX_PAYLOAD
    assert decode_refusal(b"") == (Reason.BUSY, "")
    assert decode_refusal(b"\x09\xff") == (Reason.BUSY, "\ufffd")
