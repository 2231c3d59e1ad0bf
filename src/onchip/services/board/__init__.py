"""A virtual board as a service: plugged in over TCP, with its own real-time clock.

Above: ``onchip board``. Below: the virtual board, and the framing of CMSIS-DAP over TCP.
"""

from .pace import Pace
from .server import BoardServer

__all__ = ["BoardServer", "Pace"]
