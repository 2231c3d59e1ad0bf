"""What the target is at: progress, failures, crashes, and calls that do not end.

Every look brings the driver's status and DHCSR. The driver itself tells of a call that returned
something else than it had to. A core that halted or locked up has crashed; the rest is time: each
call has its own, counted from when the one before it was last seen.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from onchip.arch.scs import DFSR, DHCSR, ExceptionNumber
from onchip.errors import AlgorithmCrash, AlgorithmError, FlashError, OnchipError

from .command import Command, failure, hex32
from .driver import GUARD_BROKEN, WELL, Status
from .ring import Record

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.cortex_m.fault import FaultReport

_FAULTS = (
    ExceptionNumber.HARD_FAULT,
    ExceptionNumber.MEM_MANAGE,
    ExceptionNumber.BUS_FAULT,
    ExceptionNumber.USAGE_FAULT,
)

_LONG_S = 10.0


class Watch:
    """Knows the records that the driver has been given and has not finished yet."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._given: deque[Record] = deque()
        self._calls = 0
        self._since_s = 0.0

    @property
    def waiting(self) -> int:
        """How many records are not known to be done."""
        return len(self._given)

    def give(self, record: Record) -> None:
        """Take note that the driver is told of a record."""
        if not self._given:
            self._since_s = self._core.now()
        self._given.append(record)

    def absorb(
        self, status: Status, dhcsr: DHCSR, dfsr: DFSR, *, halts: bool = False
    ) -> list[Record]:
        """Take in a look; return the records that are done. ``halts``: the core does when idle.

        Raises:
            EraseError, ProgramError, AlgorithmError: a call failed or crashed.
        """
        number = status.done if status.state == WELL else status.failed
        last = self._given[-1].number + 1 if self._given else number
        if not number <= last:
            raise AlgorithmCrash(
                f"the driver says that {number} of {last} calls are done: its RAM was overwritten"
            )
        done = []
        while self._given and self._given[0].number < number:
            done.append(self._given.popleft())
        if dhcsr.S_LOCKUP or _was_interrupted(dhcsr, dfsr):
            raise self._crash(status, locked_up=bool(dhcsr.S_LOCKUP))
        if status.state != WELL:
            raise self._failure(status)
        if dhcsr.S_HALT and not (halts and not self._given):
            raise self._crash(status, locked_up=False, breakpoint=True)
        if done or status.calls != self._calls:
            self._calls = status.calls
            self._since_s = self._core.now()
        return done

    @property
    def last(self) -> Record:
        """The record given last, of those not known to be done."""
        return self._given[-1]

    def check_time(self, status: Status) -> None:
        """Refuse to wait longer for the call that runs if its time is over; halt the core then.

        Raises:
            AlgorithmError: naming the call and where it was; an `AlgorithmCrash` unless it took so
                long that nobody wants to wait for it twice.
        """
        if not self._given:
            return
        command = self._given[0].command
        timeout_s = command.timeout_s
        if self._core.now() - self._since_s < timeout_s:
            return
        kind = AlgorithmCrash if timeout_s <= _LONG_S else AlgorithmError
        reason = self._core.halt()
        fault = self._fault()
        told = f"{self._current(status)} did not return within {timeout_s:g} s"
        if fault is not None:
            raise AlgorithmCrash(
                f"{self._current(status)} faulted: {_in_one_line(fault)}",
                address=self._address(status),
                function=command.name,
            )
        where = "" if reason.pc is None else f"; it was at {hex32(reason.pc)}"
        raise kind(
            told + where,
            address=self._address(status),
            hint="is the chip's clock or supply as the algorithm expects it?",
        )

    # -- what happened -----------------------------------------------------------------------------

    def _command(self) -> Command | None:
        return self._given[0].command if self._given else None

    def _address(self, status: Status) -> int | None:
        command = self._command()
        if command is None:
            return None
        # a record of pages may not have come to its first call yet
        begun = command.pages and command.arguments[0] <= status.at
        return status.at if begun else command.address

    def _current(self, status: Status) -> str:
        command = self._command()
        return "the job" if command is None else command.at(self._address(status))

    def _failure(self, status: Status) -> FlashError:
        command = self._command()
        address = self._address(status)
        if command is None or status.state == GUARD_BROKEN:
            return AlgorithmCrash(
                f"{self._current(status)} used more stack than there is: "
                "its result cannot be trusted",
                address=address,
            )
        return failure(command, address, status.result)

    def _crash(
        self, status: Status, *, locked_up: bool, breakpoint: bool = False
    ) -> AlgorithmError:
        """Tell why the core halted, or locked up, somewhere in the algorithm, or was reset."""
        current, address = self._current(status), self._address(status)
        command = self._command()
        function = "" if command is None else command.name
        try:
            self._core.halt()
            fault = self._fault()
            if fault is not None:
                how = "locked up" if locked_up else "faulted"
                told = f"{current} {how}: {_in_one_line(fault)}"
                return AlgorithmCrash(told, address=address, function=function)
            if breakpoint:
                pc = hex32(self._core.read_register("pc"))
                told = f"{current} halted at {pc}, as by a BKPT instruction, instead of returning"
                return AlgorithmCrash(told, address=address)
        except OnchipError as error:
            told = f"{current} crashed, and how cannot be read: {error}"
            return AlgorithmError(told, address=address)
        return AlgorithmError(
            f"the target was reset during {current}",
            address=address,
            hint="is there a watchdog that bites, or a supply that dips?",
        )

    def _fault(self) -> FaultReport | None:
        """Return the fault that the core is in; what is left of an older one does not count."""
        fault = self._core.fault()
        return fault if fault is not None and fault.exception in _FAULTS else None


def _was_interrupted(dhcsr: DHCSR, dfsr: DFSR) -> bool:
    """Say whether there was a reset or a fault; debug is off after a loss of power."""
    return bool(dhcsr.S_RESET_ST or dfsr.VCATCH or not dhcsr.C_DEBUGEN)


def _in_one_line(fault: FaultReport) -> str:
    # halted at a vector that is blank, the core looks as if it had locked up there
    parts = [fault.name.removeprefix("Lock-up in ")]
    if fault.address is not None:
        register = "MMFAR" if parts[0].startswith("Mem") else "BFAR"
        parts.append(f"{register} {hex32(fault.address)}")
    if fault.pc is not None:
        parts.append(f"pc {hex32(fault.pc)}")
    return f"{', '.join(parts)}: {fault.headline.rstrip('.')}"
