"""What a family is, and what it is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from onchip.virtual_board.bus import Bus, Memory
from onchip.virtual_board.cortex_m.core import VirtualCore

from ..description import ChipDescription, PeripheralEntry
from ..model import ChipModel
from ..peripherals.register_block import RegisterBlock
from ..wiring import Wiring

ModelFactory = Callable[[PeripheralEntry], RegisterBlock]


@dataclass
class Assembly:
    """A chip under construction."""

    description: ChipDescription
    bus: Bus
    core: VirtualCore
    memories: Mapping[str, Memory]
    wiring: Wiring
    chip: ChipModel
    peripherals: dict[str, RegisterBlock] = field(default_factory=dict)
    """The peripherals built so far, by name, in the order of the file."""


class Family(Protocol):
    """The family of a chip: knows its peripheral models, and joins them at the end."""

    models: Mapping[str, ModelFactory]
    """By the name in the TOML file's ``model``."""

    def finish(self, *, locked: bool) -> None:
        """Join what the peripherals need of each other; set the protection if ``locked``."""
        ...
