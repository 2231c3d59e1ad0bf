"""One look at the target: DHCSR and the driver's status, at the end of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onchip.arch.scs import DHCSR

from .driver import STATUS_LENGTH, Status

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.batch import Batch, Result
    from onchip.dap.transfers import Element


class Look:
    """Queued when made, with its values once the batch ran; without ``mailbox``, DHCSR only."""

    def __init__(self, core: Core, batch: Batch, mailbox: int | None) -> None:
        self._core = core
        self._elements: list[Element] = []
        # DHCSR first: what a core that has halted leaves in its mailbox is final
        batch.add(lambda t: self._elements.append(core.run.emit_read_dhcsr(t)))
        self._status: Result[bytes] | None = None
        if mailbox is not None:
            self._status = core.ap.queue_read(batch, mailbox, STATUS_LENGTH)

    def dhcsr(self) -> DHCSR:
        """Return DHCSR; what it says of the core is noted."""
        dhcsr = DHCSR(self._elements[-1].word())
        self._core.run.note(dhcsr)
        return dhcsr

    def status(self) -> Status:
        """Return the driver's status; well and nothing done if it was not read."""
        return Status() if self._status is None else Status.parse(self._status.value)
