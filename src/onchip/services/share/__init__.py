"""A probe of this machine, offered over TCP to several programs, one after the other.

Above: ``onchip serve``. Below: a link to the probe, and the framing of CMSIS-DAP over TCP.
"""

from .server import ProbeServer

__all__ = ["ProbeServer"]
