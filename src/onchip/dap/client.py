"""Skeleton."""
from __future__ import annotations

from typing import Any

from ..probe.link import Link
from .info import ProbeInfo


class DapClient:
    """A CMSIS-DAP probe, spoken to."""

    info: ProbeInfo
    generation: int
    link: Link

    @classmethod
    def open(cls, link: Link, *, frequency_hz: int = 4_000_000) -> DapClient:
        """Learn what the probe can do and connect its SWD port."""
        raise NotImplementedError

    def command(self, command: Any, *, timeout_s: float | None = None) -> Any:
        """Send one command of ``wire.cmsis_dap`` in a packet of its own; return its response."""
        raise NotImplementedError

    def close(self) -> None:
        """Disconnect the SWD port and close the link."""
        raise NotImplementedError
