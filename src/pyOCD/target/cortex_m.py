"""Where scripts of the first versions find the core's registers and float helpers."""

from pyOCD.target.registers import CORE_REGISTER
from pyOCD.target.registry import CortexM
from pyOCD.utility.conversion import float2int, int2float

RUNNING = 1
HALTED = 2

__all__ = ["CORE_REGISTER", "HALTED", "RUNNING", "CortexM", "float2int", "int2float"]
