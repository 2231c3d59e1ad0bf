"""Find the fastest SWD clock that works, by a pattern test.

TAR of a MEM-AP is a register of 32 bits that is read as it was written and touches nothing behind
it. Patterns go through it at one clock after the other, faster and faster, until one does not come
back, the wire fails, or the probe refuses. Then the last good clock is set again, and the port is
connected anew: what arrived at a clock that is too fast is not to be trusted.
"""

from __future__ import annotations

import contextlib

from ..arch.adi import TAR
from ..dap import Element, Transfers
from ..dap.transfers import AP
from ..errors import OnchipError, ProbeLost, ProbeRefused
from .debug_port import DebugPort
from .mem_ap import MemAp

CLOCKS_HZ = (
    1_000_000, 2_000_000, 4_000_000, 5_000_000, 8_000_000, 10_000_000, 12_000_000, 16_000_000,
    20_000_000, 25_000_000, 33_000_000, 40_000_000, 50_000_000,
)  # fmt: skip
FIRST_CLOCK_HZ = CLOCKS_HZ[0]
"""What a connection starts with whose clock is to be found."""

_PATTERNS = (
    0x0000_0000, 0xFFFF_FFFF, 0x5555_5555, 0xAAAA_AAAA, 0x0F0F_0F0F, 0xF0F0_F0F0, 0x00FF_00FF,
    0x0000_FFFF, 0xFFFF_0000, 0xA5A5_5A5A, 0x8000_0001, 0x7FFF_FFFE, 0xDEAD_BEEF, 0x1357_9BDF,
    0x2468_ACE0, 0x3333_CCCC,
)  # fmt: skip
_ROUNDS = 4


def fastest_clock(dp: DebugPort, ap: MemAp) -> int:
    """Set the fastest clock that carries patterns through ``ap``; return it in Hz.

    The clock in use is taken to work.

    Raises:
        ProbeError: the probe failed.
        TransferError: the target does not answer any more at the last good clock.
    """
    client = dp.client
    good_hz = client.frequency_hz
    for clock_hz in CLOCKS_HZ:
        if clock_hz <= good_hz:
            continue
        try:
            client.set_frequency(clock_hz)
            works = _patterns_pass(dp, ap)
        except ProbeLost:
            raise
        except ProbeRefused:
            break
        except OnchipError:
            works = False
        if not works:
            break
        good_hz = clock_hz
    if client.frequency_hz != good_hz:
        with contextlib.suppress(ProbeRefused):  # it took this one before
            client.set_frequency(good_hz)
        dp.connect()
    return client.frequency_hz


def _patterns_pass(dp: DebugPort, ap: MemAp) -> bool:
    """Write and read back patterns in one batch.

    Raises:
        OnchipError: not even the transfers worked.
    """
    patterns = _PATTERNS * _ROUNDS
    batch = dp.batch()
    read: list[Element] = []

    def emit(t: Transfers) -> None:
        dp.emit_select(t, ap.index << 24)
        for pattern in patterns:
            t.settle(AP | TAR, pattern, "TAR")
            read.append(t.read(AP | TAR, "TAR"))

    batch.add(emit)
    try:
        batch.run()
    finally:
        dp.client.invalidate()  # TAR is not where the MemAp left it
    return [element.word() for element in read] == list(patterns)
