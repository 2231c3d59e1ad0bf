"""Arm semihosting: what a program asks of the machine that debugs it.

Below stands the core; above the GDB server and `onchip run`, which own the run control: they notice
the BKPT, have the call served here, and let the core run on.
"""

from __future__ import annotations

from onchip.services.semihosting.files import Directory
from onchip.services.semihosting.heap import HeapInfo, heap_finder, nothing_known
from onchip.services.semihosting.operations import Operation
from onchip.services.semihosting.service import Semihosting, SemihostingOptions

__all__ = [
    "Directory",
    "HeapInfo",
    "Operation",
    "Semihosting",
    "SemihostingOptions",
    "heap_finder",
    "nothing_known",
]
