"""The bit sequences that bring an SWJ-DP to SWD and out of sleep (ADIv5.2 B5).

Bits are sent lowest first, of the first byte first.
"""

from __future__ import annotations

from ..wire.cmsis_dap import SWJ_Sequence

_ONES = b"\xff" * 7  # 56 clocks with SWDIO high; at least 50 make a line reset (B4.3.3)
_IDLE = b"\x00"  # 8 clocks low; at least 2 must follow a line reset
_JTAG_TO_SWD = 0xE79E  # B5.2.1
_JTAG_TO_DORMANT = 0x33BB_BBBA  # 31 bits, B5.3.2
_ALERT = 0x19BC_0EA2_E3DD_AFE9_8685_2D95_6209_F392  # 128 bits, B5.3.4
_ACTIVATE_SWD = 0x1A  # 8 bits behind 4 low ones, B5.3.4


def _sequence(*parts: tuple[int, int]) -> SWJ_Sequence:
    value = length = 0
    for bits, count in parts:
        value |= bits << length
        length += count
    return SWJ_Sequence(length, value.to_bytes((length + 7) // 8, "little"))


_HIGH = ((1 << 56) - 1, 56)

LINE_RESET = SWJ_Sequence(64, _ONES + _IDLE)
"""Bring the protocol to its start; the DP then expects a read of DPIDR."""

JTAG_TO_SWD = _sequence(_HIGH, (_JTAG_TO_SWD, 16), _HIGH, (0, 8))
"""Switch an SWJ-DP from JTAG to SWD, and reset the line; harmless to one that is in SWD."""

JTAG_TO_DORMANT = _sequence(_HIGH, (_JTAG_TO_DORMANT, 31))
"""Send a DP that starts in JTAG to the dormant state."""

DORMANT_TO_SWD = _sequence((0xFF, 8), (_ALERT, 128), (0, 4), (_ACTIVATE_SWD, 8), _HIGH, (0, 8))
"""Wake a dormant DP up in SWD, and reset the line."""
