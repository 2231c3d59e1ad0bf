"""A chip as the rest of the board sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from onchip.virtual_board.bus import Bus, Memory
from onchip.virtual_board.cortex_m.core import VirtualCore

from .description import DebugPortDescription
from .flash_faults import FlashFaults
from .persistence import Persistent, pack, unpack
from .uart_port import UartPort

ResetKind = Literal["system", "core", "power-on"]


class AccessPortDevice(Protocol):
    """An access port that is no MEM-AP (Nordic's CTRL-AP)."""

    def read_register(self, offset: int) -> int:
        """Return the register at ``offset`` (0x00-0xFC)."""
        ...

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at ``offset``."""
        ...


@dataclass(frozen=True, slots=True)
class AccessPortDescription:
    """One access port: a MEM-AP on the chip's bus, or a device of its own.

    ``enabled`` is False while read-out protection closes a MEM-AP: its registers answer, every
    memory access faults.
    """

    index: int
    idr: int
    base: int = 0
    tar_wrap: int = 1024
    csw_reset: int = 0
    packed: bool = False
    device: AccessPortDevice | None = None
    enabled: Callable[[], bool] = field(default=lambda: True)


class Resettable(Protocol):
    """A peripheral, from the reset controller's side."""

    def reset_by(self, cause: str) -> None:
        """Reset as ``cause`` does: power-on, system, watchdog."""
        ...


class PowerSensitive(Protocol):
    """A flash controller: losing power in the middle of an operation shows."""

    def power_loss(self) -> None:
        """Leave a running operation half done."""
        ...


@dataclass
class ChipModel:
    """A chip on its board: memories, peripherals, flash controller, core, and how to debug it."""

    name: str
    part: str
    bus: Bus
    core: VirtualCore
    uart: UartPort
    flash_memories: tuple[Memory, ...]
    flash_faults: FlashFaults
    debug_port: DebugPortDescription
    access_ports: tuple[AccessPortDescription, ...]
    peripherals: dict[str, Resettable]
    debug_access: Callable[[], bool] = lambda: True
    """False while the debug port does not answer at all (LPC code read protection)."""
    persistent: dict[str, Persistent] = field(default_factory=dict)
    power_sensitive: list[PowerSensitive] = field(default_factory=list)
    reset_cause: str = "power-on"

    def reset(self, kind: ResetKind) -> None:
        """Reset what that kind of reset resets: peripherals, then the core."""
        self.reset_peripherals(kind)
        self.core.reset(kind)

    def reset_peripherals(self, kind: ResetKind) -> None:
        """Reset everything but the core; a core reset (VECTRESET) leaves the peripherals alone."""
        if kind == "core":
            return
        self._reset_all("power-on" if kind == "power-on" else "system")

    def watchdog_reset(self) -> None:
        """Reset as a watchdog does."""
        self._reset_all("watchdog")
        self.core.reset("system")

    def power_loss(self) -> None:
        """Lose power now: a running flash operation stays half done. ``reset`` brings it back."""
        for controller in self.power_sensitive:
            controller.power_loss()
        self._reset_all("power-on")

    def save_flash(self) -> bytes:
        """Return all non-volatile memory as one blob."""
        return pack(self.name, {name: part.save() for name, part in self.persistent.items()})

    def load_flash(self, blob: bytes) -> None:
        """Put back what ``save_flash`` returned.

        Raises:
            BoardError: the blob is damaged, or not of this chip.
        """
        lengths = {name: len(part.save()) for name, part in self.persistent.items()}
        parts = unpack(self.name, blob, lengths)
        for name, part in self.persistent.items():
            part.load(parts[name])

    def _reset_all(self, cause: str) -> None:
        self.reset_cause = cause
        for device in self.peripherals.values():
            device.reset_by(cause)
