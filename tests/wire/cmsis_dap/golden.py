"""Golden exchanges: bytes typed by hand from the byte tables of the CMSIS-DAP documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from onchip.errors import CommandUnknown, WireError
from onchip.wire.cmsis_dap import (
    UNKNOWN_PACKET,
    Reader,
    Response,
    decode_request,
    request_length,
)


@dataclass(frozen=True)
class Exchange:
    """A request and its response, each as an object and as the bytes typed from the tables."""

    request: Any
    request_hex: str
    response: Response
    response_hex: str

    @property
    def request_bytes(self) -> bytes:
        return bytes.fromhex(self.request_hex)

    @property
    def response_bytes(self) -> bytes:
        return bytes.fromhex(self.response_hex)


def check_exchange(exchange: Exchange) -> None:
    """Hold all four directions, padding, concatenation and every truncation to the bytes."""
    request, response = exchange.request, exchange.response
    out, back = exchange.request_bytes, exchange.response_bytes
    assert request.encode() == out
    assert response.encode() == back
    assert type(request).decode(out) == request
    assert decode_request(out) == request
    assert request.decode_response(back) == response

    padding = bytes(64)
    assert type(request).decode(out + padding) == request
    assert request.decode_response(back + padding) == response

    assert request_length(b"\xaa" + out + padding, 1) == len(out)
    reader = Reader(b"\xaa" + back + padding, 1)
    assert request.consume_response(reader) == response
    assert reader.offset == 1 + len(back)

    for end in range(len(out)):
        for decode in (type(request).decode, decode_request):
            with pytest.raises(WireError):
                decode(out[:end])
    for end in range(len(back)):
        with pytest.raises(WireError):
            request.decode_response(back[:end])

    with pytest.raises(CommandUnknown):
        request.decode_response(UNKNOWN_PACKET)
    with pytest.raises(WireError, match="response to"):
        request.decode_response(bytes((out[0] ^ 1,)) + back[1:] + padding)
    with pytest.raises(WireError, match="where"):
        type(request).decode(bytes((out[0] ^ 1,)) + out[1:] + padding)
