"""Test a probe, a board and onchip itself on each other, and leave the board as it was.

Above: ``onchip selftest``. Below: sessions, as any script uses them. ``checks`` and its neighbours
hold the checks, ``runner`` runs them and puts back what they used.
"""

from __future__ import annotations

from onchip.services.selftest.runner import CHECKS, Outcome, Selftest, Verdict

__all__ = ["CHECKS", "Outcome", "Selftest", "Verdict"]
