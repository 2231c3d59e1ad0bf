"""DAP_SWJ_Pins: SWCLK, SWDIO and nRESET by hand.

nRESET is an open-drain line with a pull-up: the probe, the reset button and the board's supervisor
can each hold it low, and the probe reads what the line really is.
"""

from __future__ import annotations

from collections.abc import Callable

from onchip.wire.cmsis_dap import MAX_PIN_WAIT_US, Pin

from .clock import ProbeClock
from .swd_port import SwdPort

_UNUSED = Pin.TDI | Pin.nTRST


class ResetLine:
    """The nRESET line: low while anybody holds it.

    ``on_change`` is called whenever the line goes low or is released.
    """

    def __init__(self) -> None:
        self._holders: set[str] = set()
        self.on_change: Callable[[], None] | None = None

    @property
    def low(self) -> bool:
        """Whether the target is held in reset."""
        return bool(self._holders)

    def hold(self, who: str, *, low: bool) -> None:
        """Let ``who`` pull the line low, or let go of it."""
        before = self.low
        if low:
            self._holders.add(who)
        else:
            self._holders.discard(who)
        if self.low is not before and self.on_change is not None:
            self.on_change()


class Pins:
    """The probe's pins as DAP_SWJ_Pins drives and reads them."""

    def __init__(self, port: SwdPort, clock: ProbeClock, reset_line: ResetLine) -> None:
        self._port = port
        self._clock = clock
        self._reset_line = reset_line
        self._unused = int(_UNUSED)

    def drive(self, output: int, select: int, wait_us: int) -> int:
        """Set the selected pins, wait until they read so, and return all levels.

        SWCLK moves first, as in the reference: its edge finds SWDIO as it was.
        """
        if select & Pin.SWCLK_TCK:
            self._port.drive_swclk(high=bool(output & Pin.SWCLK_TCK))
        if select & Pin.SWDIO_TMS:
            self._port.swdio = output >> 1 & 1
        self._unused = self._unused & ~select | output & select & _UNUSED
        if select & Pin.nRESET:
            self._clock.sync()
            self._reset_line.hold("probe", low=not output & Pin.nRESET)
        if wait_us:
            deadline = self._clock.now_ns + min(wait_us, MAX_PIN_WAIT_US) * 1000

            def settled() -> bool:
                return not (self.read() ^ output) & select

            # Pins change by events of the board (a button, a supply), never by waiting.
            self._clock.wait_unless(deadline, settled)
        return self.read()

    def read(self) -> int:
        """Return the levels of all pins, a mask of ``Pin``."""
        levels = self._unused
        if self._port.swclk:
            levels |= Pin.SWCLK_TCK
        if self._port.swdio_level:
            levels |= Pin.SWDIO_TMS
        return levels | Pin.TDO | (0 if self._reset_line.low else Pin.nRESET)

    def release(self) -> None:
        """Let go of everything: DAP_Disconnect."""
        self._unused = int(_UNUSED)
        self._port.release_pins()
        self._reset_line.hold("probe", low=False)
