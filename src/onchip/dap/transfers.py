"""Skeleton."""
from __future__ import annotations


class Element:
    """One DP/AP register access, or a run of accesses to one register; holds what was read."""

    @property
    def word(self) -> int: raise NotImplementedError
    @property
    def data(self) -> bytes: raise NotImplementedError


class Transfers:
    """What the operations of a batch lower to."""
