"""A probe of this machine, offered over TCP to several programs, one client's batch at a time.

Above: ``onchip serve``. Below: a link to the probe, and the framing of CMSIS-DAP over TCP.
"""

from .server import ProbeServer

__all__ = ["ProbeServer"]
