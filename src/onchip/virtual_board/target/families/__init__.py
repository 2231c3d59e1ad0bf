"""What a TOML file cannot say: how the peripherals of one family are built and joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from ..description import PeripheralEntry
from ..peripherals.register_block import RegisterBlock

if TYPE_CHECKING:
    from ..builder import ChipBuilder

ModelFactory = Callable[[PeripheralEntry], RegisterBlock]


class Family(Protocol):
    """The family of a chip: knows its peripheral models, and joins them at the end."""

    models: Mapping[str, ModelFactory]
    """By the name in the TOML file's ``model``."""

    def finish(self, *, locked: bool) -> None:
        """Join what the peripherals need of each other; set the protection if ``locked``."""
        ...


def family_for(name: str, builder: ChipBuilder) -> Family:
    """Return the family called ``name`` for the chip that ``builder`` builds."""
    from .lpc17 import Lpc17
    from .nordic import Nordic
    from .stm32f4 import Stm32F4

    families: dict[str, Callable[[ChipBuilder], Family]] = {
        "stm32f4": Stm32F4,
        "nordic": Nordic,
        "lpc17": Lpc17,
    }
    return families[name](builder)
