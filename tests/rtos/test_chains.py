"""Chains of threads: few round trips, and an end to every walk."""

from __future__ import annotations

from onchip.rtos.chains import follow
from onchip.rtos.memory_view import word
from onchip.rtos.thread import MOST_THREADS

from .fakes import RAM, FakeMemory


def next_of(block: bytes) -> int:
    return word(block, 4)


def chain(memory: FakeMemory, *addresses: int, end: int = 0) -> int:
    for at, following in zip(addresses, [*addresses[1:], end], strict=True):
        memory.put(at, 0x600D, following)
    return addresses[0]


A = [RAM + 0x100 + 0x20 * n for n in range(6)]


def test_chains_are_walked_side_by_side_in_order() -> None:
    memory = FakeMemory()
    starts = {
        "first": (chain(memory, *A[:3]), next_of),
        "second": (chain(memory, *A[3:5]), next_of),
        "empty": (0, next_of),
    }
    walk = follow(memory, starts, 8)
    assert [(name, at) for name, at, _ in walk.threads if name == "first"] == [
        ("first", at) for at in A[:3]
    ]
    assert {at for _, at, _ in walk.threads} == set(A[:5])
    assert walk.warnings == []
    assert memory.round_trips == 3
    assert A[4] in walk
    assert A[5] not in walk


def test_a_ring_ends_where_it_began() -> None:
    memory = FakeMemory()
    walk = follow(memory, {"ring": (chain(memory, *A, end=A[0]), next_of)}, 8)
    assert len(walk.threads) == 6
    assert walk.warnings == []


def test_damaged_chains() -> None:
    for end, text in (
        (A[1], "comes back to 0x20000120"),
        (0x4000_0000, "has no thread at 0x40000000"),
        (A[0] + 2, "has no thread at 0x20000102"),
        (RAM + 0x800, "has no thread at 0x20000800"),
    ):
        memory = FakeMemory()
        starts = {"ring": (chain(memory, *A, end=end), next_of)}
        walk = follow(memory, starts, 8, is_thread=lambda block: word(block, 0) == 0x600D)
        assert walk.warnings == [f"ring is damaged: it {text}"]
        assert len(walk.threads) == 6


def test_no_chain_is_endless() -> None:
    memory = FakeMemory()
    addresses = [RAM + 8 * n for n in range(MOST_THREADS + 40)]
    walk = follow(memory, {"chain": (chain(memory, *addresses), next_of)}, 8)
    assert len(walk.threads) == MOST_THREADS
    assert walk.warnings == [f"chain is damaged: it has more than {MOST_THREADS} threads"]


def test_two_chains_that_share_a_thread() -> None:
    memory = FakeMemory()
    shared = chain(memory, *A[:2])
    walk = follow(memory, {"one": (shared, next_of), "other": (shared, next_of)}, 8)
    assert len(walk.threads) == 2
    assert len(walk.warnings) == 1
