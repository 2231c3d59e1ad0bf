"""Runs a program from reset to its end, and says how it ended.

The core is let run in slices of the link's time; between them the UART is emptied. A semihosting
call is served and run past. What ends the run: the program's exit, a fault (caught at the entry of
HardFault, or found when the time is up), a lock-up, a BKPT of the program's own, the time-out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from onchip.arch.scs import VTOR
from onchip.cortex_m import HaltKind, HaltReason
from onchip.dap.com_port import ComPort
from onchip.errors import CoreTimeout, ProbeRefused
from onchip.services.semihosting import Semihosting
from onchip.session import Session

SLICE_S = 0.05
"""How long the UART may wait to be looked at."""

_FAULTS = range(3, 7)  # HardFault, MemManage, BusFault, UsageFault
_LAST_WORDS_S = 0.005  # a UART at 115,200 baud needs 0.1 ms a byte
_MOST_LAST_LOOKS = 200


class Ending(Enum):
    """How a run ended."""

    EXITED = "exited"
    FAULT = "fault"
    LOCKUP = "lock-up"
    BREAKPOINT = "breakpoint"
    TIMEOUT = "time-out"


@dataclass(frozen=True, slots=True)
class RunReport:
    """What came of a run. ``exit_code`` is the program's own; ``seconds`` are the link's."""

    ending: Ending
    exit_code: int | None
    pc: int | None
    seconds: float


class FirmwareRun:
    """One run of the program that is on the chip.

    ``on_uart`` gets what the program sends through the probe's COM port, if the probe has one.
    """

    def __init__(
        self, session: Session, semihosting: Semihosting, on_uart: Callable[[bytes], None]
    ) -> None:
        self._session = session
        self._core = session.core
        self._semihosting = semihosting
        self._on_uart = on_uart
        self._uart: ComPort | None = None

    def go(self, *, timeout_s: float | None = None, start: int | None = None) -> RunReport:
        """Reset the chip and run until the program ends, ``timeout_s`` at most.

        ``start`` is the vector table of a program in RAM, which no reset would start. The core is
        halted afterwards, and stays so when the session is closed, except after a time-out.

        Raises:
            TransferError: the target was lost, or a semihosting call points nowhere.
            ProbeError: the probe was lost.
        """
        core = self._core
        self._open_uart()
        try:
            self._session.reset(halt=True)
            if start is not None:
                self._start_in_ram(start)
            core.vector_catch = core.vector_catch | {"hardfault"}
            began = core.now()
            self._semihosting.start(core)
            core.resume()
            ending, pc = self._until_the_end(None if timeout_s is None else began + timeout_s)
            seconds = core.now() - began
            self._session.resume_on_close = ending is Ending.TIMEOUT
            self._last_words()
        finally:
            self._semihosting.close()
            if self._uart is not None:
                self._uart.close()
        return RunReport(ending, self._semihosting.exit_code, pc, seconds)

    def _until_the_end(self, deadline: float | None) -> tuple[Ending, int | None]:
        core = self._core
        while True:
            left = SLICE_S if deadline is None else deadline - core.now()
            if left <= 0:
                return self._time_is_up()
            try:
                reason = core.wait_halted(min(left, SLICE_S), prefetch=("r0", "r1", "xpsr"))
            except CoreTimeout:
                reason = None
            self._drain()
            if reason is None:
                continue
            ending = self._ending(reason)
            if ending is not None:
                return ending, reason.pc

    def _ending(self, reason: HaltReason) -> Ending | None:
        core = self._core
        match reason.kind:
            case HaltKind.SEMIHOSTING:
                result = self._semihosting.call(core)
                pc = core.read_register("pc")
                core.write_registers({"r0": result, "pc": pc + 2})
                if self._semihosting.exit_code is not None:
                    return Ending.EXITED
                core.resume()
                return None
            case HaltKind.VECTOR_CATCH:
                return Ending.FAULT
            case HaltKind.LOCKUP:
                return Ending.LOCKUP
        return Ending.BREAKPOINT

    def _time_is_up(self) -> tuple[Ending, int | None]:
        """Halt; a program that hangs in a fault handler of its own has faulted."""
        reason = self._core.halt()
        if reason.kind is HaltKind.LOCKUP:
            return Ending.LOCKUP, reason.pc
        exception = self._core.read_register("xpsr") & 0x1FF
        return (Ending.FAULT if exception in _FAULTS else Ending.TIMEOUT), reason.pc

    def _start_in_ram(self, vectors: int) -> None:
        stack, entry = self._core.memory.read_u32(vectors), self._core.memory.read_u32(vectors + 4)
        if not self._core.identity.baseline:
            self._core.memory.write_u32(VTOR, vectors)
        self._core.write_registers({"msp": stack & ~3, "sp": stack & ~3, "pc": entry & ~1})

    def _open_uart(self) -> None:
        try:
            self._uart = self._session.uart
        except ProbeRefused:
            self._uart = None

    def _drain(self) -> bool:
        """Pass on what the UART brought; say whether it brought anything."""
        data = b"" if self._uart is None else self._uart.read()
        if data:
            self._on_uart(data)
        return bool(data)

    def _last_words(self) -> None:
        """Wait for what is still on the line."""
        for _ in range(_MOST_LAST_LOOKS):
            self._core.sleep(_LAST_WORDS_S)
            if not self._drain():
                break
