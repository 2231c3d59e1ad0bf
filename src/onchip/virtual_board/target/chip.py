"""A chip: the bus with everything on it, built from ``chips/*.toml``."""

from __future__ import annotations

from onchip.virtual_board.timeline import Timeline

from .builder import assemble
from .description import DebugPortDescription, chip_names, load_description
from .flash_faults import FlashFault, FlashFaultKind
from .model import AccessPortDescription, ChipModel, ResetKind
from .uart_port import UartPort

__all__ = [
    "AccessPortDescription",
    "ChipModel",
    "DebugPortDescription",
    "FlashFault",
    "FlashFaultKind",
    "ResetKind",
    "UartPort",
    "build_chip",
    "chip_names",
]


def build_chip(name: str, timeline: Timeline, *, locked: bool = False) -> ChipModel:
    """Build the chip called ``name`` (or one of its aliases) on ``timeline``.

    ``locked`` delivers it with its read-out protection on.

    Raises:
        BoardError: there is no such chip.
    """
    return assemble(load_description(name), timeline, locked=locked)
