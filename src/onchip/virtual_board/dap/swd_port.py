"""The probe's SWD pins: whole transfers and raw bits, and what they cost in SWCLK cycles.

One transfer is 8 request bits, a turnaround, 3 ACK bits, then 33 data bits with the second
turnaround before (write) or after (read): 46 cycles with the default turnaround of one, plus the
idle cycles of DAP_TransferConfigure.
"""

from __future__ import annotations

from onchip.arch.adi import CTRL_STAT
from onchip.virtual_board.coresight.sw_dp import READ, LineState, SwDp
from onchip.virtual_board.coresight.swd_line import SwdLine, parity

from .clock import ProbeClock

OK = 1
WAIT = 2
FAULT = 4
NO_ACK = 7
PARITY_ERROR = 8
"""Not an ACK: the probe's own word for data that came with wrong parity."""

_REQUEST_AND_ACK = 11
_DATA = 33
_PARK_AND_START = 0x81
_ORUNDETECT = CTRL_STAT.ORUNDETECT.mask


class SwdPort:
    """SWCLK and SWDIO of the probe, wired to one target.

    Attributes:
        enabled: whether DAP_Connect has switched the pins on; else nothing reaches the target.
        transfers: SWD transfers done so far, of whatever outcome; likewise ``waits``.
        swdio: the level that the probe drives on SWDIO, or left there last.
        swclk: the level of SWCLK.
        ended_ns: when the data of the last transfer that was acknowledged had passed.
    """

    def __init__(self, dp: SwDp, line: SwdLine, clock: ProbeClock) -> None:
        self.dp = dp
        self.line = line
        self.clock = clock
        self.enabled = False
        self.idle_cycles = 0
        self.transfers = 0
        self.waits = 0
        self.swdio = 1
        self.swclk = True
        self.ended_ns = 0
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
        if not self.in_step:
            outcome = self._by_hand(request, wdata)
            self.swdio = 1
            return outcome
        self.swdio = 1
        self.swclk = True
        clock = self.clock
        trn = self._turnaround
        reading = request & READ
        # A write takes effect once its data has arrived.
        clock.spend_cycles(_REQUEST_AND_ACK + trn + (0 if reading else trn + _DATA))
        ack, data, good = self.dp.transfer(request & 0xF, wdata)
        if ack == OK:
            if reading:
                clock.spend_cycles(_DATA + trn)
            self._end()
            return (OK, data) if good else (PARITY_ERROR, 0)
        if not reading:
            clock.spend_cycles(-(trn + _DATA))
        if ack == NO_ACK:
            clock.spend_cycles(trn + _DATA)  # back off, so that a target in its data phase ends it
        else:
            self.waits += ack == WAIT
            clock.spend_cycles(trn + (_DATA if self._data_phase else 0))
        return ack, 0

    @property
    def in_step(self) -> bool:
        """Whether probe and target agree on where each bit of the next transfer stands."""
        dp = self.dp
        return (
            self.line.at_rest
            and dp.state is LineState.READY
            and dp.turnaround == self._turnaround
            and bool(dp.ctrl_stat & _ORUNDETECT) is self._data_phase
        )

    def _by_hand(self, request: int, wdata: int) -> tuple[int, int]:
        """Do a transfer bit by bit: what a target that is not in step makes of it shows then."""
        trn = self._turnaround
        reading = bool(request & READ)
        request &= 0xF
        self.sequence(_PARK_AND_START | request << 1 | parity(request) << 5, 8)
        self.capture(trn)
        ack = self.capture(3)
        if ack == OK:
            if reading:
                data = self.capture(_DATA)
                self.capture(trn)
            else:
                self.capture(trn)
                self.sequence(wdata | parity(wdata) << 32, _DATA)
            self._end()
            if not reading:
                return OK, 0
            word = data & 0xFFFF_FFFF
            return (OK, word) if data >> 32 == parity(word) else (PARITY_ERROR, 0)
        if ack not in (WAIT, FAULT):
            self.capture(trn + _DATA)
            return ack, 0
        self.waits += ack == WAIT
        if self._data_phase and reading:
            self.capture(_DATA)
        self.capture(trn)
        if self._data_phase and not reading:
            self.sequence(0, _DATA)
        return ack, 0

    def _end(self) -> None:
        """Take note of the moment, and drive the idle cycles."""
        self.ended_ns = self.clock.now_ns
        if self.idle_cycles and not self.line.at_rest:
            self.sequence(0, self.idle_cycles)
        else:
            self.clock.spend_cycles(self.idle_cycles)

    def sequence(self, bits: int, count: int) -> None:
        """Drive ``count`` cycles with ``bits``, least significant first."""
        self.clock.spend_cycles(count)
        if self.enabled:
            self.clock.sync()
            clock = self.line.clock
            for n in range(count):
                clock(bits >> n & 1)
        if count:
            self.swclk = True
            self.swdio = bits >> (count - 1) & 1

    def capture(self, count: int) -> int:
        """Float SWDIO for ``count`` cycles and return what it read, first bit lowest."""
        self.clock.spend_cycles(count)
        self.swclk = True
        if not self.enabled:
            return (1 << count) - 1
        self.clock.sync()
        clock = self.line.clock
        return sum(clock(None) << n for n in range(count))

    # ---- pins by hand

    @property
    def swdio_level(self) -> int:
        """The level on SWDIO: the target's if it drives, else the probe's; pulled up if off."""
        return self.line.level(self.swdio) if self.enabled else 1

    def drive_swclk(self, *, high: bool) -> None:
        """Set SWCLK; its rising edge is a cycle."""
        rising = high and not self.swclk
        self.swclk = high
        if rising and self.enabled:
            self.clock.sync()
            self.line.clock(self.swdio)

    def release_pins(self) -> None:
        """Leave SWCLK and SWDIO high."""
        self.swclk = True
        self.swdio = 1
