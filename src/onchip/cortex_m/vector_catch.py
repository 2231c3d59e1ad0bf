"""Vector catch: halt when an exception is entered (DEMCR, ARMv7-M C1.6.5)."""

from __future__ import annotations

from collections.abc import Iterable

from ..arch.scs import DEMCR
from ..coresight import MemAp
from ..dap import Batch, Transfers
from ..errors import UsageError
from .run_control import RunControl

_BITS = {
    "reset": int(DEMCR.build(VC_CORERESET=1)),
    "memmanage": int(DEMCR.build(VC_MMERR=1)),
    "nocp": int(DEMCR.build(VC_NOCPERR=1)),
    "usagefault-check": int(DEMCR.build(VC_CHKERR=1)),
    "usagefault-state": int(DEMCR.build(VC_STATERR=1)),
    "busfault": int(DEMCR.build(VC_BUSERR=1)),
    "interrupt": int(DEMCR.build(VC_INTERR=1)),
    "hardfault": int(DEMCR.build(VC_HARDERR=1)),
}
_BASELINE = frozenset({"reset", "hardfault"})  # all that ARMv6-M has (C1.6.5)
ALL_CATCH_BITS = sum(_BITS.values())


class VectorCatch:
    """Which exceptions halt one core on entry. ``bits`` are those of DEMCR that are armed."""

    def __init__(self, ap: MemAp, run: RunControl) -> None:
        self.bits = 0
        self.baseline = False
        self._ap = ap
        self._run = run

    @property
    def names(self) -> frozenset[str]:
        """Return what is caught, by name."""
        return frozenset(name for name, bit in _BITS.items() if self.bits & bit)

    def set(self, names: Iterable[str]) -> None:
        """Catch just ``names``.

        Raises:
            UsageError: no such name, or this core cannot catch it.
            TransferError: the debug hardware did not answer.
        """
        batch = self._ap.batch()
        self.queue(batch, names)
        batch.run()

    def queue(self, batch: Batch, names: Iterable[str]) -> None:
        """Queue: catch just ``names``.

        Raises:
            UsageError: no such name, or this core cannot catch it.
        """
        bits = self._bits(names)

        def emit(t: Transfers) -> None:
            t.barrier()
            self._run.emit_demcr(t, self._run.demcr & ~ALL_CATCH_BITS | bits)
            t.finish(done)

        def done() -> None:
            self.bits = bits

        batch.add(emit)

    def _bits(self, names: Iterable[str]) -> int:
        bits = 0
        for name in names:
            if name not in _BITS:
                raise UsageError(f"no vector catch {name!r}", hint=f"there are {', '.join(_BITS)}")
            if self.baseline and name not in _BASELINE:
                raise UsageError(
                    f"this core cannot catch {name!r}",
                    hint=f"it has {', '.join(sorted(_BASELINE))}",
                )
            bits |= _BITS[name]
        return bits
