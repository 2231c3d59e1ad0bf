"""A Memory Access Port: target memory through a port of the Debug Port."""

from __future__ import annotations

from ..arch.adi import BASE, CFG
from ..dap import Batch, Result, Transfers
from ..dap.transfers import AP
from ..errors import UsageError
from .debug_port import DebugPort
from .memory import Memory
from .port_access import PortAccess

_PRIVATE_PERIPHERALS = 0xE000_0000
_DEVICE = 0x4000_0000
_END = 1 << 32


class MemAp(PortAccess, Memory):
    """A Memory Access Port of a Debug Port."""

    def __init__(
        self, dp: DebugPort, index: int, idr: int = 0, base: int = 0, cfg: int = 0, csw: int = 0
    ) -> None:
        super().__init__(dp, index, idr, csw)
        self.base = BASE(base)
        self.cfg = CFG(cfg)

    def __repr__(self) -> str:
        return f"<MemAp {self.index} IDR={int(self.idr):#010x}>"

    def batch(self) -> Batch:
        """Return an empty batch."""
        return Batch(self.dp.client)

    # ---- the port's own registers

    def read_register(self, register: int) -> int:
        """Read a register of the port itself, by its offset.

        Raises:
            TransferError: the port did not answer OK.
        """
        batch = self.batch()
        result: Result[int] = batch.result()

        def emit(t: Transfers) -> None:
            self.dp.emit_select(t, self.index << 24 | register & 0xF0)
            result.bind(t.read(AP | register & 0xC, f"AP register {register:#04x}").word)
            self._forget()

        batch.add(emit)
        batch.run()
        return result.value

    def write_register(self, register: int, value: int) -> None:
        """Write a register of the port itself, by its offset.

        Raises:
            TransferError: the port did not answer OK.
        """
        batch = self.batch()

        def emit(t: Transfers) -> None:
            t.barrier()
            self.dp.emit_select(t, self.index << 24 | register & 0xF0)
            t.write(AP | register & 0xC, value, f"AP register {register:#04x}")
            self._forget()

        batch.add(emit)
        batch.run()

    # ---- queued access

    def queue_read(self, batch: Batch, address: int, length: int) -> Result[bytes]:
        """Queue the read of ``length`` bytes, by accesses of just the size that is asked for.

        Raises:
            UsageError: outside the 32-bit address space.
        """
        check_range(address, length)
        result: Result[bytes] = batch.result()

        def emit(t: Transfers) -> None:
            result.bind(self.emit_read(t, address, length))

        batch.add(emit, repeatable=_repeatable(address, length))
        return result

    def queue_write(self, batch: Batch, address: int, data: bytes, *, free: bool = False) -> None:
        """Queue the write of ``data``; see :class:`Memory`.

        Raises:
            UsageError: outside the 32-bit address space.
        """
        check_range(address, len(data))

        def emit(t: Transfers) -> None:
            if not free:
                t.barrier()
            t.free = free
            self.emit_write(t, address, data)
            t.free = False

        batch.add(emit)

    def queue_read_u32(self, batch: Batch, address: int) -> Result[int]:
        """Queue the read of an aligned word.

        Raises:
            UsageError: not aligned, or outside the 32-bit address space.
        """
        check_word(address)
        result: Result[int] = batch.result()

        def emit(t: Transfers) -> None:
            result.bind(self.emit_read_word(t, address).word)

        batch.add(emit, repeatable=not _DEVICE <= address < _PRIVATE_PERIPHERALS)
        return result

    def queue_write_u32(
        self, batch: Batch, address: int, value: int, *, free: bool = False
    ) -> None:
        """Queue the write of an aligned word.

        Raises:
            UsageError: not aligned, outside the address space, or ``value`` is no word.
        """
        check_word(address)
        if not 0 <= value < _END:
            raise UsageError(f"{value:#x} does not fit a word")

        def emit(t: Transfers) -> None:
            if not free:
                t.barrier()
            t.free = free
            self.emit_write_word(t, address, value)
            t.free = False

        batch.add(emit)

    def queue_wait_u32(
        self, batch: Batch, address: int, mask: int, value: int, *, timeout_s: float = 1.0
    ) -> None:
        """Queue a wait, in the probe, until ``(word & mask) == value``.

        Raises:
            UsageError: not aligned, or outside the 32-bit address space.
        """
        check_word(address)

        def emit(t: Transfers) -> None:
            self.emit_wait_word(t, address, mask, value, timeout_s)

        batch.add(emit, repeatable=True)


def _repeatable(address: int, length: int) -> bool:
    """Reading code, data or the core's own registers twice is harmless; a device's may not be."""
    return address + length <= _DEVICE or address >= _PRIVATE_PERIPHERALS


def check_range(address: int, length: int) -> None:
    """Refuse what does not lie within the 32-bit address space."""
    if address < 0 or length < 0 or address + length > _END:
        raise UsageError(f"{length} bytes at {address:#x} are not within the 32-bit address space")


def check_word(address: int) -> None:
    """Refuse what is not the address of an aligned word."""
    if address & 3 or not 0 <= address < _END:
        raise UsageError(f"{address:#x} is not the address of an aligned word")
