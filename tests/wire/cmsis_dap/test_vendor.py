import pytest

from onchip.errors import CommandUnknown, WireError
from onchip.wire.cmsis_dap import (
    VENDOR_FIRST,
    VENDOR_LAST,
    Reader,
    Vendor,
    VendorResponse,
    decode_request,
)


def test_golden() -> None:
    assert (VENDOR_FIRST, VENDOR_LAST) == (0x80, 0x9F)
    first, last = Vendor(0x80, b"\x01\x02"), Vendor(0x9F)
    assert first.encode() == bytes.fromhex("80 01 02")
    assert last.encode() == bytes.fromhex("9f")
    assert Vendor.decode(bytes.fromhex("80 01 02")) == first
    assert decode_request(bytes.fromhex("9f")) == last
    assert VendorResponse(0x80, b"\xaa").encode() == bytes.fromhex("80 aa")
    assert first.decode_response(bytes.fromhex("80 aa")) == VendorResponse(0x80, b"\xaa")


def test_a_probe_without_it_says_ff() -> None:
    with pytest.raises(CommandUnknown, match="DAP_Vendor3"):
        Vendor(0x83).decode_response(b"\xff")


def test_another_vendors_response_is_refused() -> None:
    with pytest.raises(WireError, match="DAP_Vendor4, not to DAP_Vendor3"):
        Vendor(0x83).decode_response(b"\x84")


@pytest.mark.parametrize("code", [0x7F, 0xA0])
def test_codes_outside_the_range_are_refused(code: int) -> None:
    with pytest.raises(WireError):
        Vendor(code).encode()
    with pytest.raises(WireError):
        VendorResponse(code).encode()
    with pytest.raises(WireError):
        Vendor.decode(bytes((code,)))


def test_an_empty_packet_is_refused() -> None:
    with pytest.raises(WireError):
        Vendor.decode(b"")


def test_its_length_is_not_known() -> None:
    with pytest.raises(WireError, match="no known length"):
        Vendor.read(Reader(b"\x01"))
