import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.errors import ImageError
from onchip.flash.images import uf2
from onchip.flash.images.uf2 import Uf2Block

# Typed from the specification: magics, flags (family id), address, size, number, count, family.
GOLDEN_HEAD = bytes.fromhex(
    "5546320a 57515d9e 00200000 00000800 00010000 02000000 05000000 4028a5ad".replace(" ", "")
)


def test_a_block_as_the_specification_draws_it() -> None:
    block = Uf2Block(0x0008_0000, bytes(range(256)), 2, 5, 0xADA5_2840)
    raw = block.encode()
    assert raw[:32] == GOLDEN_HEAD
    assert raw[32:288] == bytes(range(256))
    assert raw[508:] == bytes.fromhex("306fb10a")
    assert Uf2Block.decode(raw) == block


@given(
    st.integers(0, 2**32 - 1),
    st.binary(max_size=476),
    st.integers(0, 2**32 - 1),
    st.none() | st.integers(0, 2**32 - 1),
)
def test_round_trip(address: int, data: bytes, number: int, family: int | None) -> None:
    block = Uf2Block(address, data, number, number, family)
    assert Uf2Block.decode(block.encode()) == block


@given(st.integers(0, 511))
def test_every_truncation_of_a_block_is_refused(length: int) -> None:
    raw = Uf2Block(0, b"x", 0, 1).encode()
    with pytest.raises(ImageError, match="bytes"):
        Uf2Block.decode(raw[:length])


@pytest.mark.parametrize("at", [0, 4, 508])
def test_a_damaged_magic_number_is_refused(at: int) -> None:
    raw = bytearray(Uf2Block(0, b"x", 0, 1).encode())
    raw[at] ^= 1
    with pytest.raises(ImageError, match="magic"):
        Uf2Block.decode(bytes(raw))


def test_too_much_data_is_refused_both_ways() -> None:
    with pytest.raises(ImageError, match="477"):
        Uf2Block(0, bytes(477), 0, 1).encode()
    raw = bytearray(Uf2Block(0, b"x", 0, 1).encode())
    raw[16:20] = (477).to_bytes(4, "little")
    with pytest.raises(ImageError, match="477"):
        Uf2Block.decode(bytes(raw))


def file(*blocks: Uf2Block) -> bytes:
    return b"".join(block.encode() for block in blocks)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes"),
        (bytes(513), "513 bytes"),
        (file(Uf2Block(0, b"x", 0, 2)), "block 1 of 2 is missing"),
        (file(Uf2Block(0, b"x", 1, 2)), "block 0 of 2 is missing"),
        (file(Uf2Block(0, b"x", 0, 0xFFFF_FFFF)), "block 1 of 4294967295 is missing"),
        (file(Uf2Block(0, b"x", 0, 2), Uf2Block(1, b"x", 0, 2)), "twice"),
        (file(Uf2Block(0, b"x", 0, 2), Uf2Block(1, b"x", 1, 3)), "disagree"),
        (file(Uf2Block(0, b"x", 1, 1)), "number 1 of only 1"),
        (file(Uf2Block(0, b"x", 0, 2, 1), Uf2Block(1, b"x", 1, 2, 2)), "several chip families"),
        (file(Uf2Block(0, b"x", 0, 1, flags=uf2.FLAG_NOT_MAIN_FLASH)), "no block"),
        (file(Uf2Block(0, b"x", 0, 1, flags=uf2.FLAG_FILE_CONTAINER)), "no block"),
    ],
)
def test_damaged_files(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        uf2.decode_file(data)
