"""One connection to one chip, put together from explicit settings: the Python API starts here.

Below stand the layers, each built on the one before: link, client, debug port, access ports, core,
chip, flash engine. Above stand the services and faces, which are all clients of a `Session`.
A session leaves the target as it found it: what was running runs on, with nothing left armed.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from onchip.coresight.debug_port import DebugPort
    from onchip.coresight.mem_ap import MemAp
    from onchip.cortex_m.core import Core
    from onchip.dap.client import DapClient, ProbeInfo
    from onchip.flash.engine import FlashEngine, ProgrammingReport
    from onchip.probe.link import Link
    from onchip.target.chip import Chip

DEFAULT_FREQUENCY_HZ = 4_000_000
PROBE_VARIABLE = "ONCHIP_PROBE"


class ConnectMode(StrEnum):
    """What connecting does to the core."""

    ATTACH = "attach"
    """Leave it as it is: a running core runs on."""
    HALT = "halt"
    """Halt it where it is."""
    UNDER_RESET = "under-reset"
    """Hold nRESET while connecting, and halt the core before its first instruction."""


def connect(
    probe: str | None = None,
    *,
    target: str | None = None,
    frequency_hz: int = DEFAULT_FREQUENCY_HZ,
    connect: str = "attach",
) -> Session:
    """Connect to the chip behind a probe.

    Args:
        probe: ``virtual:CHIP[/PROBEMODEL][@FILE]``, ``tcp:HOST:PORT`` or a serial; None takes what
            ONCHIP_PROBE names, else the only probe there is.
        target: the chip's name; None asks the chip itself.
        frequency_hz: the SWD clock.
        connect: ``attach``, ``halt`` or ``under-reset``; see `ConnectMode`.

    Raises:
        UsageError: a setting cannot be meant; nothing was touched.
        ProbeError: no way to the probe.
        TransferError: the probe cannot talk to the chip.
        TargetError: the chip answers, but is locked, or not the one that was asked for.
    """
    raise NotImplementedError


class Session:
    """One open connection. Use it with ``with``, or call `close`."""

    link: Link
    client: DapClient
    probe_info: ProbeInfo
    dp: DebugPort
    aps: list[MemAp]
    core: Core
    chip: Chip | None
    resume_on_close: bool
    """Whether `close` lets the core run; starts as whether it was found running."""
