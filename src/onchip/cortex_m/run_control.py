"""Halt, resume and step, lowered to writes of DHCSR; whether the core is halted, as far as known.

The state is remembered while emitting, like every cache: what a batch has emitted counts as done,
and a batch that fails makes it unknown (``halted`` is None) until DHCSR is next seen.

C_MASKINTS may only change while the core is halted and stays so in that write (ARMv7-M C1.6.2): it
is written one step ahead of C_STEP, and cleared again one step ahead of a resume.
"""

from __future__ import annotations

from ..arch.scs import DBGKEY, DEMCR, DFSR, DHCSR
from ..coresight import MemAp
from ..dap import Element, Transfers
from ..errors import CoreStateError

_RUN = DBGKEY | DHCSR.build(C_DEBUGEN=1)
_HALT = DBGKEY | DHCSR.build(C_DEBUGEN=1, C_HALT=1)
_MASKED = int(DHCSR.build(C_MASKINTS=1))
_STEP = int(DHCSR.build(C_STEP=1))
_S_HALT = int(DHCSR.build(S_HALT=1))
_DFSR_ALL = 0x1F


class RunControl:
    """What one core is doing, and how to make it do something else."""

    def __init__(self, ap: MemAp) -> None:
        self.ap = ap
        self.reset_seen = False
        self._halted: bool | None = None
        self._masked: bool | None = None  # C_MASKINTS; None: unknown
        self._reasons_left = True
        self._demcr = int(DEMCR.build(TRCENA=1))
        self._generation = -1

    # ---- what is known

    def _sync(self) -> None:
        generation = self.ap.dp.client.generation
        if self._generation != generation:
            self._generation = generation
            self._halted = self._masked = None
            self._reasons_left = True

    @property
    def halted(self) -> bool | None:
        """Return whether the core is halted; None: not known."""
        self._sync()
        return self._halted

    @halted.setter
    def halted(self, value: bool | None) -> None:
        self._sync()
        self._halted = value

    @property
    def last_known(self) -> bool | None:
        """Return whether the core was halted when that was last known, trouble or not."""
        return self._halted

    def note(self, dhcsr: DHCSR) -> None:
        """Take in a DHCSR that was read. S_RESET_ST clears by being read, so it is remembered."""
        self._sync()
        self._halted = dhcsr.S_HALT
        if dhcsr.S_RESET_ST:
            self.reset_seen = True

    def require_halted(self, what: str) -> None:
        """Refuse ``what`` if the core is known to run.

        Raises:
            CoreStateError: it runs.
        """
        if self.halted is False:
            raise CoreStateError(f"cannot {what} while the core runs", hint="halt it first")

    # ---- lowering

    def emit_read_dhcsr(self, t: Transfers) -> Element:
        """Read DHCSR."""
        return self.ap.emit_read_word(t, DHCSR.address)

    def emit_halt(self, t: Transfers) -> None:
        """Ask for a halt; the core may run on for a moment."""
        t.barrier()
        self._sync()
        self.ap.emit_write_word(t, DHCSR.address, _HALT | (_MASKED if self._masked else 0))

    def emit_wait_halted(self, t: Transfers, timeout_s: float) -> None:
        """Wait in the probe for S_HALT."""
        self.ap.emit_wait_word(t, DHCSR.address, _S_HALT, _S_HALT, timeout_s)
        self.halted = True

    def emit_resume(self, t: Transfers) -> None:
        """Let the core run, interrupts and all."""
        t.barrier()
        self._sync()
        if self._masked is not False:
            self.ap.emit_write_word(t, DHCSR.address, _HALT)
            self._masked = False
        self.ap.emit_write_word(t, DHCSR.address, _RUN)
        self._halted = False

    def emit_step(self, t: Transfers, timeout_s: float, *, interrupts: bool) -> None:
        """Execute one instruction and wait for the halt behind it."""
        t.barrier()
        self._sync()
        masked = not interrupts
        bits = 0 if interrupts else _MASKED
        if self._masked is not masked:
            self.ap.emit_write_word(t, DHCSR.address, _HALT | bits)
            self._masked = masked
        self.ap.emit_write_word(t, DHCSR.address, _RUN | bits | _STEP)
        self.emit_wait_halted(t, timeout_s)

    def emit_enable(self, t: Transfers) -> None:
        """Enable halting debug without halting; a core that is halted stays so."""
        # C_HALT keeps its value only if it is written back, which attach() does when it was set
        self.ap.emit_write_word(t, DHCSR.address, _RUN)

    def emit_keep_halted(self, t: Transfers) -> None:
        """Enable halting debug on a core that is halted."""
        self.ap.emit_write_word(t, DHCSR.address, _HALT)

    def emit_disable(self, t: Transfers) -> None:
        """Leave halting debug: the core runs, breakpoints and vector catch no longer halt it."""
        t.barrier()
        self._sync()
        if self._halted is not False:
            self.ap.emit_write_word(t, DHCSR.address, _HALT)
            self._masked = False
        self.ap.emit_write_word(t, DHCSR.address, DBGKEY)
        self._halted = False

    def emit_running(self, t: Transfers) -> None:
        """Take note, at this point of the batch, that the core runs."""
        self.halted = False

    def emit_read_dfsr(self, t: Transfers) -> Element:
        """Read why the core halted."""
        return self.ap.emit_read_word(t, DFSR.address)

    def emit_clear_dfsr(self, t: Transfers) -> None:
        """Clear every reason, so that the next halt shows its own; not if none can be left."""
        self._sync()
        if self._reasons_left:
            t.barrier()
            self.ap.emit_write_word(t, DFSR.address, _DFSR_ALL)
            self._reasons_left = False

    def note_dfsr(self, dfsr: DFSR) -> None:
        """Take in a DFSR that was read: HALTED alone, the least of reasons, may stay set."""
        self._sync()
        self._reasons_left = dfsr & ~DFSR.HALTED.mask != 0

    def reasons_may_be_left(self) -> None:
        """Take note that the core may halt without DFSR being read."""
        self._sync()
        self._reasons_left = True

    # ---- DEMCR

    @property
    def demcr(self) -> DEMCR:
        """Return what DEMCR was last made to hold."""
        return DEMCR(self._demcr)

    def emit_demcr(self, t: Transfers, value: int) -> None:
        """Write DEMCR and remember it."""
        self.ap.emit_write_word(t, DEMCR.address, value)
        self._demcr = int(value)
