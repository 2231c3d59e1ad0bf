"""ITM, TPIU: software trace that leaves through SWO. Sources: DDI 0403 C1.7, C1.10 and appendix D.

Stimulus writes become ITM packets without a formatter (as on a one-pin SWO) and go to a sink at
once; the FIFO is never full.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.arch import trace
from onchip.arch.trace import ITM_TCR

ITM_TCR_WRITABLE = 0x007F_0F1F


class Itm:
    """Instrumentation Trace Macrocell."""

    def __init__(self, *, enabled: Callable[[], bool], unprivileged: Callable[[], bool]) -> None:
        self._trace_enabled = enabled  # DEMCR.TRCENA
        self._unprivileged = unprivileged
        self.sink: Callable[[bytes], None] | None = None
        self.power_on_reset()

    def power_on_reset(self) -> None:
        """Return to the state after power-on; other resets leave the unit alone."""
        self.tcr = ITM_TCR(0)
        self._ter = 0
        self._tpr = 0
        self._unlocked = False

    def read(self, offset: int, *, debugger: bool) -> int:
        """Return a register of the unit."""
        if offset < 0x80:
            return 1 if self._listening(offset // 4) else 0
        match offset:
            case 0xE00:
                return self._ter
            case 0xE40:
                return self._tpr
            case 0xE80:
                return int(self.tcr)
            case 0xFB4:  # LSR: implemented; locked for software, never for the debugger
                return 1 | (0 if self._unlocked or debugger else 2)
            case _:
                return 0

    def write(self, offset: int, size: int, value: int, *, debugger: bool) -> None:
        """Write a register of the unit, or a stimulus port."""
        if offset < 0x80:
            port = offset // 4
            closed = self._unprivileged() and self._tpr >> (port // 8) & 1 and not debugger
            if self._listening(port) and not closed:
                self._emit(port, size, value)
            return
        if offset == 0xFB0:
            self._unlocked = value == trace.LAR_KEY
            return
        if not (self._unlocked or debugger) or (self._unprivileged() and not debugger):
            return
        match offset:
            case 0xE00:
                self._ter = value
            case 0xE40:
                self._tpr = value & 0xF
            case 0xE80:
                self.tcr = ITM_TCR(value & ITM_TCR_WRITABLE)

    def _listening(self, port: int) -> bool:
        return bool(self._trace_enabled() and self.tcr.ITMENA and self._ter >> port & 1)

    def _emit(self, port: int, size: int, value: int) -> None:
        """Send a software source packet: port [7:3], 0 [2], size [1:0], then the payload."""
        if self.sink is not None:
            header = port << 3 | {1: 1, 2: 2, 4: 3}[size]
            self.sink(bytes([header]) + value.to_bytes(size, "little"))


class Tpiu:
    """Trace Port Interface Unit: its registers, and the SWO bit rate that they mean."""

    def __init__(self) -> None:
        self.power_on_reset()

    def power_on_reset(self) -> None:
        """Return to the state after power-on."""
        self._registers = {0x004: 1, 0x010: 0, 0x0F0: 1, 0x304: 0x102}

    @property
    def prescaler(self) -> int:
        """Return the divider from the trace clock to the SWO bit rate (TPIU_ACPR + 1)."""
        return self._registers[0x010] + 1

    def read(self, offset: int) -> int:
        """Return a register of the unit."""
        fixed = {0x000: 0xF, 0x300: 0x8, 0xFC8: 0xCA1}
        return self._registers.get(offset, fixed.get(offset, 0))

    def write(self, offset: int, value: int) -> None:
        """Write a register of the unit."""
        masks = {0x004: 0xF, 0x010: 0x1FFF, 0x0F0: 0x3, 0x304: 0x102}
        if offset in masks:
            self._registers[offset] = value & masks[offset]
