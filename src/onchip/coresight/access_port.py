"""Find the access ports behind a Debug Port; registers of a port that is not a MEM-AP."""

from __future__ import annotations

from contextlib import suppress

from ..arch.adi import BASE, CFG, CLASS_MEM_AP, CSW, IDR
from ..dap import Batch, Result, Transfers
from ..dap.transfers import AP
from ..errors import TransferError, TransferFault, TransferWait, UsageError
from .debug_port import DebugPort
from .mem_ap import MemAp


class AccessPort:
    """Any access port, a chip's own control port for one: its registers by offset."""

    def __init__(self, dp: DebugPort, index: int, idr: int = 0) -> None:
        self.dp = dp
        self.index = index
        self.idr = IDR(idr)

    def __repr__(self) -> str:
        return f"<AccessPort {self.index} IDR={int(self.idr):#010x}>"

    def batch(self) -> Batch:
        """Return an empty batch."""
        return self.dp.batch()

    def read(self, register: int) -> int:
        """Read the register at that offset.

        Raises:
            UsageError: no such offset.
            TransferError: the port did not answer OK.
        """
        batch = self.batch()
        result = queue_read(self.dp, batch, self.index, register)
        batch.run()
        return result.value

    def write(self, register: int, value: int) -> None:
        """Write the register at that offset.

        Raises:
            UsageError: no such offset.
            TransferError: the port did not answer OK.
        """
        _check(register)
        batch = self.batch()

        def emit(t: Transfers) -> None:
            t.barrier()
            self.dp.emit_select(t, self.index << 24 | register & 0xF0)
            t.write(AP | register & 0xC, value, f"AP {self.index} register {register:#04x}")

        batch.add(emit)
        batch.run()


def queue_read(dp: DebugPort, batch: Batch, index: int, register: int) -> Result[int]:
    """Queue the read of a register of AP ``index``."""
    _check(register)
    result: Result[int] = batch.result()

    def emit(t: Transfers) -> None:
        dp.emit_select(t, index << 24 | register & 0xF0)
        result.bind(t.read(AP | register & 0xC, f"AP {index} register {register:#04x}").word)

    batch.add(emit)
    return result


def find_access_ports(dp: DebugPort, *, last: int = 3) -> list[AccessPort | MemAp]:
    """Return the access ports that answer, AP 0 first; memory ports as :class:`MemAp`.

    APs 0 to ``last`` are tried, in one round trip if none of them objects: reading an absent port's
    IDR gives zero on most chips, FAULT or WAIT on some, and both mean that there is none.

    Raises:
        TransferError: the wire failed, not just a port.
    """
    idrs: dict[int, int] = {}
    details: dict[int, tuple[int, int, int]] = {}
    index = 0
    while index <= last:
        batch = dp.batch()
        queued = []
        for i in range(index, last + 1):
            idr = queue_read(dp, batch, i, IDR.address)
            if i == 0:
                more = tuple(queue_read(dp, batch, i, r) for r in _DETAILS)
            queued.append((i, idr))
        with suppress(TransferFault, TransferWait):  # whose it was shows below
            batch.run()
        index = last + 1
        for i, idr in queued:
            try:
                idrs[i] = idr.value
                if i == 0:
                    base, cfg, csw = (r.value for r in more)
                    details[0] = base, cfg, csw
            except TransferError:
                index = i + 1
                break
    return [_make(dp, i, IDR(idr), details.get(i)) for i, idr in idrs.items() if idr]


_DETAILS = (BASE.address, CFG.address, CSW.address)


def _make(
    dp: DebugPort, index: int, idr: IDR, details: tuple[int, int, int] | None
) -> AccessPort | MemAp:
    if idr.CLASS != CLASS_MEM_AP:
        return AccessPort(dp, index, idr)
    if details is None:
        batch = dp.batch()
        more = [queue_read(dp, batch, index, r) for r in _DETAILS]
        batch.run()
        base, cfg, csw = (r.value for r in more)
        details = base, cfg, csw
    return MemAp(dp, index, idr, *details)


def _check(register: int) -> None:
    if not 0 <= register <= 0xFC or register & 3:
        raise UsageError(f"an AP has no register at {register:#x}")
