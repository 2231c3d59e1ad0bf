"""Memory as the program knows it: reads never show our BKPT opcodes, writes keep them armed."""

from __future__ import annotations

from ..coresight import MemAp, Memory
from ..coresight.mem_ap import check_range, check_word
from ..dap import Batch, Result, Transfers
from ..errors import UsageError
from .opcodes import Opcodes, hide


class CoreMemory(Memory):
    """The memory of a core, seen through its MEM-AP."""

    def __init__(self, ap: MemAp, opcodes: Opcodes) -> None:
        self._ap = ap
        self._opcodes = opcodes

    def __repr__(self) -> str:
        return f"<memory of the core behind AP {self._ap.index}>"

    def batch(self) -> Batch:
        """Return an empty batch."""
        return self._ap.batch()

    def queue_read(self, batch: Batch, address: int, length: int) -> Result[bytes]:
        """Queue the read of ``length`` bytes.

        Raises:
            UsageError: outside the 32-bit address space.
        """
        check_range(address, length)
        if not self._opcodes:
            return self._ap.queue_read(batch, address, length)
        result: Result[bytes] = batch.result()

        def emit(t: Transfers) -> None:
            data = self._ap.emit_read(t, address, length)
            originals = self._opcodes.originals()
            result.bind(lambda: hide(originals, address, data()))

        batch.add(emit)
        return result

    def queue_write(self, batch: Batch, address: int, data: bytes, *, free: bool = False) -> None:
        """Queue the write of ``data``.

        Raises:
            UsageError: outside the 32-bit address space.
        """
        check_range(address, len(data))

        def emit(t: Transfers) -> None:
            if not free:
                t.barrier()
            written = self._opcodes.overlay(address, data) if self._opcodes else data
            t.free = free
            self._ap.emit_write(t, address, written)
            t.free = False

        batch.add(emit)

    def queue_read_u32(self, batch: Batch, address: int) -> Result[int]:
        """Queue the read of an aligned word.

        Raises:
            UsageError: not aligned, or outside the 32-bit address space.
        """
        if not self._opcodes:
            return self._ap.queue_read_u32(batch, address)
        check_word(address)
        result: Result[int] = batch.result()

        def emit(t: Transfers) -> None:
            element = self._ap.emit_read_word(t, address)
            originals = self._opcodes.originals()
            result.bind(lambda: int.from_bytes(hide(originals, address, element.data), "little"))

        batch.add(emit)
        return result

    def queue_write_u32(
        self, batch: Batch, address: int, value: int, *, free: bool = False
    ) -> None:
        """Queue the write of an aligned word.

        Raises:
            UsageError: not aligned, outside the address space, or ``value`` is no word.
        """
        if self._opcodes.overlaps(address, 4):
            check_word(address)
            if not 0 <= value < 1 << 32:
                raise UsageError(f"{value:#x} does not fit a word")
            self.queue_write(batch, address, value.to_bytes(4, "little"), free=free)
        else:
            self._ap.queue_write_u32(batch, address, value, free=free)

    def queue_wait_u32(
        self, batch: Batch, address: int, mask: int, value: int, *, timeout_s: float = 1.0
    ) -> None:
        """Queue a wait, in the probe, until ``(word & mask) == value``.

        Raises:
            UsageError: not aligned, or outside the 32-bit address space.
        """
        self._ap.queue_wait_u32(batch, address, mask, value, timeout_s=timeout_s)
