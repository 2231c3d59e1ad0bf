"""Skeleton."""
from __future__ import annotations

from ..arch.adi import BASE, IDR
from ..dap import Batch, Result
from .debug_port import DebugPort
from .memory import Memory


class MemAp(Memory):
    """A Memory Access Port."""

    def __init__(self, dp: DebugPort, index: int) -> None:
        self.dp = dp
        self.index = index

    idr: IDR
    base: BASE

    def batch(self) -> Batch: raise NotImplementedError
    def queue_read(self, batch: Batch, address: int, length: int) -> Result[bytes]: raise NotImplementedError
    def queue_write(self, batch: Batch, address: int, data: bytes, *, free: bool = False) -> None: raise NotImplementedError
    def queue_read_u32(self, batch: Batch, address: int) -> Result[int]: raise NotImplementedError
    def queue_write_u32(self, batch: Batch, address: int, value: int, *, free: bool = False) -> None: raise NotImplementedError
    def queue_wait_u32(self, batch: Batch, address: int, mask: int, value: int, *, timeout_s: float = 1.0) -> None: raise NotImplementedError
