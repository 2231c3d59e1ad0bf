"""Every message survives its own codec; no bytes bring anything out of it but a WireError."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import WireError
from onchip.wire import cmsis_dap as dap

U8 = st.integers(0, 0xFF)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFF_FFFF)
BYTES = st.binary(max_size=40)


def bit_bytes(count: int) -> st.SearchStrategy[bytes]:
    length = (count + 7) // 8
    return st.binary(min_size=length, max_size=length)


CLOCKS = st.integers(1, 64)
SWD_STEP = CLOCKS.flatmap(lambda n: st.builds(dap.SwdStep, st.just(n), st.none() | bit_bytes(n)))
JTAG_STEP = CLOCKS.flatmap(
    lambda n: st.builds(dap.JtagStep, st.just(n), bit_bytes(n), st.booleans(), st.booleans())
)
OPERATION = U8.flatmap(
    lambda r: st.builds(dap.TransferOperation, st.just(r), U32 if dap.has_value(r) else st.none())
)
BLOCK = st.one_of(
    st.builds(dap.TransferBlock, U8, st.integers(1, 0xFFFF), U8.map(lambda r: r | 2)),
    st.binary(min_size=1, max_size=20).flatmap(
        lambda b: st.builds(
            dap.TransferBlock, U8, st.just(len(b)), U8.map(lambda r: r & ~2), st.just(b * 4)
        )
    ),
)


def tuples(of, **sizes) -> st.SearchStrategy:
    return st.lists(of, **sizes).map(tuple)


REQUESTS = {
    dap.Info: st.builds(dap.Info, U8),
    dap.HostStatus: st.builds(dap.HostStatus, U8, U8),
    dap.Connect: st.builds(dap.Connect, U8),
    dap.Disconnect: st.just(dap.Disconnect()),
    dap.TransferConfigure: st.builds(dap.TransferConfigure, U8, U16, U16),
    dap.Transfer: st.builds(dap.Transfer, U8, tuples(OPERATION, min_size=1, max_size=12)),
    dap.TransferBlock: BLOCK,
    dap.TransferAbort: st.just(dap.TransferAbort()),
    dap.WriteABORT: st.builds(dap.WriteABORT, U8, U32),
    dap.Delay: st.builds(dap.Delay, U16),
    dap.ResetTarget: st.just(dap.ResetTarget()),
    dap.SWJ_Pins: st.builds(dap.SWJ_Pins, U8, U8, U32),
    dap.SWJ_Clock: st.builds(dap.SWJ_Clock, U32),
    dap.SWJ_Sequence: st.integers(1, 256).flatmap(
        lambda n: st.builds(dap.SWJ_Sequence, st.just(n), bit_bytes(n))
    ),
    dap.SWD_Configure: st.builds(dap.SWD_Configure, st.integers(1, 4), data_phase=st.booleans()),
    dap.SWD_Sequence: st.builds(dap.SWD_Sequence, tuples(SWD_STEP, max_size=6)),
    dap.JTAG_Sequence: st.builds(dap.JTAG_Sequence, tuples(JTAG_STEP, max_size=6)),
    dap.JTAG_Configure: st.builds(dap.JTAG_Configure, tuples(U8, max_size=9)),
    dap.JTAG_IDCODE: st.builds(dap.JTAG_IDCODE, U8),
    dap.SWO_Transport: st.builds(dap.SWO_Transport, U8),
    dap.SWO_Mode: st.builds(dap.SWO_Mode, U8),
    dap.SWO_Baudrate: st.builds(dap.SWO_Baudrate, U32),
    dap.SWO_Control: st.builds(dap.SWO_Control, U8),
    dap.SWO_Status: st.just(dap.SWO_Status()),
    dap.SWO_ExtendedStatus: st.builds(dap.SWO_ExtendedStatus, U8),
    dap.SWO_Data: st.builds(dap.SWO_Data, U16),
    dap.UART_Transport: st.builds(dap.UART_Transport, U8),
    dap.UART_Configure: st.builds(dap.UART_Configure, U8.map(dap.UartLine), U32),
    dap.UART_Control: st.builds(dap.UART_Control, U8.map(dap.UartControl)),
    dap.UART_Status: st.just(dap.UART_Status()),
    dap.UART_Transfer: st.builds(dap.UART_Transfer, U16, BYTES),
}
INNER = st.one_of(*REQUESTS.values())
EVERY = {
    **REQUESTS,
    dap.ExecuteCommands: st.builds(dap.ExecuteCommands, tuples(INNER, max_size=5)),
    dap.QueueCommands: st.builds(dap.QueueCommands, tuples(INNER, max_size=5)),
}
ANY = st.one_of(*EVERY.values())


@st.composite
def exchanges(draw, request_strategy):
    """Draw a request and a response that fits it."""
    request = draw(request_strategy)
    return request, draw(response_to(request))


def response_to(request) -> st.SearchStrategy:
    match request:
        case dap.StatusCommand():
            return st.builds(dap.StatusResponse, st.just(request.code), U8)
        case dap.Info():
            return st.builds(dap.InfoResponse, st.binary(max_size=255))
        case dap.Connect():
            return st.builds(dap.ConnectResponse, U8)
        case dap.ResetTarget():
            return st.builds(dap.ResetTargetResponse, U8, U8)
        case dap.SWJ_Pins():
            return st.builds(dap.SWJ_PinsResponse, U8)
        case dap.SWD_Sequence():
            lengths = [step.count for step in request.steps if step.data is None]
            captured = st.tuples(*map(bit_bytes, lengths))
            return st.builds(dap.SWD_SequenceResponse, st.just(0), captured) | st.just(
                dap.SWD_SequenceResponse(0xFF)
            )
        case dap.JTAG_Sequence():
            lengths = [step.count for step in request.steps if step.capture]
            captured = st.tuples(*map(bit_bytes, lengths))
            return st.builds(dap.JTAG_SequenceResponse, st.just(0), captured) | st.just(
                dap.JTAG_SequenceResponse(0xFF)
            )
        case dap.JTAG_IDCODE():
            return st.builds(dap.JTAG_IDCODEResponse, st.just(0), U32) | st.just(
                dap.JTAG_IDCODEResponse(0xFF)
            )
        case dap.Transfer():
            return transfer_responses(request)
        case dap.TransferBlock():
            count = st.integers(0, min(request.count, 20))
            if not request.request & 2:
                return st.builds(dap.TransferBlockResponse, count, U8)
            return count.flatmap(
                lambda n: st.builds(
                    dap.TransferBlockResponse,
                    st.just(n),
                    U8,
                    st.binary(min_size=4 * n, max_size=4 * n),
                )
            )
        case dap.SWO_Baudrate():
            return st.builds(dap.SWO_BaudrateResponse, U32)
        case dap.SWO_Status():
            return st.builds(dap.SWO_StatusResponse, U8.map(dap.TraceStatus), U32)
        case dap.SWO_Data():
            return st.builds(dap.SWO_DataResponse, U8.map(dap.TraceStatus), BYTES)
        case dap.SWO_ExtendedStatus():
            asked = request.control
            return st.builds(
                dap.SWO_ExtendedStatusResponse,
                U8.map(dap.TraceStatus) if asked & 1 else st.none(),
                U32 if asked & 2 else st.none(),
                U32 if asked & 4 else st.none(),
                U32 if asked & 4 else st.none(),
            )
        case dap.UART_Configure():
            return st.builds(dap.UART_ConfigureResponse, U8.map(dap.UartConfigureError), U32)
        case dap.UART_Status():
            return st.builds(dap.UART_StatusResponse, U8.map(dap.UartStatus), U32, U32)
        case dap.UART_Transfer():
            return st.builds(dap.UART_TransferResponse, U8.map(dap.UartStatus), U16, BYTES)
    raise AssertionError(request)


def transfer_responses(request: dap.Transfer) -> st.SearchStrategy:
    requests = [operation.request for operation in request.operations]
    total = len(requests)

    def with_words(count: int, response: int) -> st.SearchStrategy:
        _, most = dap.words_in_response(requests, count, response)
        words = tuples(U32, min_size=most, max_size=most)
        return st.builds(dap.TransferResponse, st.just(count), st.just(response), words)

    good = with_words(total, 1)
    failed = st.tuples(st.integers(0, total), st.sampled_from([2, 4, 7, 8, 0x11]))
    return good | failed.flatmap(lambda pair: with_words(*pair))


def test_no_command_is_left_out() -> None:
    assert {command.ID for command in EVERY} == set(dap.CommandId)


@given(ANY)
def test_requests_round_trip(request) -> None:
    packet = request.encode()
    assert type(request).decode(packet) == request
    assert dap.decode_request(packet + bytes(9)) == request


@given(INNER, BYTES, BYTES)
def test_request_length_is_what_encode_gives(request, before, after) -> None:
    packet = request.encode()
    assert dap.request_length(before + packet + after, len(before)) == len(packet)


@given(exchanges(INNER.filter(lambda r: not isinstance(r, dap.TransferAbort))))
def test_responses_round_trip(exchange) -> None:
    request, response = exchange
    packet = response.encode()
    assert request.decode_response(packet) == response
    reader = dap.Reader(packet + bytes(70))
    assert request.consume_response(reader) == response
    assert reader.offset == len(packet)


ANSWERED = INNER.filter(lambda r: not isinstance(r, dap.TransferAbort))


@given(st.lists(exchanges(ANSWERED), max_size=5))
def test_atomic_responses_round_trip(several) -> None:
    requests = tuple(request for request, _ in several)
    response = dap.ExecuteCommandsResponse(tuple(answer for _, answer in several))
    both = dap.ExecuteCommands(requests)
    assert both.decode_response(response.encode()) == response
    assert dap.decode_request(both.encode()) == both


@given(ANY)
def test_every_truncation_of_a_request(request) -> None:
    packet = request.encode()
    for end in range(len(packet)):
        with pytest.raises(WireError):
            dap.decode_request(packet[:end])


def message_or_wire_error(decode, packet: bytes) -> None:
    try:
        decode(packet)
    except WireError:
        return


@given(ANY, st.data())
def test_one_flipped_byte_in_a_request(request, data) -> None:
    packet = bytearray(request.encode())
    at = data.draw(st.integers(0, len(packet) - 1))
    packet[at] ^= data.draw(st.integers(1, 255))
    message_or_wire_error(dap.decode_request, bytes(packet))
    message_or_wire_error(type(request).decode, bytes(packet))


@given(exchanges(ANSWERED), st.data())
def test_one_flipped_byte_and_every_truncation_of_a_response(exchange, data) -> None:
    request, response = exchange
    packet = bytearray(response.encode())
    for end in range(len(packet)):
        message_or_wire_error(request.decode_response, bytes(packet[:end]))
    at = data.draw(st.integers(0, len(packet) - 1))
    packet[at] ^= data.draw(st.integers(1, 255))
    message_or_wire_error(request.decode_response, bytes(packet))


@given(st.binary(max_size=80), ANY)
def test_any_bytes(junk, request) -> None:
    message_or_wire_error(dap.decode_request, junk)
    message_or_wire_error(request.decode_response, junk)
    message_or_wire_error(request.decode_response, bytes((request.code,)) + junk)


@given(st.lists(ANSWERED, max_size=200), st.binary(max_size=300))
def test_atomic_responses_of_any_bytes(requests, junk) -> None:
    both = dap.ExecuteCommands(tuple(requests))
    message_or_wire_error(both.decode_response, b"\x7f" + bytes((len(requests),)) + junk)
