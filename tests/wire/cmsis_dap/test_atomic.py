import pytest

from onchip.errors import CommandUnknown, WireError
from onchip.wire.cmsis_dap import (
    SIMPLE_COMMANDS,
    CommandId,
    Connect,
    Delay,
    ExecuteCommands,
    ExecuteCommandsResponse,
    Info,
    InfoResponse,
    QueueCommands,
    Reader,
    StatusResponse,
    SWJ_Pins,
    SWJ_PinsResponse,
    Transfer,
    TransferBlock,
    TransferOperation,
    TransferResponse,
    Unknown,
    UnknownResponse,
    Vendor,
    decode_request,
    request_length,
)

PINS_LOW, PINS_HIGH = SWJ_Pins(0, 0x80, 0), SWJ_Pins(0x80, 0x80, 1000)

# the specification's example: two DAP_SWJ_Pins with a DAP_Delay in between
EXAMPLE = ExecuteCommands((PINS_LOW, Delay(0x1234), PINS_HIGH))
EXAMPLE_HEX = "7f 03 10 00 80 00 00 00 00 09 34 12 10 80 80 e8 03 00 00"
EXAMPLE_RESPONSE = ExecuteCommandsResponse(
    (SWJ_PinsResponse(0x03), StatusResponse(0x09, 0), SWJ_PinsResponse(0x83))
)
EXAMPLE_RESPONSE_HEX = "7f 03 10 03 09 00 10 83"


def test_execute_commands_golden() -> None:
    out, back = bytes.fromhex(EXAMPLE_HEX), bytes.fromhex(EXAMPLE_RESPONSE_HEX)
    assert EXAMPLE.encode() == out
    assert ExecuteCommands.decode(out + bytes(8)) == EXAMPLE
    assert decode_request(out) == EXAMPLE
    assert EXAMPLE_RESPONSE.encode() == back
    assert EXAMPLE.decode_response(back + bytes(8)) == EXAMPLE_RESPONSE
    for end in range(len(out)):
        with pytest.raises(WireError):
            decode_request(out[:end])
    for end in range(len(back)):
        with pytest.raises(WireError):
            EXAMPLE.decode_response(back[:end])


def test_queue_commands_golden() -> None:
    # the request is 0x7E, the response 0x7F
    queue = QueueCommands((PINS_LOW, Delay(0x1234)))
    out = bytes.fromhex("7e 02 10 00 80 00 00 00 00 09 34 12")
    back = bytes.fromhex("7f 02 10 03 09 00")
    assert queue.encode() == out
    assert QueueCommands.decode(out) == decode_request(out) == queue
    expected = ExecuteCommandsResponse((SWJ_PinsResponse(0x03), StatusResponse(0x09, 0)))
    assert queue.decode_response(back) == expected
    with pytest.raises(WireError):
        queue.decode_response(bytes.fromhex("7e 02 10 03 09 00"))
    with pytest.raises(CommandUnknown):
        queue.decode_response(b"\xff")


def test_a_word_read_in_one_packet_with_its_set_up() -> None:
    both = ExecuteCommands(
        (
            Transfer(0, (TransferOperation(0x05, 0x2000_0000), TransferOperation(0x0F))),
            TransferBlock(0, 2, 0x0F),
            Info(0xFE),
        )
    )
    assert both.encode() == bytes.fromhex("7f 03 05 00 02 05 00 00 00 20 0f 06 00 02 00 0f 00 fe")
    got = both.decode_response(
        bytes.fromhex("7f 03 05 02 01 04 03 02 01 06 02 00 01 11 11 11 11 22 22 22 22 00 01 04")
    )
    transfer, block, info = got.responses
    assert transfer == TransferResponse(2, 1, (0x01020304,))
    assert block.data == bytes.fromhex("11 11 11 11 22 22 22 22")
    assert info == InfoResponse(b"\x04")


@pytest.mark.parametrize("tail", ["", "00 00 00 00"], ids=["exact", "padded"])
@pytest.mark.parametrize(
    ("first", "words"),
    [("05 01 04 44 33 22 11", (0x11223344,)), ("05 01 04", ())],
    ids=["word there", "word missing"],
)
def test_behind_a_failed_posted_read_both_lengths_are_found(first, words, tail) -> None:
    reads = Transfer(0, (TransferOperation(0x0F), TransferOperation(0x0F)))
    both = ExecuteCommands((reads, reads, Delay(1)))
    back = bytes.fromhex(f"7f 03 {first} 05 00 04 09 00 {tail}")
    assert both.decode_response(back).responses == (
        TransferResponse(1, 4, words),
        TransferResponse(0, 4),
        StatusResponse(0x09, 0),
    )


def test_a_command_that_the_probe_lacks_is_one_byte() -> None:
    both = ExecuteCommands((Unknown(0x42), Info(0xFE), Delay(1)))
    assert both.encode() == bytes.fromhex("7f 03 42 00 fe 09 01 00")
    assert decode_request(both.encode()) == both
    back = bytes.fromhex("7f 03 ff 00 01 04 ff")
    expected = (UnknownResponse(), InfoResponse(b"\x04"), UnknownResponse())
    assert both.decode_response(back).responses == expected
    assert ExecuteCommandsResponse(expected).encode() == back


def test_fewer_done_than_asked_for_is_read_and_more_is_refused() -> None:
    both = ExecuteCommands((Delay(1), Delay(2)))
    assert len(both.decode_response(bytes.fromhex("7f 01 09 00")).responses) == 1
    with pytest.raises(WireError, match="3 commands done, 2 asked for"):
        both.decode_response(bytes.fromhex("7f 03 09 00 09 00 09 00"))


@pytest.mark.parametrize("inner", [EXAMPLE, QueueCommands(()), Vendor(0x80, b"x")], ids=repr)
def test_what_has_no_length_of_its_own_cannot_stand_inside(inner) -> None:
    with pytest.raises(WireError, match="cannot stand inside"):
        ExecuteCommands((inner,)).encode()
    with pytest.raises(WireError, match="cannot stand inside"):
        decode_request(b"\x7f\x01" + inner.encode())
    with pytest.raises(WireError, match="cannot stand inside"):
        request_length(inner.encode())


def test_too_many_commands_are_refused() -> None:
    with pytest.raises(WireError, match="command count"):
        ExecuteCommands((Connect(),) * 256).encode()


def test_the_table_holds_every_command() -> None:
    assert set(SIMPLE_COMMANDS) | {0x7E, 0x7F} == {int(member) for member in CommandId}


def test_request_length_of_the_variable_ones() -> None:
    cases = [
        ("12 00" + "a5" * 32, 34),
        ("1d 02 85 08 99", 5),
        ("14 01 c9 34 01", 5),
        ("15 02 04 05", 4),
        ("05 00 03 0f 05 00 00 00 20 1f 01 00 00 00", 14),
        ("06 00 02 00 0f", 5),
        ("06 00 02 00 0d 01 02 03 04 05 06 07 08", 13),
        ("21 40 00 02 00 68 69", 7),
        ("42", 1),
    ]
    for text, length in cases:
        assert request_length(b"\x7f" + bytes.fromhex(text) + b"\x09\x01\x00", 1) == length


def test_an_unknown_command_answers_ff() -> None:
    unknown = decode_request(b"\x42" + bytes(63))
    assert unknown == Unknown(0x42)
    assert unknown.encode() == b"\x42"
    assert UnknownResponse().encode() == b"\xff"
    assert unknown.decode_response(b"\xff" + bytes(63)) == UnknownResponse()
    with pytest.raises(WireError, match="not 0xFF"):
        unknown.decode_response(b"\x42\x00")
    assert Unknown.decode(b"\x42\x00") == unknown
    assert unknown.read_response(Reader(b"")) == UnknownResponse()
    with pytest.raises(WireError):
        Unknown.decode(b"")
    with pytest.raises(WireError, match=r"use Unknown\.decode"):
        Unknown.read(Reader(b""))


def test_hostile_responses_do_not_take_exponential_time() -> None:
    # wherever one starts: five of seven reads done, a made-up failure, so four or five words
    reads = Transfer(0, (TransferOperation(0x0F),) * 7)
    both = ExecuteCommands((reads,) * 200)
    with pytest.raises(WireError):
        both.decode_response(b"\x7f\xc8" + b"\x05" * 1022)


def test_an_empty_packet_is_no_request() -> None:
    with pytest.raises(WireError, match="command byte"):
        decode_request(b"")
