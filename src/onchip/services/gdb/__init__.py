"""The GDB server: stock GDB debugs the core of a session through it.

Below it stand the session and the pure codec ``wire.gdb_rsp``. ``stub`` gives packets their meaning
and knows no socket; ``server`` owns the sockets and knows no packet.
"""

from __future__ import annotations

from onchip.services.gdb.options import GdbOptions
from onchip.services.gdb.server import GdbServer

__all__ = ["GdbOptions", "GdbServer"]
