"""The debug hardware of the chip: DP, APs, memory through a MEM-AP, ROM tables, FPB and DWT.

Below stands ``dap``, which carries DP/AP register accesses in batches; above, ``cortex_m`` drives a
core through the memory that a MEM-AP shows.
"""

from .access_port import find_access_ports
from .debug_port import DebugPort
from .mem_ap import MemAp
from .memory import Memory

__all__ = ["DebugPort", "MemAp", "Memory", "find_access_ports"]
