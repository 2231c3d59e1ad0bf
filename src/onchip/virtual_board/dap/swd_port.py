"""The probe's SWD pins: whole transfers and raw bits, and what they cost in SWCLK cycles.

One transfer is 8 request bits, a turnaround, 3 ACK bits, then 33 data bits with the second
turnaround before (write) or after (read): 46 cycles with the default turnaround of one, plus the
idle cycles of DAP_TransferConfigure.
"""

from __future__ import annotations

from onchip.virtual_board.coresight.sw_dp import READ, SwDp
from onchip.virtual_board.coresight.swd_line import SwdLine

from .clock import ProbeClock

OK = 1
WAIT = 2
NO_ACK = 7
PARITY_ERROR = 8
"""Not an ACK: the probe's own word for data that came with wrong parity."""

_REQUEST_AND_ACK = 11
_DATA = 33


class SwdPort:
    """SWCLK and SWDIO of the probe, wired to one target.

    Attributes:
        enabled: whether DAP_Connect has switched the pins on; else nothing reaches the target.
        transfers: SWD transfers done so far, of whatever outcome; likewise ``waits``.
    """

    def __init__(self, dp: SwDp, line: SwdLine, clock: ProbeClock) -> None:
        self.dp = dp
        self.line = line
        self.clock = clock
        self.enabled = False
        self.idle_cycles = 0
        self.transfers = 0
        self.waits = 0
        self._turnaround = 1
        self._data_phase = False

    @property
    def transfer_cycles(self) -> int:
        """SWCLK cycles of one transfer that is acknowledged with OK."""
        return _REQUEST_AND_ACK + _DATA + 2 * self._turnaround + self.idle_cycles

    def configure(self, *, turnaround: int, data_phase: bool) -> None:
        """Take over DAP_SWD_Configure: turnaround in cycles, data phase after WAIT and FAULT."""
        self._turnaround = turnaround
        self._data_phase = data_phase

    def transfer(self, request: int, wdata: int = 0) -> tuple[int, int]:
        """Do one transfer; return the ACK bits or ``PARITY_ERROR``, and the data read."""
        self.transfers += 1
        clock = self.clock
        trn = self._turnaround
        clock.spend_cycles(_REQUEST_AND_ACK + trn)
        if self._turnaround != self.dp.turnaround:
            return self._out_of_step()
        self.line.idle()
        if not request & READ:
            # A write takes effect once its data has arrived.
            clock.spend_cycles(trn + _DATA + self.idle_cycles)
        ack, data, good = self.dp.transfer(request & 0xF, wdata)
        if ack == OK:
            if request & READ:
                clock.spend_cycles(_DATA + trn + self.idle_cycles)
            return (OK, data) if good else (PARITY_ERROR, 0)
        if not request & READ:
            clock.spend_cycles(-(trn + _DATA + self.idle_cycles))
        if ack == NO_ACK:
            clock.spend_cycles(trn + _DATA)  # back off, so that a target in its data phase ends it
        else:
            self.waits += ack == WAIT
            clock.spend_cycles(trn + (_DATA if self._data_phase else 0))
        return ack, 0

    def sequence(self, bits: int, count: int) -> None:
        """Drive ``count`` cycles with ``bits``, least significant first."""
        self.clock.spend_cycles(count)
        if self.enabled:
            self.clock.sync()
            clock = self.line.clock
            for n in range(count):
                clock(bits >> n & 1)

    def capture(self, count: int) -> int:
        """Float SWDIO for ``count`` cycles and return what it read, first bit lowest."""
        self.clock.spend_cycles(count)
        if not self.enabled:
            return (1 << count) - 1
        self.clock.sync()
        clock = self.line.clock
        return sum(clock(None) << n for n in range(count))

    def _out_of_step(self) -> tuple[int, int]:
        """Probe and target disagree on the turnaround: ACK and data are misread."""
        self.dp.protocol_error()
        self.clock.spend_cycles(self._turnaround + _DATA)
        return NO_ACK, 0
