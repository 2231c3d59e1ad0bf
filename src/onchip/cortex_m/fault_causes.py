"""The fault status bits in plain words (ARMv7-M B3.2.15, B3.2.16; ARMv8-M adds STKOF)."""

from __future__ import annotations

from ..arch.scs import CFSR, HFSR

_NULL_PAGE = 0x100
_FAULT_KINDS = (
    (0x0000_00FF, "MemManage fault"),
    (0x0000_FF00, "BusFault"),
    (0xFFFF_0000, "UsageFault"),
)

CAUSES = {
    "IACCVIOL": "the program jumped to {pc}, where nothing may be executed",
    "DACCVIOL": "the program accessed {address}, which the memory protection forbids",
    "MUNSTKERR": "returning from an exception, the stack lay in memory that is protected",
    "MSTKERR": "entering an exception, the stack lay in memory that is protected: stack overflow?",
    "MLSPERR": "saving the floating-point state, the stack lay in memory that is protected",
    "IBUSERR": "the program jumped to {pc}, where there is no memory to execute from",
    "PRECISERR": "the program accessed {address}, where nothing answers",
    "IMPRECISERR": "an earlier write went where nothing answers; by the time the core heard of it "
    "the program was already at {pc}",
    "UNSTKERR": "returning from an exception, the stack pointer led to where there is no memory",
    "STKERR": "entering an exception, the stack pointer led to where there is no memory: "
    "stack overflow?",
    "LSPERR": "saving the floating-point state, the stack pointer led to where there is no memory",
    "UNDEFINSTR": "the bytes at {pc} are no instruction that this core knows",
    "INVSTATE": "the program jumped to an address without the Thumb bit, or to data: a function "
    "pointer or vector that is even, or was overwritten?",
    "INVPC": "an exception return used a value that is none: a damaged stack or lr?",
    "NOCP": "the instruction at {pc} needs the FPU (or another coprocessor), which is off: "
    "was CPACR set?",
    "STKOF": "the stack pointer fell below its limit: stack overflow",
    "UNALIGNED": "the instruction at {pc} made an unaligned access that is not allowed",
    "DIVBYZERO": "the program divided by zero",
}


def decode(cfsr: CFSR) -> list[str]:
    """Return the names of the causes that are set, gravest first, without the address flags."""
    return [name for name in CAUSES if cfsr & CFSR.fields[name].mask]


def kind_of(cfsr: CFSR) -> str:
    """Return which fault the status speaks of: ``BusFault``."""
    for mask, name in _FAULT_KINDS:
        if cfsr & mask & ~(1 << 7 | 1 << 15):
            return name
    return "HardFault"


def sentence(cause: str, pc: int | None, address: int | None) -> str:
    """Say a cause as a sentence with its addresses filled in."""
    shown_pc = "an unknown place" if pc is None else f"{pc:#010x}"
    text = CAUSES[cause].format(
        pc=shown_pc,
        address="an address that was not kept" if address is None else f"{address:#010x}",
    )
    null = address if address is not None else pc if cause in ("IACCVIOL", "IBUSERR") else None
    if null is not None and null < _NULL_PAGE and "{address}" in CAUSES[cause]:
        text += " (a null pointer?)"
    return text


def hard_fault_sentence(hfsr: HFSR) -> str | None:
    """Say what HFSR alone tells."""
    if hfsr.VECTTBL:
        return "reading the vector table failed: is VTOR right, is the table in memory?"
    if hfsr.DEBUGEVT:
        return "a BKPT instruction was executed while no debugger was there to take it"
    return None
