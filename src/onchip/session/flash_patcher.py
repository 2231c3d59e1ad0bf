"""Lets the core's breakpoints into the chip's flash, where that is switched on.

Each change erases and programs a sector, which wears a real chip and takes its time, so on real
chips somebody has to ask for it (ADR 0015).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from onchip.errors import FlashError, UsageError
from onchip.session.left_behind import LeftBehind
from onchip.target.memory_map import FlashRegion

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.client import DapClient
    from onchip.dap.info import ProbeInfo
    from onchip.flash.algorithm import FlashAlgorithm
    from onchip.target.chip import Chip
    from onchip.target.memory_map import MemoryMap

_VIRTUAL_PROBE = "Virtual CMSIS-DAP"


class FlashBreakpoints(StrEnum):
    """Whether breakpoints may be programmed into flash when the comparators have run out."""

    AUTO = "auto"
    """On virtual boards only, and not through a probe that others may share."""
    ON = "on"
    OFF = "off"


def flash_breakpoints_of(mode: str) -> FlashBreakpoints:
    """Return what ``mode`` names.

    Raises:
        UsageError: there is none such.
    """
    try:
        return FlashBreakpoints(mode)
    except ValueError:
        raise UsageError(
            f"flash_breakpoints={mode!r} cannot be meant", hint=f"use {', '.join(FlashBreakpoints)}"
        ) from None


class Connection(Protocol):
    """What is asked of the session."""

    client: DapClient
    core: Core
    chip: Chip | None
    algorithm: str | Path | FlashAlgorithm | None

    @property
    def unique_id(self) -> bytes:
        """The chip's own number, if it has one."""

    @property
    def memory_map(self) -> MemoryMap:
        """The chip's regions."""

    @property
    def probe_info(self) -> ProbeInfo:
        """What the probe says of itself."""


class SessionPatcher:
    """A :class:`onchip.cortex_m.flash_breakpoints.FlashPatcher` that uses the flash engine."""

    def __init__(self, session: Connection) -> None:
        self.mode = FlashBreakpoints.AUTO
        self.left_behind = LeftBehind(session)
        self._session = session

    def refusal(self, address: int) -> tuple[str, str] | None:
        """Say why no opcode is programmed at ``address``, and what to try; None if one can be."""
        session = self._session
        if not self._allowed():
            return (
                "breakpoints in flash are off, since each change erases and programs a sector, "
                "which wears the chip",
                "allow them with --flash-breakpoints on (session.flash_breakpoints = 'on')",
            )
        region = session.memory_map.find(address)
        if session.chip is None or not isinstance(region, FlashRegion) or not region.algorithm:
            return f"{address:#010x} is not in flash that can be programmed", ""
        return None

    def _allowed(self) -> bool:
        if self.mode is FlashBreakpoints.AUTO:
            if self._session.core.ap.dp.client.is_shared:
                return False  # whoever vanishes there could not have them taken out
            return self._session.probe_info.product.startswith(_VIRTUAL_PROBE)
        return self.mode is FlashBreakpoints.ON

    def keep(self, hidden: Mapping[int, bytes], *, changing: bool) -> None:
        """Keep, beyond this process's end, which halfwords opcodes in flash hide.

        Raises:
            TransferError: the target does not answer.
        """
        self.left_behind.keep(hidden, changing=changing)

    def patch(self, halfwords: Mapping[int, bytes]) -> None:
        """Program ``halfwords`` in place, verified; the core has to be halted.

        Raises:
            CoreStateError: the core runs.
            FlashError: not all of it was programmed.
            TransferError, ProbeError, TargetError: the way to the target broke.
        """
        from onchip.flash.engine import FlashEngine
        from onchip.flash.images.image import Image

        session = self._session
        session.core.run.require_halted("program breakpoints into flash")
        assert session.chip is not None  # else they were refused
        engine = FlashEngine(session.core, session.chip, algorithm=session.algorithm)
        image = Image.from_segments(sorted(halfwords.items()), source="breakpoints")
        try:
            engine.program(image, reset=False)
        except FlashError as error:
            error.hint = "the flash is incomplete now: program the firmware again"
            raise
