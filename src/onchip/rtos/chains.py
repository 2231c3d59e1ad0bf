"""Threads that are linked one to the next, walked with few round trips.

Each round reads the next thread of every chain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from onchip.rtos.memory_view import MemoryView
from onchip.rtos.thread import MOST_THREADS

Next = Callable[[bytes], int]


@dataclass(slots=True)
class ChainWalk:
    """What was found: (the chain's name, the thread's address, its control block), in order."""

    threads: list[tuple[str, int, bytes]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __contains__(self, address: int) -> bool:
        return any(found == address for _, found, _ in self.threads)


def follow(
    view: MemoryView,
    starts: Mapping[str, tuple[int, Next]],
    length: int,
    *,
    is_thread: Callable[[bytes], bool] = lambda block: True,
) -> ChainWalk:
    """Follow chains, each to a null pointer or to its own start; ``starts`` has them by name.

    A chain that leads out of memory, to what is no thread, or in a circle, ends with a warning.
    """
    walk = ChainWalk()
    blocks: dict[int, bytes | None] = {}
    cursors = {name: start for name, (start, _) in starts.items() if start}
    seen: set[int] = set()
    wanted = set(cursors.values())
    while cursors:
        fresh = sorted(address for address in wanted if address not in blocks)
        blocks.update(zip(fresh, view.read([(each, length) for each in fresh]), strict=True))
        for name in list(cursors):
            _advance(walk, name, cursors, starts[name], blocks, seen, is_thread)
        wanted = set(cursors.values())
    return walk


def _advance(
    walk: ChainWalk,
    name: str,
    cursors: dict[str, int],
    start: tuple[int, Next],
    blocks: Mapping[int, bytes | None],
    seen: set[int],
    is_thread: Callable[[bytes], bool],
) -> None:
    """Go along one chain as far as what was read leads."""
    first, next_of = start
    while (at := cursors[name]) in blocks:
        block = blocks[at]
        problem = ""
        if at in seen:
            problem = f"comes back to {at:#010x}"
        elif block is None or at % 4 or not is_thread(block):
            problem = f"has no thread at {at:#010x}"
        elif len(seen) >= MOST_THREADS:
            problem = f"has more than {MOST_THREADS} threads"
        if problem or block is None:
            walk.warnings.append(f"{name} is damaged: it {problem}")
            break
        seen.add(at)
        walk.threads.append((name, at, block))
        following = next_of(block)
        if following in (0, first):
            break
        cursors[name] = following
    else:
        return
    del cursors[name]
