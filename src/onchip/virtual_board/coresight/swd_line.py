"""SWDIO, cycle by cycle: line reset, protocol selection, and transfers made by hand.

Probes send the sequences of ADIv5.2 B5 as raw bits, and some hosts build whole transfers that way.
``clock`` is one SWCLK cycle. The protocol is a generator that yields what the target drives in the
next cycle (None: nothing) and receives the level that the line then had.

A host that floats the line leaves it to the pull-up: it reads as high.
"""

from __future__ import annotations

from collections.abc import Generator

from onchip.arch.adi import Ack

from .sw_dp import READ, LineState, SwDp

LINE_RESET_CYCLES = 50
JTAG_TO_SWD = 0xE79E
SWD_TO_JTAG = 0xE73C
SWD_TO_DORMANT = 0xE3BC
JTAG_TO_DORMANT = 0x33BB_BBBA  # 31 bits
_JTAG_TO_DORMANT_BITS = 31
SELECTION_ALERT = 0x19BC_0EA2_E3DD_AFE9_8685_2D95_6209_F392  # 128 bits, least significant first
ACTIVATE_SWD = 0x1A
ACTIVATE_JTAG = 0x0A
_WAKE_BITS = 128 + 4 + 8  # alert, four low cycles, activation code
_WAKE_SWD = SELECTION_ALERT | ACTIVATE_SWD << 132
_WAKE_JTAG = SELECTION_ALERT | ACTIVATE_JTAG << 132
_SELECT_BITS = 16
_TARGETSEL = 0xC

Cycle = Generator[int | None, int, None]
_Bits = Generator[int | None, int, int]


def parity(value: int) -> int:
    """Return the even-parity bit of ``value``."""
    return value.bit_count() & 1


class SwdLine:
    """The SWDIO pin of one SW-DP, with the selection logic of its SWJ-DP in front."""

    def __init__(self, dp: SwDp) -> None:
        self._dp = dp
        self._ones = 0
        self._window: list[int] | None = None
        self._history = 0
        self._drive: int | None = None
        self._cycles = self._protocol()
        self._restart()

    def clock(self, level: int | None) -> int:
        """Run one SWCLK cycle with the host driving ``level``, or None to float the line.

        Returns the level on the line.
        """
        driven = self._drive
        line = driven if driven is not None else 1 if level is None else level
        if not self._dp.powered:
            return line if driven is None else 1 if level is None else level
        if driven is None and self._watch(line):
            self._restart()
        else:
            self._drive = self._cycles.send(line)
        return line

    def level(self, host: int) -> int:
        """Return the level on the line before the next cycle, with the host driving ``host``."""
        return host if self._drive is None or not self._dp.powered else self._drive

    def power_on(self) -> None:
        """Start anew, as the DP does with its supply."""
        self._ones = 0
        self._window = None
        self._history = 0
        self._restart()

    @property
    def at_rest(self) -> bool:
        """Whether the next bits start a transfer: none is half sent, nor a line reset under way."""
        return not (self._busy or self._ones)

    # ---- line reset and selection

    def _watch(self, line: int) -> bool:
        """Look for line resets and selection codes; True if the protocol starts anew."""
        dp = self._dp
        if dp.state in (LineState.DORMANT, LineState.JTAG):
            self._history = self._history >> 1 | line << (_WAKE_BITS - 1)
            if self._wake():
                return True
        if line:
            self._ones += 1
            if self._ones == LINE_RESET_CYCLES:
                self._window = None
                dp.line_reset()
                return True
        else:
            if self._ones >= LINE_RESET_CYCLES:
                self._window = []
            self._ones = 0
        if self._window is not None:
            self._window.append(line)
            if len(self._window) == _SELECT_BITS:
                code = sum(bit << n for n, bit in enumerate(self._window))
                self._window = None
                return self._select(code)
        return False

    def _select(self, code: int) -> bool:
        dp = self._dp
        swj = dp.description.protocol != "swd"
        before = dp.state
        if dp.state is LineState.JTAG:
            if code == JTAG_TO_SWD:
                dp.state = LineState.LOCKED
        elif dp.state is not LineState.DORMANT:
            if code == SWD_TO_JTAG and swj:
                dp.state = LineState.JTAG
            elif code == SWD_TO_DORMANT and dp.version >= 2:
                dp.state = LineState.DORMANT
        if dp.state is before:
            return False
        self._history = 0
        return True

    def _wake(self) -> bool:
        dp = self._dp
        if dp.state is LineState.DORMANT:
            if self._history == _WAKE_SWD:
                dp.state = LineState.LOCKED
            elif self._history == _WAKE_JTAG and dp.description.protocol != "swd":
                dp.state = LineState.JTAG
            else:
                return False
        elif dp.version >= 2 and self._history >> (_WAKE_BITS - _JTAG_TO_DORMANT_BITS) == (
            JTAG_TO_DORMANT
        ):
            dp.state = LineState.DORMANT
        else:
            return False
        self._ones = 0
        self._window = None
        return True

    # ---- the protocol

    def _restart(self) -> None:
        self._cycles = self._protocol()
        self._busy = False
        self._drive = next(self._cycles)

    def _protocol(self) -> Cycle:
        dp = self._dp
        low = 0
        while True:
            self._busy = False
            line = yield None
            if not line:
                low += 1
                continue
            if dp.state not in (LineState.RESET, LineState.READY):
                continue
            if dp.state is LineState.RESET and low < 2:
                # Still high since the line reset, or fewer than the two idle cycles it needs.
                if low:
                    dp.protocol_error()
                continue
            self._busy = True
            yield from self._packet()
            low = 2  # a packet in step with the line needs no idle cycle before the next

    def _packet(self) -> Cycle:
        """Take the rest of a packet request and answer it (ADIv5.2 B4.1)."""
        dp = self._dp
        rest = yield from self._receive(7)
        request = rest & 0xF
        if rest >> 4 & 1 != parity(request) or rest >> 5 & 1 or not rest >> 6 & 1:
            dp.protocol_error()
            return
        if request == _TARGETSEL and dp.state is LineState.RESET and dp.multi_drop:
            yield from self._receive(dp.turnaround + 3 + dp.turnaround)
            value = yield from self._receive(33)
            data = value & 0xFFFF_FFFF
            dp.target_select(data, parity_ok=value >> 32 == parity(data))
            return
        ack = dp.acknowledge(request)
        turnaround = dp.turnaround
        if ack == Ack.NONE:
            if dp.state is LineState.READY:
                # A loose cable, or a DP that hides: it did not see the request, nor the back-off.
                yield from self._receive(turnaround + 3 + turnaround + 33)
            return
        yield from self._receive(turnaround)
        yield from self._send(ack, 3)
        if ack != Ack.OK:
            yield from self._receive(turnaround)
            if dp.ctrl_stat & 1:  # ORUNDETECT: a data phase follows every acknowledge
                yield from self._receive(33)
        elif request & READ:
            data = dp.read(request)
            yield from self._send(data | (parity(data) ^ dp.spoils_parity()) << 32, 33)
            yield from self._receive(turnaround)
        else:
            yield from self._receive(turnaround)
            value = yield from self._receive(33)
            data = value & 0xFFFF_FFFF
            good = value >> 32 == parity(data) and not dp.spoils_parity()
            dp.write(request, data, parity_ok=good)

    def _receive(self, count: int) -> _Bits:
        value = 0
        for n in range(count):
            value |= (yield None) << n
        return value

    def _send(self, value: int, count: int) -> Cycle:
        for n in range(count):
            yield value >> n & 1
