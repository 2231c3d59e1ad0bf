import struct

from hypothesis import given
from hypothesis import strategies as st

from onchip.flash.running.sums import blank_sums, sums

words = st.lists(st.integers(0, 0xFFFF_FFFF), min_size=1, max_size=40)


def packed(values: list[int]) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def ror(value: int, count: int) -> int:
    return (value >> count | value << 32 - count) & 0xFFFF_FFFF


def test_by_hand() -> None:
    assert sums(b"") == (1, 2)
    first = ror((1 ^ 0x0403_0201) * 0x9E37_79B1 & 0xFFFF_FFFF, 15)
    second = ror((2 + 0x0403_0201) * 0x9E37_79B1 & 0xFFFF_FFFF, 11)
    assert sums(b"\x01\x02\x03\x04") == (first, second)


def test_bytes_outside_whole_words_count_for_themselves() -> None:
    assert sums(b"\x01\x02\x03\x04\x05", 3) == sums(packed([1, 0x0504_0302]))
    assert sums(b"\x01\x02\x03\x04\x05", 0) == sums(packed([0x0403_0201, 5]))
    assert sums(b"\x01\x02\x03", 2) == sums(packed([1, 2, 3]))


def test_a_truth_table_turned_over_is_noticed() -> None:
    """What sums without multiplication and rotation do not see: +1, -1, -1, +1."""
    assert sums(packed([0, 1, 1, 0])) != sums(packed([1, 0, 0, 1]))
    assert sums(packed([5, 5, 5])) != sums(packed([6, 3, 6]))
    assert sums(packed([0, 0])) != sums(packed([1 << 31, 1 << 31]))


@given(words, st.data())
def test_one_wrong_word_changes_both(values: list[int], data: st.DataObject) -> None:
    wrong = list(values)
    at = data.draw(st.integers(0, len(values) - 1))
    wrong[at] = data.draw(st.integers(0, 0xFFFF_FFFF))
    for ours, theirs in zip(sums(packed(values)), sums(packed(wrong)), strict=True):
        assert (ours == theirs) == (wrong == values)


@given(words, st.data())
def test_two_wrong_words_are_noticed(values: list[int], data: st.DataObject) -> None:
    wrong = list(values)
    for _ in range(2):
        at = data.draw(st.integers(0, len(values) - 1))
        wrong[at] = data.draw(st.integers(0, 0xFFFF_FFFF))
    assert (sums(packed(wrong)) == sums(packed(values))) == (wrong == values)


@given(words, words)
def test_bits_that_did_not_program_are_noticed(values: list[int], stuck: list[int]) -> None:
    wrong = [value | bits for value, bits in zip(values, stuck, strict=False)]
    wrong += values[len(wrong) :]
    assert (sums(packed(wrong)) == sums(packed(values))) == (wrong == values)


@given(st.integers(0, 300), st.integers(0, 3))
def test_blank_sums(length: int, misalignment: int) -> None:
    assert blank_sums(length, misalignment, 0xFF) == sums(b"\xff" * length, misalignment)
