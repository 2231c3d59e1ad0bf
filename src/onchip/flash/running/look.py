"""One look at the target, at the end of a batch: DHCSR, DFSR, and the driver's status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onchip.arch.scs import DFSR, DHCSR

from .driver import STATUS_LENGTH, Status

if TYPE_CHECKING:
    from onchip.cortex_m.core import Core
    from onchip.dap.batch import Batch, Result


class Look:
    """Queued when made, with its values once the batch ran; ``mailbox`` None is not read."""

    def __init__(self, core: Core, batch: Batch, mailbox: int | None) -> None:
        self._core = core
        # DHCSR first: what a core that has halted leaves in its mailbox is final. Through DRW, for
        # BDn would have to select another bank, and back.
        self._dhcsr = core.ap.queue_read(batch, DHCSR.address, 4)
        self._dfsr = core.ap.queue_read(batch, DFSR.address, 4)
        self._status: Result[bytes] | None = None
        if mailbox is not None:
            self._status = core.ap.queue_read(batch, mailbox, STATUS_LENGTH)

    def dhcsr(self) -> DHCSR:
        """Return DHCSR; what it says of the core is noted."""
        dhcsr = DHCSR(int.from_bytes(self._dhcsr.value, "little"))
        self._core.run.note(dhcsr)
        return dhcsr

    def dfsr(self) -> DFSR:
        """Return DFSR."""
        return DFSR(int.from_bytes(self._dfsr.value, "little"))

    def status(self) -> Status:
        """Return the driver's status; well and nothing done if it was not read."""
        return Status() if self._status is None else Status.parse(self._status.value)
