"""Random accesses to every device of every chip: an answer each time, and none takes long."""

from __future__ import annotations

import random
import time

import pytest

from onchip.virtual_board.target.chip import chip_names

from .wires import CLEAR_ABORT, CONNECT, POWER_UP, READ_DPIDR, SELECT_0, TO_SWD, Wires, word

PPB = [
    (0xE000_0000, 0xE000_3000), (0xE000_E000, 0xE000_F000), (0xE004_0000, 0xE004_3000),
    (0xE00F_F000, 0xE010_0000),
]  # fmt: skip
# Keys and switches of all four chips, so that guarded registers are reached too.
TELLING = (
    0, 1, 2, 4, 8, 0x10, 0xFFFF_FFFF, 0x05FA_0004, 0x05FA_0001, 0xA05F_0003, 0xA05F_0001,
    0xA05F_0005, 0xA05F_0000, 0x4567_0123, 0xCDEF_89AB, 0x0819_2A3B, 0x4C5D_6E7F, 0x1_0000,
    0x2000_0000, 0x0100_0000, 0xC5AC_CE55,
)  # fmt: skip


def attach(wires: Wires) -> None:
    wires.all(CONNECT, *TO_SWD, READ_DPIDR, POWER_UP, SELECT_0, "11 80 96 98 00")


def access(random_: random.Random, windows: list[tuple[int, int]]) -> str:
    low, high = random_.choice(windows)
    near = random_.random() < 0.7
    address = low + random_.randrange(min(high - low, 0x100) if near else high - low)
    size = random_.choice((0, 1, 2, 2, 2, 2))
    if random_.random() < 0.95:
        address &= -(1 << size)
    value = random_.choice(TELLING) if random_.random() < 0.7 else random_.getrandbits(32)
    csw = word(0x2300_0000 | size | random_.choice((0x00, 0x10, 0x20)))
    moved = "0f" if random_.random() < 0.5 else f"0d {word(value)}"
    return f"05 00 03 01 {csw} 05 {word(address)} {moved}"


@pytest.mark.parametrize("chip", chip_names())
def test_any_register(chip: str) -> None:
    random_ = random.Random(chip)
    wires = Wires(chip)
    attach(wires)
    windows = [(window.base, window.end) for window in wires.board.bus.windows] + PPB
    slowest = 0.0
    for _ in range(1500):
        packet = access(random_, windows)
        started = time.perf_counter()
        assert wires(packet)[:2] == "05", packet
        slowest = max(slowest, time.perf_counter() - started)
        wires(CLEAR_ABORT)
        if random_.random() < 0.02:
            wires("09 e8 03")  # let the chip make of it what it can
        if wires(READ_DPIDR)[:8] != "05 01 01":
            attach(wires)
    assert slowest < 1.0
    wires.board.power_cycle()
    attach(wires)
    assert wires(READ_DPIDR)[:8] == "05 01 01"
    wires.board.close()
