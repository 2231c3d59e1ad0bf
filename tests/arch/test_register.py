"""The register type: fields as the manual draws them, nothing lost, nothing refused when read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onchip.arch.register import Register, bit, bits

words = st.integers(0, 0xFFFF_FFFF)


class Sample(Register, address=0x10):
    LOW = bits(3, 0)
    FLAG = bit(4)
    HIGH = bits(31, 28)


def test_fields_read_as_drawn() -> None:
    value = Sample(0xA000_0015)
    assert (value.LOW, value.FLAG, value.HIGH) == (5, True, 0xA)
    assert Sample.HIGH.mask == 0xF000_0000
    assert Sample.address == 0x10


@given(words, st.integers(0, 15))
def test_replace_changes_one_field_and_keeps_the_reserved_bits(word: int, low: int) -> None:
    changed = Sample(word).replace(LOW=low)
    assert changed.LOW == low
    assert changed & ~0xF == word & ~0xF


@given(words)
def test_no_value_is_refused_when_read(word: int) -> None:
    assert int(Sample(word)) == word
    assert repr(Sample(word)).startswith(f"Sample({word:#010x}:")


@pytest.mark.parametrize("fields", [{"LOW": 16}, {"FLAG": 2}, {"LOW": -1}, {"NOPE": 0}])
def test_building_checks_names_and_widths(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="Sample"):
        Sample.build(**fields)


def test_overlapping_fields_are_refused_at_definition() -> None:
    with pytest.raises(TypeError, match="overlapping"):

        class Overlap(Register, address=0):
            A = bits(3, 0)
            B = bit(3)


def test_a_register_reads_well() -> None:
    assert repr(Sample(0x13)) == "Sample(0x00000013: LOW=0x3 FLAG)"
    assert repr(Sample(0)) == "Sample(0x00000000: no field set)"
