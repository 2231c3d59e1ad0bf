"""The numbers that scripts compare with; they keep their values."""

from __future__ import annotations

from typing import ClassVar


class Constants:
    """What `Target` and every subclass of it offers by name."""

    TARGET_RUNNING: ClassVar = 1
    TARGET_HALTED: ClassVar = 2
    TARGET_RESET: ClassVar = 3
    TARGET_SLEEPING: ClassVar = 4
    TARGET_LOCKUP: ClassVar = 5

    BREAKPOINT_HW: ClassVar = 1
    BREAKPOINT_SW: ClassVar = 2
    BREAKPOINT_AUTO: ClassVar = 3

    WATCHPOINT_READ: ClassVar = 1
    WATCHPOINT_WRITE: ClassVar = 2
    WATCHPOINT_READ_WRITE: ClassVar = 3

    CATCH_NONE: ClassVar = 0
    CATCH_HARD_FAULT: ClassVar = 1 << 0
    CATCH_BUS_FAULT: ClassVar = 1 << 1
    CATCH_MEM_FAULT: ClassVar = 1 << 2
    CATCH_INTERRUPT_ERR: ClassVar = 1 << 3
    CATCH_STATE_ERR: ClassVar = 1 << 4
    CATCH_CHECK_ERR: ClassVar = 1 << 5
    CATCH_COPROCESSOR_ERR: ClassVar = 1 << 6
    CATCH_CORE_RESET: ClassVar = 1 << 7
    CATCH_ALL: ClassVar = 0xFF

    EVENT_POST_CONNECT: ClassVar = 1
    EVENT_PRE_DISCONNECT: ClassVar = 2
    EVENT_PRE_RUN: ClassVar = 3
    EVENT_POST_RUN: ClassVar = 4
    EVENT_PRE_HALT: ClassVar = 5
    EVENT_POST_HALT: ClassVar = 6
    EVENT_PRE_RESET: ClassVar = 7
    EVENT_POST_RESET: ClassVar = 8
    EVENT_PRE_FLASH_PROGRAM: ClassVar = 9
    EVENT_POST_FLASH_PROGRAM: ClassVar = 10

    RUN_TYPE_RESUME: ClassVar = 1
    RUN_TYPE_STEP: ClassVar = 2

    HALT_REASON_USER: ClassVar = 1
    HALT_REASON_DEBUG: ClassVar = 2


CATCHES = {
    Constants.CATCH_HARD_FAULT: "hardfault",
    Constants.CATCH_BUS_FAULT: "busfault",
    Constants.CATCH_MEM_FAULT: "memmanage",
    Constants.CATCH_INTERRUPT_ERR: "interrupt",
    Constants.CATCH_STATE_ERR: "usagefault-state",
    Constants.CATCH_CHECK_ERR: "usagefault-check",
    Constants.CATCH_COPROCESSOR_ERR: "nocp",
    Constants.CATCH_CORE_RESET: "reset",
}
"""The session's name of each bit of a vector catch mask."""


_BASELINE = frozenset({"hardfault", "reset"})  # all that ARMv6-M can catch


def catch_names(mask: int, *, baseline: bool = False) -> frozenset[str]:
    """Return the session's names for a vector catch mask; of a ``baseline`` core, those it has."""
    names = frozenset(name for bit, name in CATCHES.items() if mask & bit)
    return names & _BASELINE if baseline else names
