"""A core that runs: on its own, by steps, and up to where somebody wants it to stop.

Before the core runs on, what nobody wants any more leaves the chip; where it stops, the conditions
of those who want the point decide whether that is a stop at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..arch.scs import DHCSR
from ..coresight import MemAp
from ..dap import Batch, Element
from ..errors import CoreTimeout, TransferMismatch
from .halting import HaltingCore
from .owners import PointOwner
from .state import HaltKind, HaltReason

_WAIT_SLICE_S = 0.25

MOST_PASSES = 32
"""So many stops in a row that nobody wants are passed before whoever polls gets a turn."""

SOON_S = 0.002
"""How long a poll waits, in the probe, for the next stop after one that nobody wanted."""


def never() -> bool:
    """Say no."""
    return False


class RunningCore(HaltingCore):
    """A core with the verbs that make it run."""

    def __init__(self, ap: MemAp) -> None:
        super().__init__(ap)
        self._lifted: int | None = None  # the breakpoint that the last resume stepped off

    def resume(self) -> None:
        """Let the core run on, off a breakpoint at its pc if there is one.

        What nobody wants any more is taken out of the chip first, and what is wanted in flash is
        programmed. If the one instruction stepped off a breakpoint hits a watchpoint, the core
        stays halted, and :meth:`poll` or :meth:`wait_halted` tells so.

        Raises:
            CoreStateError: the core runs already.
            FlashError: breakpoints in flash could not be programmed; the core stays halted.
            TransferError: the debug hardware did not answer.
        """
        batch = self.batch()
        if not self._queue_run(batch):
            return
        try:
            batch.run()
        except TransferMismatch:
            if self._lifted is None:
                raise
            self._break_off()

    def run_on(
        self,
        timeout_s: float,
        *,
        prefetch: Iterable[str] | None = None,
        enough: Callable[[], bool] = never,
    ) -> HaltReason | None:
        """Resume, and wait for the next halt as :meth:`wait_halted` does: one batch to a halt.

        None: the core still runs, ``timeout_s`` after it was let run, or after 32 halts in a row
        at which nobody wanted it to stand. ``enough`` is asked at each of these, and ends it.

        Raises:
            CoreStateError, FlashError, TransferError: as :meth:`resume`.
        """
        names = tuple(prefetch or ())
        for _ in range(MOST_PASSES):
            reason = self._run_once(timeout_s, names)
            if reason is not None or not self.halted:
                return reason
            if enough():
                break
        self.resume()
        return None

    def _run_once(self, timeout_s: float, names: tuple[str, ...]) -> HaltReason | None:
        """Resume, and wait for the next halt; None: it runs, or stands where nobody wants it."""
        batch = self.batch()
        if not self._queue_run(batch):
            return self._look(names)
        self.queue_wait_halted(batch, timeout_s=timeout_s)
        stop = self._queue_stop(batch, names)
        try:
            batch.run()
        except TransferMismatch:
            if self._is_stepping():
                self._break_off()
            return self._look(names)
        return self._judge(self._take_stop(stop, HaltKind.REQUEST))

    def _queue_run(self, batch: Batch) -> bool:
        """Queue a resume; False where the step off a breakpoint, done at once, stopped the core."""
        self.run.require_halted("resume")
        self._pending = self._lifted = None
        self.watchpoints.settle()
        self.breakpoints.arming.settle_comparators()
        here = self._standing_on()
        if here is not None and self._leaves_by_a_step(here):
            reason = self.step()
            if reason.kind is not HaltKind.STEP:
                self._pending = reason
                return False
            here = None
        if self.breakpoints.arming.unsettled_flash:
            self.breakpoints.arming.settle_flash()
        if here is not None and self._standing_on() is not None:
            self._queue_off(batch, here)
            self._lifted = here
        batch.add(self.run.emit_clear_dfsr)
        self.queue_resume(batch)
        return True

    def _leaves_by_a_step(self, here: int) -> bool:
        """Return whether what the core stands on is left by a step of its own, not in a batch.

        A watchpoint may be hit by it; and a breakpoint that stays in flash is programmed again
        behind it.
        """
        if self.watchpoints.armed:
            return True
        in_flash = self.breakpoints.arming.wants_flash_at(here)
        return in_flash and not self.breakpoints.arming.prefer_comparator(here)

    def _is_stepping(self) -> bool:
        """Return whether the core is still in the step off a breakpoint that was begun."""
        if self._lifted is None:
            return False
        dhcsr = DHCSR(self.ap.read_u32(DHCSR.address))
        self.run.note(dhcsr)
        return bool(dhcsr.C_STEP and not dhcsr.S_HALT)

    def _break_off(self) -> None:
        """End a step off a breakpoint that does not end by itself (WFI), and let the core run."""
        self._restore(self._lifted)
        self.halt()
        batch = self.batch()
        batch.add(self.run.emit_clear_dfsr)
        self.queue_resume(batch)
        batch.run()

    def step(
        self, *, interrupts: bool = False, prefetch: Iterable[str] | None = None
    ) -> HaltReason:
        """Execute one instruction, also from a breakpoint, with interrupts held off by default.

        ``prefetch`` names registers to bring along; :meth:`read_registers` then has them for free.
        An instruction that does not end (WFI) is broken off by a halt.

        Raises:
            CoreStateError: the core runs.
            FlashError: a breakpoint in flash at the pc could not be taken out.
            TransferError: the debug hardware did not answer.
        """
        self.run.require_halted("step")
        here = self._standing_on()
        if here is not None and here != self._stops.own_bkpt:
            if self.breakpoints.flash.placed(here):
                self.breakpoints.arming.lift_flash(here)
            here = self._standing_on(wanted=False)
        batch = self.batch()
        if here is not None and here == self._stops.own_bkpt:
            self.queue_write_register(batch, "pc", here + 2)
        elif here is not None:
            self._queue_off(batch, here, interrupts=interrupts)
        else:
            self.queue_step(batch, interrupts=interrupts)
        stop = self._queue_stop(batch, prefetch)
        try:
            batch.run()
        except TransferMismatch:
            self._restore(here)
            reason = self.halt()
            return HaltReason(reason.kind, reason.pc, text="the instruction did not end; halted")
        reason = self._take_stop(stop, HaltKind.STEP)
        return self._judge(reason) or HaltReason(HaltKind.STEP, reason.pc, text="stepped")

    def _restore(self, here: int | None) -> None:
        if here is not None and self.breakpoints.armed_at(here):
            batch = self.batch()
            self.breakpoints.arming.queue_place(batch, here)
            batch.run()

    def _standing_on(self, *, wanted: bool = True) -> int | None:
        """Return the pc if a breakpoint there would keep the core from running on.

        ``wanted``: also one that would have to be programmed into flash first.
        """
        if not self.breakpoints.armed and self._stops.own_bkpt is None:
            return None
        pc = self.known_pc
        if pc is None:
            pc = self.read_register("pc")
        if pc == self._stops.own_bkpt or self.breakpoints.armed_at(pc):
            return pc
        return pc if wanted and self.breakpoints.arming.wants_flash_at(pc) else None

    def _queue_off(self, batch: Batch, here: int, *, interrupts: bool = False) -> None:
        """Queue one step off the breakpoint at ``here``."""
        if here == self._stops.own_bkpt:
            self.queue_write_register(batch, "pc", here + 2)
            return
        self.breakpoints.arming.queue_lift(batch, here)
        self.queue_step(batch, interrupts=interrupts)
        self.breakpoints.arming.queue_place(batch, here)

    def wait_halted(self, timeout_s: float, *, prefetch: Iterable[str] | None = None) -> HaltReason:
        """Wait, in the probe, until the core halts by itself, where somebody wants it to.

        Raises:
            CoreTimeout: it did not within ``timeout_s``; it goes on running.
            FlashError: as :meth:`resume`, behind a breakpoint whose condition is not met.
            TransferError: the debug hardware did not answer.
        """
        deadline = self.now() + timeout_s
        names = tuple(prefetch or ())
        reason = self._wait_slice(deadline, names)
        while reason is None:
            if self.now() >= deadline:
                raise CoreTimeout(f"the core did not halt within {timeout_s:g} s")
            if self.halted:  # where nobody wanted it to
                reason = self._run_once(self._slice(deadline), names)
            else:
                reason = self._wait_slice(deadline, names)
        return reason

    def _slice(self, deadline: float) -> float:
        return min(max(0.0, deadline - self.now()), _WAIT_SLICE_S)

    def _wait_slice(self, deadline: float, names: tuple[str, ...]) -> HaltReason | None:
        """Wait for a while; None: the core runs, or stands where nobody wants it to."""
        if self._pending is not None:
            return self._take_pending()
        batch = self.batch()
        self.queue_wait_halted(batch, timeout_s=self._slice(deadline))
        stop = self._queue_stop(batch, names)
        try:
            batch.run()
        except TransferMismatch:
            return self._look(names)  # sees a lock-up, which is no halt
        return self._judge(self._take_stop(stop, HaltKind.REQUEST))

    def poll(
        self, *, prefetch: Iterable[str] | None = None, enough: Callable[[], bool] = never
    ) -> HaltReason | None:
        """Look once: None while the core runs or sleeps. A core in lock-up is halted and reported.

        A core that stands at points under conditions, none of which is met, is let run on; where
        it comes to such a point again soon, one batch lets it pass, as `run_on` does.

        Raises:
            FlashError: as :meth:`resume`, behind a breakpoint whose condition is not met.
            TransferError: the debug hardware did not answer.
        """
        reason = self._look(prefetch)
        if reason is None and self.halted:
            reason = self.run_on(SOON_S, prefetch=prefetch, enough=enough)
        return reason

    def _look(self, prefetch: Iterable[str] | None) -> HaltReason | None:
        """Look once: None while the core runs, or where it stands and nobody wants it to."""
        if self._pending is not None:
            return self._take_pending()
        batch = self.batch()
        elements: list[Element] = []
        batch.add(lambda t: elements.append(self.run.emit_read_dhcsr(t)), repeatable=True)
        batch.run()
        dhcsr = DHCSR(elements[-1].word())
        self.run.note(dhcsr)
        if not dhcsr.S_HALT and not dhcsr.S_LOCKUP:
            self.forget()
            return None
        batch = self.batch()
        if not dhcsr.S_HALT:
            self.queue_halt(batch)
        stop = self._queue_stop(batch, prefetch)
        batch.run()
        default = HaltKind.REQUEST if dhcsr.S_HALT else HaltKind.LOCKUP
        return self._judge(self._take_stop(stop, default))

    def _take_pending(self) -> HaltReason:
        reason = self._pending
        assert reason is not None
        self._pending = None
        return reason

    def release(self, owner: PointOwner) -> None:
        """Take out of the chip what ``owner`` alone wanted; flash has the core halt for a while.

        Raises:
            FlashError: flash could not be put back as it was.
            TransferError: the debug hardware did not answer.
        """
        self.watchpoints.let_go_all(owner)
        self.breakpoints.let_go_all(owner)
        self.watchpoints.settle()
        self.breakpoints.arming.settle_comparators()
        if not self.breakpoints.arming.unsettled_flash:
            return
        runs = not self.halted and self.poll() is None
        if runs:
            self._pending = None
            reason = self.halt()
        self.breakpoints.arming.settle_flash()
        if runs and reason.kind is HaltKind.REQUEST:
            self.resume()
        elif runs:
            self._pending = reason
