"""The one way to read and write target memory: queued, or at once as a batch of one."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..dap import Batch, Result
from ..errors import UsageError


class Memory(ABC):
    """Target memory at byte addresses, little-endian, any alignment.

    ``queue_*`` add an operation to a batch; the other methods are batches of one. A failing access
    raises a ``TransferError`` whose ``address`` is the target address that refused, where the probe
    tells; every address before it has been accessed.
    """

    @abstractmethod
    def batch(self) -> Batch:
        """Return an empty batch for the way this memory is reached."""

    @abstractmethod
    def queue_read(self, batch: Batch, address: int, length: int) -> Result[bytes]:
        """Queue the read of ``length`` bytes at ``address``."""

    @abstractmethod
    def queue_write(self, batch: Batch, address: int, data: bytes, *, free: bool = False) -> None:
        """Queue the write of ``data`` at ``address``.

        ``free``: harmless even if something earlier in the batch fails, so it waits for nothing,
        not even for where it goes to be settled: should the wire fail just then, it lands where the
        port pointed before. For downloads by someone who owns the target's RAM; see
        ``onchip.dap.transfers``.
        """

    @abstractmethod
    def queue_read_u32(self, batch: Batch, address: int) -> Result[int]:
        """Queue the read of the aligned word at ``address``."""

    @abstractmethod
    def queue_write_u32(
        self, batch: Batch, address: int, value: int, *, free: bool = False
    ) -> None:
        """Queue the write of the aligned word at ``address``."""

    @abstractmethod
    def queue_wait_u32(
        self, batch: Batch, address: int, mask: int, value: int, *, timeout_s: float = 1.0
    ) -> None:
        """Queue a wait, in the probe, until ``(word & mask) == value``.

        When ``timeout_s`` passes first, the batch fails with ``TransferMismatch``.
        """

    def read(self, address: int, length: int) -> bytes:
        """Return ``length`` bytes at ``address``, any alignment.

        Raises:
            UsageError: outside the 32-bit address space.
            TransferError: an access failed.
        """
        batch = self.batch()
        result = self.queue_read(batch, address, length)
        batch.run()
        return result.value

    def write(self, address: int, data: bytes) -> None:
        """Write ``data`` at ``address``, any alignment.

        Raises:
            UsageError: outside the 32-bit address space.
            TransferError: an access failed; what comes before its address is written.
        """
        batch = self.batch()
        self.queue_write(batch, address, data)
        batch.run()

    def read_u8(self, address: int) -> int:
        """Return the byte at ``address``."""
        return self.read(address, 1)[0]

    def read_u16(self, address: int) -> int:
        """Return the little-endian halfword at ``address``, any alignment."""
        return int.from_bytes(self.read(address, 2), "little")

    def read_u32(self, address: int) -> int:
        """Return the little-endian word at ``address``, any alignment."""
        if address & 3:
            return int.from_bytes(self.read(address, 4), "little")
        batch = self.batch()
        result = self.queue_read_u32(batch, address)
        batch.run()
        return result.value

    def write_u8(self, address: int, value: int) -> None:
        """Write one byte.

        Raises:
            UsageError, TransferError: as `write`; or ``value`` has more bits.
        """
        self.write(address, _encoded(value, 1))

    def write_u16(self, address: int, value: int) -> None:
        """Write a little-endian halfword, any alignment. Raises as `write_u8`."""
        self.write(address, _encoded(value, 2))

    def write_u32(self, address: int, value: int) -> None:
        """Write a little-endian word, any alignment. Raises as `write_u8`."""
        if address & 3:
            self.write(address, _encoded(value, 4))
            return
        batch = self.batch()
        self.queue_write_u32(batch, address, value)
        batch.run()


def _encoded(value: int, length: int) -> bytes:
    if not 0 <= value < 1 << 8 * length:
        raise UsageError(f"{value:#x} does not fit {length} bytes")
    return value.to_bytes(length, "little")
