"""Where heap and stack are: from symbols, from the vector table, or not at all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from onchip.arch.scs import VTOR
from onchip.errors import TransferFault
from onchip.services.semihosting import heap_finder
from onchip.target.memory_map import MemoryMap, MemoryRegion, RegionKind

RAM = MemoryRegion(name="sram", start=0x2000_0000, length=0x4000, kind=RegionKind.RAM)
MEMORY = MemoryMap([RAM])


def core(words: dict[int, int]) -> Any:
    def read_u32(address: int) -> int:
        if address not in words:
            raise TransferFault("FAULT", operation="read", address=address)
        return words[address]

    return SimpleNamespace(memory=SimpleNamespace(read_u32=read_u32))


def program(**symbols: int) -> Any:
    found = {name: SimpleNamespace(start=value) for name, value in symbols.items()}
    return SimpleNamespace(symbol=found.get)


STARTED = core({VTOR: 0x0800_0000, 0x0800_0000: 0x2000_4000})


def test_symbols_of_the_linker_script() -> None:
    heap = {"__heap_start": 0x2000_1000, "__heap_end": 0x2000_3000}
    symbols = program(**heap, __stack=0x2000_4000, __StackLimit=0x2000_3800)
    find = heap_finder(MEMORY, symbols)
    assert find(STARTED) == (0x2000_1000, 0x2000_3000, 0x2000_4000, 0x2000_3800)


def test_a_heap_without_a_limit_ends_where_the_stack_does() -> None:
    find = heap_finder(MEMORY, program(end=0x2000_1000, __StackLimit=0x2000_3800))
    assert find(STARTED) == (0x2000_1000, 0x2000_3800, 0x2000_4000, 0x2000_3800)


def test_without_symbols_the_vector_table_knows_the_stack() -> None:
    assert heap_finder(MEMORY)(STARTED) == (0, 0, 0x2000_4000, 0)


@pytest.mark.parametrize(
    "words", [{}, {VTOR: 0}, {VTOR: 0, 0: 0xFFFF_FFFF}, {VTOR: 0, 0: 0x0800_0000}]
)
def test_what_cannot_be_known_is_0(words: dict[int, int]) -> None:
    assert heap_finder(MEMORY, program(end=0x1000))(core(words)) == (0, 0, 0, 0)
