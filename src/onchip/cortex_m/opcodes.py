"""BKPT opcodes of ours in the target's memory, and the program's halfwords under them.

In RAM they are written like any data; in flash somebody programs them (``flash_breakpoints``), and
here is only kept what they hide. Reads of memory show the program's own halfwords.
"""

from __future__ import annotations

from ..coresight import MemAp
from ..dap import Batch, Transfers
from ..errors import BreakpointError, TransferFault

BKPT = b"\x00\xbe"  # BKPT #0
_SEMIHOSTING = b"\xab\xbe"
_ICIALLU = 0xE000_EF50  # ARMv7-M B3.2: instruction cache, invalidate all


class Opcodes:
    """The BKPT opcodes that stand in the memory of one core."""

    def __init__(self, ap: MemAp) -> None:
        self.has_instruction_cache = False
        self._ap = ap
        self._in_ram: dict[int, bytes] = {}
        self.in_flash: dict[int, bytes] = {}
        """What the opcodes that were programmed into flash hide, by address."""

    def __bool__(self) -> bool:
        return bool(self._in_ram or self.in_flash)

    def original(self, address: int) -> bytes | None:
        """Return the program's halfword under an opcode of ours."""
        return self._in_ram.get(address) or self.in_flash.get(address)

    def originals(self) -> dict[int, bytes]:
        """Return the program's own halfwords as they are now, for :func:`hide`."""
        return self._in_ram | self.in_flash

    # ---- in RAM

    def plant(self, address: int) -> None:
        """Write an opcode.

        Raises:
            BreakpointError: memory there does not take it.
            TransferError: the debug hardware did not answer.
        """
        batch = self._ap.batch()
        before = self._ap.queue_read(batch, address, 2)
        self._ap.queue_write(batch, address, BKPT)
        after = self._ap.queue_read(batch, address, 2)
        if self.has_instruction_cache:
            self._ap.queue_write_u32(batch, _ICIALLU, 0)
        try:
            batch.run()
        except TransferFault as error:
            raise BreakpointError(
                f"no software breakpoint at {address:#010x}: {error.message}"
            ) from error
        if after.value != BKPT:
            raise BreakpointError(
                f"no software breakpoint at {address:#010x}: it cannot be written as RAM can",
                hint="use a hardware breakpoint there",
            )
        self._in_ram[address] = before.value

    def emit(self, t: Transfers, address: int, *, lifted: bool) -> None:
        """Write the opcode in RAM at ``address``, or, ``lifted``, what it hides."""
        self._ap.emit_write(t, address, self._in_ram[address] if lifted else BKPT)
        if self.has_instruction_cache:
            self._ap.emit_write_word(t, _ICIALLU, 0)

    def forget(self, address: int) -> None:
        """Take note that the opcode in RAM at ``address`` is gone."""
        del self._in_ram[address]

    # ---- for memory: our opcodes are nobody's business

    def read_halfwords(self, addresses: list[int]) -> dict[int, bytes]:
        """Return the halfwords that stand at ``addresses``, opcodes among them, in one batch."""
        batch: Batch = self._ap.batch()
        found = {address: self._ap.queue_read(batch, address, 2) for address in addresses}
        batch.run()
        return {address: result.value for address, result in found.items()}

    def overlay(self, address: int, data: bytes) -> bytes:
        """Return what to write for ``data``: our opcodes stay, the halfwords under them change."""
        written = bytearray(data)
        for at, original in list(self._in_ram.items()):
            new = bytearray(original)
            for k in (0, 1):
                offset = at + k - address
                if 0 <= offset < len(written):
                    new[k] = written[offset]
                    written[offset] = BKPT[k]
            self._in_ram[at] = bytes(new)
        return bytes(written)

    def overlaps(self, address: int, length: int) -> bool:
        """Return whether an opcode of ours in RAM lies in that range."""
        return any(address - 2 < at < address + length for at in self._in_ram)


def hide(originals: dict[int, bytes], address: int, data: bytes) -> bytes:
    """Return ``data``, read at ``address``, with the program's own halfwords in it."""
    shown = bytearray(data)
    for at, original in originals.items():
        for k in (0, 1):
            offset = at + k - address
            if 0 <= offset < len(shown):
                shown[offset] = original[k]
    return bytes(shown)


def is_bkpt(halfword: bytes) -> bool:
    """Return whether that is a BKPT opcode, with any number."""
    return len(halfword) == 2 and halfword[1] == 0xBE


def is_semihosting(halfword: bytes) -> bool:
    """Return whether that is BKPT 0xAB, by which a program calls its debugger."""
    return halfword == _SEMIHOSTING
