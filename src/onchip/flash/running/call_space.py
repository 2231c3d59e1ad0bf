"""Where everything lies in the target's RAM while functions are called one by one, with no driver.

algorithm | gap | guard | stack | area: one or two pages, or code that sums and its answers | return

The gap, if there is RAM for one, is for algorithms that use more than their file says.
"""

from __future__ import annotations

from dataclasses import dataclass

from onchip.errors import AlgorithmError

from ..algorithm import FlashAlgorithm
from . import driver

RETURN = bytes.fromhex("72B6 00BE FEE7 FEE7")
"""Where each function returns to: cpsid i; bkpt 0; and, should that not halt, b ."""
RETURNED = 2
"""Offset of the BKPT in it."""
_LEAST_STACK, _GOOD_STACK, _MOST_STACK = 256, 512, 8192
_GOOD_REST = 1024
"""Bytes of the area beside the pages, before there is a gap."""


@dataclass(frozen=True, slots=True)
class CallSpace:
    """The places; ``buffers`` are one or two, of ``size`` bytes each, at the area's start."""

    algorithm: int
    guard: int
    stack_top: int
    area: int
    returns_to: int
    buffers: tuple[int, ...]
    size: int

    @classmethod
    def lay_out(
        cls, start: int, length: int, algorithm: FlashAlgorithm | None, *, overlap: bool
    ) -> CallSpace:
        """Divide ``length`` bytes of RAM from ``start``; two buffers only with ``overlap``.

        Raises:
            AlgorithmError: it does not fit.
        """
        end = (start + length) & ~7
        page = 0 if algorithm is None else algorithm.device.page_size
        size = _align(page, 8)
        place = at = _align(start, 16)
        if algorithm is not None:
            if start <= algorithm.link_address < end:
                place = algorithm.link_address  # linked for this very place: perhaps not movable
            at = _align(place + len(algorithm.blob), 8)
        returns_to = end - len(RETURN)
        spare = returns_to - at - driver.GUARD_LENGTH - size
        if spare < _LEAST_STACK:
            raise AlgorithmError(
                f"an algorithm with pages of {page} bytes needs "
                f"{length - spare + _LEAST_STACK} bytes of RAM, {length} may be used"
            )
        count = 2 if overlap and page and spare >= _GOOD_STACK + size else 1
        spare -= (count - 1) * size
        stack = min(_MOST_STACK, max(spare // 2, min(spare, _GOOD_STACK))) & ~7
        guard = at + (max(0, spare - stack - _GOOD_REST) // 2 & ~7)
        area = guard + driver.GUARD_LENGTH + stack
        return cls(
            algorithm=place,
            guard=guard,
            stack_top=area,
            area=area,
            returns_to=returns_to,
            buffers=tuple(area + index * size for index in range(count)),
            size=size,
        )


def _align(value: int, to: int) -> int:
    return (value + to - 1) // to * to
