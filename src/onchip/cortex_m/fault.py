"""Skeleton."""
from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FaultReport:
    """A fault, told for people: ``str(report)``.

    ``headline`` is one plain sentence; ``causes`` the decoded status bits; ``registers`` the stacked
    frame (r0-r3, r12, lr, pc, xpsr and, for an extended frame, s0-s15 and fpscr).
    """

    exception: int
    name: str
    headline: str
    causes: tuple[str, ...]
    pc: int | None
    lr: int | None
    address: int | None
    registers: dict[str, int] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    exc_return: int | None = None
    frame_address: int | None = None
