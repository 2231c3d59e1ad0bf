"""A chip: the bus with everything on it, built from ``chips/*.toml``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from onchip.virtual_board.bus import Bus, Memory
    from onchip.virtual_board.cortex_m.core import VirtualCore
    from onchip.virtual_board.timeline import Timeline

    from .flash_faults import FlashFaults

ResetKind = Literal["system", "core", "power-on"]


class UartPort:
    """The chip's serial console as its board sees it: the pins that lead to the probe."""

    def __init__(self) -> None:
        self.output: Callable[[bytes], None] | None = None
        self.receiver: Callable[[bytes], None] | None = None

    def transmit(self, data: bytes) -> None:
        """Pass on what the chip sent."""
        if self.output is not None:
            self.output(data)

    def feed(self, data: bytes) -> None:
        """Send ``data`` to the chip; it arrives byte by byte at the line's speed."""
        if self.receiver is not None:
            self.receiver(data)


@dataclass(frozen=True, slots=True)
class DebugPortDescription:
    """The identification registers of the SW-DP; None where the DP is older than the register."""

    dpidr: int
    targetid: int | None = None
    dlpidr: int | None = None


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
    """One access port: a MEM-AP on the chip's bus, or a device of its own."""

    index: int
    idr: int
    base: int = 0
    tar_wrap: int = 1024
    csw_reset: int = 0
    device: AccessPortDevice | None = None
    enabled: Callable[[], bool] = field(default=lambda: True)


@dataclass
class ChipModel:
    """A chip on its board: memories, peripherals, flash controller, core, and how to debug it."""

    name: str
    bus: Bus
    core: VirtualCore
    flash_memories: tuple[Memory, ...]
    flash_faults: FlashFaults
    uart: UartPort
    debug_port: DebugPortDescription
    access_ports: tuple[AccessPortDescription, ...]

    def reset(self, kind: ResetKind) -> None:
        """Reset what that kind of reset resets: peripherals, and the core."""
        raise NotImplementedError

    def power_loss(self) -> None:
        """Lose power now: a running flash operation stays half-done, RAM is lost."""
        raise NotImplementedError

    def save_flash(self) -> bytes:
        """Return all non-volatile memory as one blob."""
        raise NotImplementedError

    def load_flash(self, blob: bytes) -> None:
        """Put back what ``save_flash`` returned.

        Raises:
            BoardError: the blob is not of this chip.
        """
        raise NotImplementedError


def build_chip(name: str, timeline: Timeline, *, locked: bool = False) -> ChipModel:
    """Build the chip called ``name`` (or one of its aliases) on ``timeline``.

    Raises:
        BoardError: there is no such chip.
    """
    raise NotImplementedError


def chip_names() -> tuple[str, ...]:
    """Return the names of all virtual chips, aliases excluded."""
    raise NotImplementedError
