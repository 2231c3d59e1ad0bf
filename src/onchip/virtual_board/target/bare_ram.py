"""``bare-ram``: 64 KiB of RAM behind a debug port, without a core.

It is for tests of everything between a host and the bus, which it makes as fast as they can be.
"""

from __future__ import annotations

from typing import cast

from onchip.virtual_board.bus import Bus
from onchip.virtual_board.cortex_m.core import VirtualCore
from onchip.virtual_board.timeline import Timeline

from .description import DebugPortDescription
from .flash_faults import FlashFaults
from .model import AccessPortDescription, ChipModel, ResetKind
from .uart_port import UartPort

NAME = "bare-ram"
RAM_BASE = 0x2000_0000
RAM_SIZE = 64 * 1024
ROM_BASE = 0x0000_0000
ROM_SIZE = 4 * 1024


class _NoCore:
    """Stands where a core would: halted for ever."""

    halted = True
    sleeping = False
    locked_up = False
    in_reset = False
    on_reset_request = None
    on_trace = None

    def reset(self, kind: ResetKind = "system") -> None:
        """Do nothing."""

    def hold_reset(self, *, asserted: bool) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def build_bare_ram(timeline: Timeline) -> ChipModel:
    """Build it on ``timeline``."""
    bus = Bus(timeline)
    bus.add_memory("rom", ROM_BASE, ROM_SIZE, "rom", fill=0xFF)
    bus.add_memory("ram", RAM_BASE, RAM_SIZE, "ram")
    return ChipModel(
        name=NAME,
        part=NAME,
        bus=bus,
        core=cast(VirtualCore, _NoCore()),
        uart=UartPort(),
        flash_memories=(),
        flash_faults=FlashFaults(),
        debug_port=DebugPortDescription(dpidr=0x2BA0_1477),
        access_ports=(
            AccessPortDescription(
                index=0,
                idr=0x2477_0011,
                base=0xFFFF_FFFF,
                tar_wrap=4096,
                csw_reset=0x2300_0042,
                packed=True,
            ),
        ),
        peripherals={},
    )
