"""Skeleton."""
from __future__ import annotations

from ..arch.adi import IDR
from .debug_port import DebugPort
from .mem_ap import MemAp


class AccessPort:
    """Any AP (a chip's own control AP, say): its registers by offset."""

    dp: DebugPort
    index: int
    idr: IDR

    def read(self, register: int) -> int: raise NotImplementedError
    def write(self, register: int, value: int) -> None: raise NotImplementedError


def find_access_ports(dp: DebugPort, *, last: int = 3) -> list[AccessPort | MemAp]:
    """Return the access ports that answer, AP 0 first; MEM-APs as :class:`MemAp`."""
    raise NotImplementedError
