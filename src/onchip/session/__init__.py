"""One connection to one chip, put together from explicit settings: the Python API starts here.

Below stand the layers, each built on the one before: link, client, debug port, access ports, core,
chip, flash engine. Above stand the services and faces, which are all clients of a `Session`.
"""

from __future__ import annotations

from onchip.cortex_m.breakpoints import BreakpointKind
from onchip.cortex_m.state import ResetKind
from onchip.session.connecting import (
    DEFAULT_FREQUENCY_HZ,
    PROBE_VARIABLE,
    ConnectMode,
    connect,
    known_chips,
    open_session,
    plugged_probes,
)
from onchip.session.session import Session

__all__ = [
    "DEFAULT_FREQUENCY_HZ",
    "PROBE_VARIABLE",
    "BreakpointKind",
    "ConnectMode",
    "ResetKind",
    "Session",
    "connect",
    "known_chips",
    "open_session",
    "plugged_probes",
]
