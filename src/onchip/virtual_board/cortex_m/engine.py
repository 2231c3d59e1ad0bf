"""What the core needs of an instruction engine, and nothing about which one it is.

An engine executes Thumb instructions on shared memory and says why it stopped. It knows no
interrupt, no fault register, no debugger: exception entry and return are register writes that the
core asks for. One instruction counts as one cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Literal, NamedTuple, Protocol

from ..bus import Memory


class Stop(Enum):
    """Why ``Engine.run`` came back; where the PC then is."""

    BUDGET = auto()
    """The count is used up, or ``stop_after_instruction`` was called. PC: next instruction."""
    EXIT = auto()
    """PC is one of the exits; the instruction there has not run."""
    SVC = auto()
    """PC: after the SVC."""
    BKPT = auto()
    """PC: at the BKPT."""
    EXCEPTION_RETURN = auto()
    """A branch to ``address`` = EXC_RETURN in handler mode."""
    WFI = auto()
    """PC: after the WFI."""
    WFE = auto()
    """PC: after the WFE."""
    UNDEFINED = auto()
    """PC: at the instruction."""
    INVALID_STATE = auto()
    """EPSR.T is 0. PC: where it was branched to."""
    NO_COPROCESSOR = auto()
    """PC: at the instruction."""
    UNALIGNED = auto()
    """PC: at the instruction."""
    EXECUTE_NEVER = auto()
    """Fetch from a region that is never executable. PC: there."""
    FETCH_FAULT = auto()
    """Fetch from where nobody answers. PC: there."""
    PROTECTED = auto()
    """Load or store at ``address`` is not allowed. As after ``DATA_FAULT``."""
    DATA_FAULT = auto()
    """Load or store at ``address`` failed. PC: at the instruction, which changed nothing."""


class FrameContext(NamedTuple):
    """What an exception frame holds, and what decides where it goes."""

    r0: int
    r1: int
    r2: int
    r3: int
    r12: int
    lr: int
    pc: int
    xpsr: int
    sp: int
    control: int


class Watch(NamedTuple):
    """A range of addresses whose accesses are reported; ``values``: with what is read, too."""

    first: int
    last: int
    reads: bool
    writes: bool
    values: bool = False


class Rights(NamedTuple):
    """What code may do somewhere."""

    read: bool
    write: bool
    execute: bool


EVERYTHING = Rights(read=True, write=True, execute=True)


class Guarded(NamedTuple):
    """A range of memory in which not everything is allowed; whole pages of 1 KiB."""

    base: int
    length: int
    rights: Rights
    """What is allowed everywhere in it; any other load or store is asked about."""
    mixed: bool
    """Loads are allowed in some places and not in others: each one is asked about."""


class FpControl(NamedTuple):
    """What the engine knows of FP contexts: registers as in the manual."""

    fpccr: int
    fpcar: int
    fpdscr: int


Access = Literal["read", "write"]
OnWatch = Callable[[Access, int, int, int, int], None]
"""``on_watch(access, address, size, value, pc)``, called before the access is made.

What is read is told to a watch for ``values`` alone, and of memory only; else it is 0.
"""


class Allows(Protocol):
    """Whoever knows which loads and stores are allowed."""

    def __call__(self, address: int, size: int, *, write: bool) -> bool:
        """Tell whether the code that runs may make this access."""
        ...


OnCode = Callable[[int, int], None]
"""``on_code(address, length)``, called before code in RAM executes first, or first after a change.

What it asks for (exits) is in force when that code executes.
"""
OnRead = Callable[[int, int], int]
OnWrite = Callable[[int, int, int], None]

REGISTER_NAMES = (
    *(f"r{n}" for n in range(13)),
    *("sp", "lr", "pc", "xpsr", "msp", "psp", "control", "faultmask", "basepri", "primask"),
    *("fpscr", *(f"s{n}" for n in range(32))),
)
"""Spelling of registers in ``read_register`` and ``write_register``."""


class Engine(Protocol):
    """An instruction engine."""

    stop: Stop
    executed: int
    """Instructions that the last ``run`` or ``step`` completed (or that faulted)."""
    pc: int
    """The program counter when it stopped."""
    address: int
    """Detail of the stop: see ``Stop``."""
    fault_is_write: bool
    running: bool
    on_code: OnCode

    @property
    def elapsed(self) -> int:
        """Return how many instructions the running slice has completed; valid in callbacks."""
        ...

    def run(self, count: int) -> None:
        """Run at most ``count`` instructions; the outcome is in the attributes.

        An IT block runs to its end even when the count ends within it. Exceptions that device
        callbacks raise (other than ``BusFault``) come out here.
        """
        ...

    def step(self) -> None:
        """Run exactly one instruction, also inside an IT block, also if it is an exit."""
        ...

    def skip(self) -> None:
        """Go on behind the instruction at the PC, which is not executed."""
        ...

    def stop_after_instruction(self) -> None:
        """End the running slice after the current instruction; for use in callbacks."""
        ...

    def limit(self, count: int) -> None:
        """Let the running slice end after ``count`` instructions in all, or after the current one.

        For use in callbacks; it never makes the slice longer.
        """
        ...

    def map_memory(self, base: int, memory: Memory, offset: int, length: int) -> None:
        """Let the code see ``memory``; stores to other than RAM go to the device callbacks."""
        ...

    def map_devices(self, base: int, length: int) -> None:
        """Send accesses within the range to the device callbacks."""
        ...

    def unmap(self, base: int, length: int) -> None:
        """Take a range out again."""
        ...

    def protect(self, ranges: Sequence[Guarded], allows: Allows | None) -> None:
        """Let loads and stores in ``ranges``, and of all devices, depend on ``allows``.

        Takes the place of what was said before; None allows everything.
        """
        ...

    def flush(self, address: int, length: int) -> None:
        """Forget translations of these bytes; they were changed from outside."""
        ...

    def set_exits(self, addresses: set[int]) -> None:
        """Stop before an instruction at any of ``addresses``."""
        ...

    def set_watches(self, watches: Sequence[Watch], on_watch: OnWatch) -> None:
        """Report accesses that touch any of ``watches``."""
        ...

    def clear_exclusive(self) -> None:
        """Clear the local monitor: the next STREX fails, unless there is an LDREX before it."""
        ...

    def trap_unaligned(self, *, everything: bool) -> None:
        """Stop at every unaligned access, or at those of instructions that may never make one.

        ARMv6-M engines always stop at every one.
        """
        ...

    def fp_control(self) -> FpControl:
        """Return FPCCR, FPCAR and FPDSCR."""
        ...

    def set_fp_control(self, control: FpControl) -> None:
        """Write FPCCR, FPCAR and FPDSCR.

        While LSPACT is set, the first FP instruction stores S0-S15 and FPSCR at FPCAR before it
        executes, and clears it. While ASPEN is set and CONTROL.FPCA is not, it begins an FP context
        with FPDSCR.
        """
        ...

    def read_register(self, name: str) -> int:
        """Return a register by its name in ``REGISTER_NAMES``."""
        ...

    def write_register(self, name: str, value: int) -> None:
        """Write a register by its name in ``REGISTER_NAMES``."""
        ...

    def state(self) -> tuple[int, ...]:
        """Return R0-R12, SP, LR, xPSR and PC."""
        ...

    def frame_context(self) -> FrameContext:
        """Return what goes into an exception frame."""
        ...

    def fp_context(self) -> list[int]:
        """Return S0-S15 and FPSCR."""
        ...

    def write_fp_context(self, values: Sequence[int]) -> None:
        """Write S0-S15 and FPSCR."""
        ...

    def masks(self) -> tuple[int, int, int]:
        """Return PRIMASK, BASEPRI and FAULTMASK."""
        ...

    def ipsr(self) -> int:
        """Return the number of the exception whose handler runs, 0 in thread mode."""
        ...

    def unprivileged(self) -> bool:
        """Tell whether the code that runs is unprivileged."""
        ...

    def enter_handler(
        self, context: FrameContext, sp: int, exception: int, lr: int, vector: int
    ) -> None:
        """Switch to handler mode on MSP; ``sp`` is the new value of the stack pointer in use."""
        ...

    def leave_handler(
        self,
        frame: Sequence[int],
        sp: int,
        *,
        process_stack: bool,
        control: int,
        clear_faultmask: bool,
    ) -> None:
        """Resume what ``frame`` (r0-r3, r12, lr, pc, xpsr) describes."""
        ...

    def reset(self, sp: int, vector: int) -> None:
        """Give the registers their values after reset."""
        ...

    def close(self) -> None:
        """Free everything; the engine cannot be used any more."""
        ...
