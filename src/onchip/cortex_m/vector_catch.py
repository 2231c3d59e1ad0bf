"""Vector catch: halt when an exception is entered (DEMCR, ARMv7-M C1.6.5)."""

from __future__ import annotations

from collections.abc import Iterable

from ..arch.scs import DEMCR
from ..errors import UsageError

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
_ALL = sum(_BITS.values())

CATCH_NAMES = tuple(_BITS)


def catch_bits(names: Iterable[str] | None, *, baseline: bool = False) -> int:
    """Return the bits of DEMCR for ``names``; None: all there are.

    Raises:
        UsageError: no such name, or this core cannot catch it.
    """
    if names is None:
        return _ALL
    bits = 0
    for name in names:
        if name not in _BITS:
            raise UsageError(f"no vector catch {name!r}", hint=f"there are {', '.join(_BITS)}")
        if baseline and name not in _BASELINE:
            raise UsageError(
                f"this core cannot catch {name!r}", hint=f"it has {', '.join(sorted(_BASELINE))}"
            )
        bits |= _BITS[name]
    return bits


def catch_names(bits: int) -> frozenset[str]:
    """Return the names of the VC bits that are set in ``bits``."""
    return frozenset(name for name, bit in _BITS.items() if bits & bit)
