from types import SimpleNamespace

import pytest

from onchip.errors import CoreTimeout, LockedChip
from onchip.target.chip import load_chip
from onchip.target.unlock import erase_and_unlock


class Registers:
    """A MEM-AP on registers that keep what is written; BSY never falls."""

    def __init__(self) -> None:
        self.words = {0x4002_3C14: 0x0FFF_55ED, 0x4002_3C0C: 0x1_0000}
        self.seconds = 0.0
        self.dp = SimpleNamespace(client=SimpleNamespace(link=self))

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def read_u32(self, address: int) -> int:
        return self.words[address]

    def write_u32(self, address: int, value: int) -> None:
        self.words[address] = value


def test_an_erase_that_never_ends_is_told_and_other_option_bits_are_kept() -> None:
    registers = Registers()
    with pytest.raises(CoreTimeout, match=r"over 40 s: FLASH_SR \(BSY\) at 0x40023C0C"):
        erase_and_unlock("stm32f407", load_chip("stm32f407").unlock, registers)  # type: ignore[arg-type]
    assert registers.words[0x4002_3C14] == 0x0FFF_AAEF


def test_a_chip_without_a_way_to_unlock_is_not_touched() -> None:
    with pytest.raises(LockedChip, match="knows nothing that unlocks a stm32f407"):
        erase_and_unlock("stm32f407", None, None)  # type: ignore[arg-type]
