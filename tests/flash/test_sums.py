import struct

from hypothesis import given
from hypothesis import strategies as st

from onchip.flash.sums import BLANK, blank_sums, sums

words = st.lists(st.integers(0, 0xFFFF_FFFF), min_size=1, max_size=40)


def packed(values: list[int]) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def test_by_hand() -> None:
    assert sums(packed([1, 2, 5])) == (8, 3 * 1 + 2 * 2 + 5)
    assert sums(b"") == (0, 0)
    assert sums(b"\x01\x02\x03\x04\x05", 3) == (1 + 0x0504_0302, 2 * 1 + 0x0504_0302)
    assert sums(b"\x01\x02\x03\x04\x05", 0) == (0x0403_0201 + 5, 2 * 0x0403_0201 + 5)
    assert sums(b"\x01\x02\x03", 2) == (6, 3 + 4 + 3)


def test_the_largest_block_there_can_be_does_not_overflow() -> None:
    plain, weighted = sums(b"\xff" * (1 << 18))
    assert plain == (1 << 16) * 0xFFFF_FFFF
    assert weighted == (1 << 16) * ((1 << 16) + 1) // 2 * 0xFFFF_FFFF
    assert (plain, weighted) < BLANK


@given(words, st.data())
def test_two_wrong_words_are_always_noticed(values: list[int], data: st.DataObject) -> None:
    wrong = list(values)
    for _ in range(2):
        at = data.draw(st.integers(0, len(values) - 1))
        wrong[at] = data.draw(st.integers(0, 0xFFFF_FFFF))
    assert (sums(packed(wrong)) == sums(packed(values))) == (wrong == values)


@given(words, words)
def test_bits_that_did_not_program_are_always_noticed(values: list[int], stuck: list[int]) -> None:
    wrong = [value | bits for value, bits in zip(values, stuck, strict=False)]
    wrong += values[len(wrong) :]
    assert (sums(packed(wrong)) == sums(packed(values))) == (wrong == values)


@given(st.integers(0, 300), st.integers(0, 3))
def test_blank_sums(length: int, misalignment: int) -> None:
    assert blank_sums(length, misalignment, 0xFF) == sums(b"\xff" * length, misalignment)
