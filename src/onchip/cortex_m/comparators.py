"""Breakpoints in the comparators of the FPB: which instruction each of them holds up."""

from __future__ import annotations

from collections.abc import Collection

from ..coresight import MemAp
from ..coresight.fpb import Fpb
from ..dap import Transfers
from ..errors import TransferFault


class Comparators:
    """The breakpoints that one core's FPB has taken."""

    def __init__(self, ap: MemAp, fpb: Fpb) -> None:
        self.fpb = fpb
        self._ap = ap
        self._under: dict[int, bytes] = {}  # the halfwords at the breakpoints, when set

    def has_room(self, address: int) -> bool:
        """Return whether a comparator is left that can watch ``address``."""
        return self.fpb.unreachable(address) is None and self.fpb.has_room(address)

    def original(self, address: int) -> bytes | None:
        """Return the program's halfword at a breakpoint, if it could be read."""
        return self._under.get(address)

    def arm(self, address: int) -> None:
        """Give ``address`` a comparator.

        Raises:
            BreakpointError: none is left, or can watch it.
            TransferError: the debug hardware did not answer.
        """
        number = self.fpb.allocate(address)
        batch = self._ap.batch()

        def emit(t: Transfers) -> None:
            self.fpb.emit_enable(t)
            self.fpb.emit_comparator(t, number)

        batch.add(emit)
        under = self._ap.queue_read(batch, address, 2)
        try:
            batch.run()
            self._under[address] = under.value
        except BaseException as error:
            if isinstance(error, TransferFault) and error.address == address:
                return  # nothing can be read there now, but it may be mapped later
            self.fpb.release(address)
            self.fpb.enabled = False
            raise

    def emit(self, t: Transfers, addresses: Collection[int], *, lifted: bool) -> None:
        """Write the comparators of ``addresses``, or, ``lifted``, leave those out.

        All at once, because two addresses may share a comparator.
        """
        for number in sorted({self.fpb.number(address) for address in addresses}):
            self.fpb.emit_comparator(t, number, lifted=addresses if lifted else ())

    def release(self, address: int) -> None:
        """Take note that no comparator watches ``address`` any more."""
        self.fpb.release(address)
        self._under.pop(address, None)
