"""Skeleton."""
from __future__ import annotations

from ..arch.adi import DPIDR, TARGETID
from ..dap import Batch, DapClient


class DebugPort:
    """The Debug Port of the target, over SWD."""

    def __init__(self, client: DapClient, *, targetsel: int | None = None) -> None:
        self.client = client

    idr: DPIDR
    targetid: TARGETID | None

    def connect(self) -> None:
        """Switch to SWD, wake the DP, power the debug domain up."""
        raise NotImplementedError

    def read(self, register: int) -> int:
        """Read a DP register at offset 0x0-0xC (bits [7:4]: DPBANKSEL)."""
        raise NotImplementedError

    def write(self, register: int, value: int) -> None:
        """Write a DP register."""
        raise NotImplementedError

    def batch(self) -> Batch:
        """Return an empty batch."""
        return Batch(self.client)

    def disconnect(self) -> None:
        """Take the power-up requests back."""
        raise NotImplementedError
