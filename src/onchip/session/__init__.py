"""One connection to one chip, put together from explicit settings: the Python API starts here.

Below stand the layers, each built on the one before: link, client, debug port, access ports, core,
chip, flash engine. Above stand the services and faces, which are all clients of a `Session`.
"""

from __future__ import annotations

from onchip.coresight.debug_port import DebugPort
from onchip.cortex_m.owners import PYTHON
from onchip.cortex_m.places import BreakpointKind
from onchip.cortex_m.state import ResetKind
from onchip.dap import DapClient, RawPort
from onchip.probe.link import Link
from onchip.probe.register_link import RegisterLink
from onchip.session.connecting import (
    DEFAULT_FREQUENCY_HZ,
    PROBE_VARIABLE,
    TOKEN_VARIABLE,
    ConnectMode,
    Ports,
    WhenLocked,
    algorithm_from_table,
    connect,
    known_chips,
    named_chip,
    open_link,
    open_probe,
    open_session,
    plugged_probes,
    ports_of,
    record_link,
    session_at,
    session_of,
)
from onchip.session.session import Session
from onchip.target.boards import board_of
from onchip.target.chip import Chip, Identification, WorkRam, generic_chip, load_chip
from onchip.target.memory_map import (
    FlashRegion,
    MemoryMap,
    MemoryRegion,
    RegionKind,
    SectorRun,
)

__all__ = [
    "DEFAULT_FREQUENCY_HZ",
    "PROBE_VARIABLE",
    "PYTHON",
    "TOKEN_VARIABLE",
    "BreakpointKind",
    "Chip",
    "ConnectMode",
    "DapClient",
    "DebugPort",
    "FlashRegion",
    "Identification",
    "Link",
    "MemoryMap",
    "MemoryRegion",
    "Ports",
    "RawPort",
    "RegionKind",
    "RegisterLink",
    "ResetKind",
    "SectorRun",
    "Session",
    "WhenLocked",
    "WorkRam",
    "algorithm_from_table",
    "board_of",
    "connect",
    "generic_chip",
    "known_chips",
    "load_chip",
    "named_chip",
    "open_link",
    "open_probe",
    "open_session",
    "plugged_probes",
    "ports_of",
    "record_link",
    "session_at",
    "session_of",
]
