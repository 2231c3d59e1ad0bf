"""The exceptions of M-profile cores, by number. Source: ARMv7-M B1.5.2."""

from __future__ import annotations

EXCEPTION_NAMES = {
    2: "NMI",
    3: "HardFault",
    4: "MemManage",
    5: "BusFault",
    6: "UsageFault",
    7: "SecureFault",
    11: "SVCall",
    12: "DebugMonitor",
    14: "PendSV",
    15: "SysTick",
}


def exception_name(number: int) -> str:
    """Return the name of an exception: ``SysTick``, ``interrupt 5``."""
    if number >= 16:
        return f"interrupt {number - 16}"
    return EXCEPTION_NAMES.get(number, f"exception {number}")
