import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.planning.planner import Write
from onchip.flash.planning.schedule import chunks, erase_timeout, program_timeout
from tests.support.elf_builder import flash_device, flm


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from([4, 256, 264, 1024, 4096]),
    st.integers(1, 40),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=12),
)
def test_chunks_hold_everything_in_order_and_cut_at_pages(page, pages, pieces):
    writes, at = [], 0
    for gap, count in pieces:
        at += gap * page
        writes.append(Write(at, bytes((at // page + i) % 255 + 1 for i in range(count)) * page))
        at += count * page
    found = list(chunks(writes, page, pages * page))
    memory = bytearray(at)
    for start, data in found:
        assert start % page == 0
        assert 0 < len(data) <= pages * page
        assert len(data) % page == 0
        memory[start : start + len(data)] = data
    assert sum(len(data) for _, data in found) == sum(len(write.data) for write in writes)
    assert all(memory[w.address : w.address + len(w.data)] == w.data for w in writes)
    assert [start for start, _ in found] == sorted(start for start, _ in found)


def test_the_first_chunk_is_small():
    lengths = [len(data) for _, data in chunks([Write(0, bytes(0x2_0000))], 256, 0x1000)]
    assert lengths[:2] == [0x400, 0x1000]
    assert max(lengths) == 0x1000
    assert sum(lengths) == 0x2_0000
    assert [len(d) for _, d in chunks([Write(0, bytes(0x3000))], 0x1000, 0x1000)] == [0x1000] * 3


def test_a_description_without_times_gets_some():
    said = FlashAlgorithm.parse(flm(flash_device(program_ms=100, erase_ms=500)))
    unsaid = FlashAlgorithm.parse(flm(flash_device(program_ms=0, erase_ms=0)))
    assert (erase_timeout(said, 2), program_timeout(said)) == pytest.approx((4.0, 1.2))
    assert (erase_timeout(unsaid, 2), program_timeout(unsaid)) == (42.0, 3.0)
