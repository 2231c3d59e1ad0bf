"""Probes as a table: for `onchip list` and the tour."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onchip.session.survey import FoundProbe

HEADER = ("SERIAL", "BOARD", "CHIP", "PROBE", "FIRMWARE", "STATE", "WHERE")


def rows(probes: Iterable[FoundProbe]) -> list[tuple[str, ...]]:
    """Return the cells below `HEADER`."""
    return [
        (
            probe.serial,
            f"{probe.board_id} {probe.board}".strip() or "-",
            probe.chip or "?",
            probe.product or "?",
            probe.firmware or "?",
            probe.state,
            probe.probe if ":" in probe.probe else f"USB, {probe.protocol}",
        )
        for probe in probes
    ]
