"""Where scripts of the first versions find the core's registers and float helpers."""

from pyOCD.target.registers import CORE_REGISTER
from pyOCD.target.registry import CortexM
from pyOCD.utility.conversion import float2int, int2float

__all__ = ["CORE_REGISTER", "CortexM", "float2int", "int2float"]
