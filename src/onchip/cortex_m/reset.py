"""Resets of every kind, with or without a halt at the first instruction.

The end of a reset is waited for, not slept through: S_RESET_ST in DHCSR reads as one while the core
is in reset and once after it. A halt at the reset vector is VC_CORERESET in DEMCR.
"""

from __future__ import annotations

from contextlib import suppress

from ..arch.scs import AIRCR, DBGKEY, DEMCR, DHCSR, VECTKEY
from ..dap import Transfers
from ..errors import CoreTimeout, TargetError, TransferError
from .halting import HaltingCore
from .state import ResetKind

_S_RESET = int(DHCSR.build(S_RESET_ST=1))
_VC_CORERESET = int(DEMCR.build(VC_CORERESET=1))
_DEBUG = DBGKEY | DHCSR.build(C_DEBUGEN=1)
_HALT = _DEBUG | DHCSR.build(C_HALT=1)
_HOLD_S = 0.001  # nRESET low; the slowest common reset circuits need some 100 us
_TIMEOUT_S = 2.0
_REQUEST = {
    ResetKind.SYSTEM: AIRCR.build(VECTKEY=VECTKEY, SYSRESETREQ=1),
    ResetKind.CORE: AIRCR.build(VECTKEY=VECTKEY, VECTRESET=1),
}


def reset(core: HaltingCore, kind: ResetKind, *, halt: bool) -> None:
    """Reset, wait until it is over, and put back what was armed.

    Raises:
        TargetError: this core has no reset of that kind.
        CoreTimeout: the core did not come out of reset, or did not halt.
        ProbeError: the probe failed.
    """
    if kind is ResetKind.CORE:
        if core.identity.baseline or core.identity.armv8:
            raise TargetError(
                f"{core.identity.name} has no core reset (AIRCR.VECTRESET is ARMv7-M only)",
                hint="use a system reset",
            )
        if core.run.halted is not True:
            core.halt()  # VECTRESET is unpredictable while the core runs (ARMv7-M B3.2.6)
    demcr = int(core.run.demcr) | (_VC_CORERESET if halt else 0)
    if kind is ResetKind.HARDWARE:
        _pull_pin(core, demcr)
    else:
        _request(core, kind, demcr)
    _wait_over(core, demcr, halt=halt)


def _request(core: HaltingCore, kind: ResetKind, demcr: int) -> None:
    """Write AIRCR behind everything that must be in place before it, in one packet."""
    batch = core.batch()

    def emit(t: Transfers) -> None:
        t.barrier()
        core.ap.emit_write_word(t, DEMCR.address, demcr)
        core.run.emit_read_dhcsr(t)  # clears S_RESET_ST of earlier times
        core.ap.emit_write_word(t, AIRCR.address, _REQUEST[kind])

    batch.add(emit)
    with suppress(TransferError):  # a chip may cut short the access that resets it: see next
        batch.run()
    core.run_was_disturbed()


def _pull_pin(core: HaltingCore, demcr: int) -> None:
    """Hold nRESET low, arm what the debug logic lets itself be told meanwhile, let go."""
    client = core.ap.dp.client
    client.assert_reset()
    client.link.sleep(_HOLD_S)
    batch = core.batch()

    def emit(t: Transfers) -> None:
        t.barrier()
        core.ap.emit_write_word(t, DHCSR.address, _DEBUG)
        core.ap.emit_write_word(t, DEMCR.address, demcr)

    batch.add(emit)
    try:
        batch.run()
    except TransferError:
        pass  # some chips keep the debug logic in reset as well; the halt then comes a little late
    finally:
        client.release_reset()
    core.run_was_disturbed()


def _wait_over(core: HaltingCore, demcr: int, *, halt: bool) -> None:
    link = core.ap.dp.client.link
    deadline = link.now() + _TIMEOUT_S
    while True:
        try:
            _try_wait(core, demcr, halt=halt)
            break
        except TransferError as error:
            if link.now() >= deadline:
                raise CoreTimeout(
                    f"the core did not come {'to a halt' if halt else 'back'} after the reset: "
                    f"{error.message}",
                    hint="is nRESET held low, or does the firmware switch the debug port off?",
                ) from error
            link.sleep(0.01)
    core.note_reset()


def _try_wait(core: HaltingCore, demcr: int, *, halt: bool) -> None:
    """Wait for the end of the reset, halt if asked to, and arm again, in one batch."""
    batch = core.batch()

    def over(t: Transfers) -> None:
        # S_RESET_ST stays set for as long as the reset lasts
        core.ap.emit_wait_word(t, DHCSR.address, _S_RESET, 0, _TIMEOUT_S)
        t.barrier()
        core.ap.emit_write_word(t, DHCSR.address, _HALT if halt else _DEBUG)

    batch.add(over)
    if halt:
        batch.add(lambda t: core.run.emit_wait_halted(t, 1.0))
    else:
        batch.add(lambda t: core.run.emit_running(t))
    core.breakpoints.arming.queue_rearm(batch)
    core.watchpoints.queue_rearm(batch)

    def restore(t: Transfers) -> None:
        t.barrier()
        core.run.emit_demcr(t, demcr & ~_VC_CORERESET | core.catch.bits)
        core.run.emit_clear_dfsr(t)

    batch.add(restore)
    batch.run()
