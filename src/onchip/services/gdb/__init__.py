"""The GDB server: stock GDB debugs the core of a session through it.

Below it stand the session and the pure codec ``wire.gdb_rsp``. ``stub`` gives packets their meaning
and knows no socket; ``server`` owns the sockets and knows no packet.
"""

from __future__ import annotations

from onchip.services.gdb.documents.memory_map_xml import memory_map_xml
from onchip.services.gdb.documents.target_xml import target_xml
from onchip.services.gdb.options import GdbOptions
from onchip.services.gdb.registers import EXPEDITED, GENERAL, RegisterLayout
from onchip.services.gdb.server import GdbServer

__all__ = [
    "EXPEDITED",
    "GENERAL",
    "GdbOptions",
    "GdbServer",
    "RegisterLayout",
    "memory_map_xml",
    "target_xml",
]
