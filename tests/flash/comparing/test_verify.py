import pytest

from onchip.errors import VerifyError
from onchip.flash.comparing.verify import compare, compare_memory, survey
from onchip.flash.images.segment import Segment
from onchip.flash.planning.planner import Range
from onchip.flash.running.sums import sums

from ..bench import bench, pattern


class Memory:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, address: int, length: int) -> bytes:
        return self.data[address : address + length]


def test_blocks_that_agree_pass() -> None:
    data = pattern(64)
    found = {Range(i, 16): sums(data[i : i + 16]) for i in range(0, 64, 16)}
    compare(Memory(data), [Segment(0, data)], found)  # type: ignore[arg-type]


def test_the_first_difference_is_named_with_both_contents() -> None:
    data = pattern(64)
    flash = bytearray(data)
    flash[20], flash[50] = 0xAA, 0xBB
    found = {Range(i, 16): sums(flash[i : i + 16]) for i in range(0, 64, 16)}
    expected = r"0x0000_0014 reads aa [0-9a-f ]+, expected 8c"
    with pytest.raises(VerifyError, match=expected) as caught:
        compare(Memory(bytes(flash)), [Segment(0, data)], found)  # type: ignore[arg-type]
    assert caught.value.address == 20


def test_a_wrong_sum_over_right_bytes_is_no_success() -> None:
    data = pattern(16)
    with pytest.raises(VerifyError, match="though they read as they should") as caught:
        compare(Memory(data), [Segment(0, data)], {Range(0, 16): (0, 0)})  # type: ignore[arg-type]
    assert caught.value.hint is not None


def test_what_was_not_looked_at_is_not_good() -> None:
    data = pattern(32)
    found = {Range(0, 16): sums(data[:16])}
    with pytest.raises(VerifyError, match="16 of 32 bytes were compared"):
        compare(Memory(data), [Segment(0, data)], found)  # type: ignore[arg-type]


def test_memory_that_differs() -> None:
    data = pattern(32)
    compare_memory(Memory(data), [Segment(0, data)])  # type: ignore[arg-type]
    with pytest.raises(VerifyError, match="0x0000_0003 reads"):
        compare_memory(Memory(data), [Segment(0, data[:3] + b"\xee")])  # type: ignore[arg-type]


def test_a_survey_of_more_than_one_list_can_take() -> None:
    from onchip.flash.running.ring_runner import RingRunner

    data = pattern(0x4000)
    with bench() as b:
        b.core.reset(halt=True)
        b.core.memory.write(0x2001_0000, data)
        runner = RingRunner(b.core, (0x2000_0000, 0x1800))
        told: list[int] = []
        ranges = [Range(0x2001_0000, 0x3000), *(Range(0x2001_3000 + 9 * i, 5) for i in range(40))]
        found = survey(runner, ranges, 16, 0x2001_0000, done=told.append)
        assert len(told) > 2
        assert sum(told) == sum(item.length for item in ranges)
        for part, answer in found.items():
            offset = part.address - 0x2001_0000
            assert answer == sums(data[offset : offset + part.length], part.address)
        assert sum(part.length for part in found) == sum(told)
