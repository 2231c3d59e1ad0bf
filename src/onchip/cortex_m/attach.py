"""Begin and end with a core: identify it, enable halting debug, and leave nothing armed behind."""

from __future__ import annotations

import contextlib

from ..arch.dwt import DWT_CTRL
from ..arch.fpb import FP_CTRL
from ..arch.scs import CPUID, DEMCR, DHCSR, MVFR0
from ..dap import Element, Transfers
from ..errors import OnchipError, TargetError
from .halting import HaltingCore
from .identify import identify
from .vector_catch import ALL_CATCH_BITS

_WRAP_TEST_BASE = 0xE000_E000  # the System Control Space: reading its reserved words is harmless
_MONITOR = DEMCR.build(MON_EN=1, MON_PEND=1, MON_STEP=1, MON_REQ=1)


def attach(core: HaltingCore) -> bool:
    """Look what the core is, in one round trip, and enable debug in another.

    Returns whether it was found running.

    Raises:
        TargetError: what answers is no Cortex-M core.
        TransferError: the debug registers cannot be reached.
    """
    ap = core.ap
    batch = core.batch()
    words: dict[int, Element] = {}

    def look(t: Transfers) -> None:
        for address in (CPUID.address, MVFR0, DHCSR.address, DEMCR.address, FP_CTRL.address):
            words[address] = ap.emit_read_word(t, address)

    batch.add(look, repeatable=True)
    batch.add(lambda t: t.finish(ap.emit_size_test(t)), repeatable=True)
    batch.add(lambda t: t.finish(ap.emit_wrap_test(t, _WRAP_TEST_BASE)), repeatable=True)
    batch.run()
    cpuid = CPUID(words[CPUID.address].word())
    identity = identify(cpuid, words[MVFR0].word())
    if identity is None:
        raise TargetError(f"AP {ap.index} shows no Cortex-M core: CPUID {int(cpuid):#010x}")
    core.configure(identity)
    core.fpb.configure(FP_CTRL(words[FP_CTRL.address].word()))
    return _enable(core, DHCSR(words[DHCSR.address].word()), DEMCR(words[DEMCR.address].word()))


def _enable(core: HaltingCore, dhcsr: DHCSR, demcr: DEMCR) -> bool:
    """Enable debug and the DWT, and clear what another debugger may have left armed."""
    halted = bool(dhcsr.S_HALT)
    batch = core.batch()

    def enable(t: Transfers) -> None:
        t.barrier()
        if core.ap.dp.client.has_company and dhcsr.C_DEBUGEN:
            pass  # another program debugs it already: whether it runs is not ours to change
        elif halted:
            core.run.emit_keep_halted(t)
        else:
            core.run.emit_enable(t)
            core.run.emit_clear_dfsr(t)
        core.run.emit_demcr(t, demcr & _MONITOR | DEMCR.build(TRCENA=1))
        core.fpb.emit_clear(t)
        core.dwt.emit_clear(t)

    batch.add(enable)
    ctrl = core.ap.queue_read_u32(batch, DWT_CTRL.address)
    batch.run()
    core.run.halted = halted
    core.dwt.configure(DWT_CTRL(ctrl.value), armv8=core.identity.armv8)
    return not halted


def detach(core: HaltingCore, *, resume: bool) -> None:
    """Take everything off the hardware that was armed; with ``resume`` leave debug state too.

    Flash is put back with the core halted, which then runs on if it ran.

    Raises:
        OnchipError: the first thing that failed; the rest was still tried.
    """
    trouble: OnchipError | None = None
    if core.breakpoints.opcodes.in_flash and not core.halted:
        resume = True
        with contextlib.suppress(OnchipError):  # what cannot be reached shows below
            core.halt()
    for part in (
        core.breakpoints.clear,
        core.watchpoints.clear,
        lambda: _let_go(core, resume=resume),
    ):
        try:
            part()
        except OnchipError as error:
            trouble = trouble or error
    if trouble is not None:
        raise trouble


def _let_go(core: HaltingCore, *, resume: bool) -> None:
    batch = core.batch()

    def emit(t: Transfers) -> None:
        t.barrier()
        core.catch.bits = 0
        core.fpb.emit_disable(t)
        core.run.emit_demcr(t, core.run.demcr & ~ALL_CATCH_BITS & ~DEMCR.build(TRCENA=1))
        if core.ap.dp.client.has_company:  # others go on debugging
            if resume and core.run.halted:
                core.forget()
                core.run.emit_resume(t)
        elif resume or core.run.halted is False:
            core.forget()
            core.run.emit_disable(t)

    batch.add(emit)
    batch.run()
