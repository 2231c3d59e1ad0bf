"""ITSTATE, which xPSR holds as [7:2] in [15:10] and [1:0] in [26:25]. Source: DDI 0403 A7.3.3."""

from __future__ import annotations

from collections.abc import Callable

IT_MASK = 0x0600_FC00


def _state(xpsr: int) -> int:
    return xpsr >> 8 & 0xFC | xpsr >> 25 & 0x3


def _in_xpsr(state: int) -> int:
    return (state & 0xFC) << 8 | (state & 0x3) << 25


def advanced(xpsr: int) -> int:
    """Return xPSR behind the next instruction."""
    state = _state(xpsr)
    state = state & 0xE0 | state << 1 & 0x1F if state & 0x7 else 0
    return xpsr & ~IT_MASK | _in_xpsr(state)


def it_state_at(halfword: Callable[[int], int], pc: int) -> int:
    """Return ITSTATE, as in xPSR, for an instruction that is known to be in an IT block.

    ``halfword`` reads code.
    """
    for start in range(pc - 2, pc - 16, -2):
        opcode = halfword(start)
        if opcode & 0xFF00 != 0xBF00 or not opcode & 0xF:
            continue
        at, state = start + 2, opcode & 0xFF
        while at < pc and state & 0xF:
            at += 4 if halfword(at) >= 0xE800 else 2
            state = state & 0xE0 | state << 1 & 0x1F
        if at == pc and state & 0xF:
            return _in_xpsr(state)
    return 0


def condition_holds(xpsr: int) -> bool:
    """Tell whether the IT block in ``xpsr``, if there is one, lets the next instruction execute."""
    it_state = _state(xpsr)
    if not it_state & 0xF:
        return True
    n, z, c, v = (bool(xpsr >> bit & 1) for bit in (31, 30, 29, 28))
    condition = it_state >> 4
    holds = (z, c, n, v, c and not z, n == v, n == v and not z, True)[condition >> 1]
    return holds if condition == 0xF else holds != bool(condition & 1)
