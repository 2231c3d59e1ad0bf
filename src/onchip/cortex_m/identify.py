"""Say what a core is, from CPUID and the FPU's own description."""

from __future__ import annotations

from dataclasses import dataclass

from ..arch.scs import CPUID, PartNo

ARMV6M = "ARMv6-M"
ARMV7M = "ARMv7-M"
ARMV7EM = "ARMv7E-M"
ARMV8M_BASE = "ARMv8-M Baseline"
ARMV8M_MAIN = "ARMv8-M Mainline"
ARMV81M_MAIN = "ARMv8.1-M Mainline"

IMPLEMENTER_ARM = 0x41

_CORES: dict[int, tuple[str, str]] = {
    PartNo.CORTEX_M0: ("Cortex-M0", ARMV6M),
    PartNo.CORTEX_M1: ("Cortex-M1", ARMV6M),
    PartNo.CORTEX_M3: ("Cortex-M3", ARMV7M),
    PartNo.CORTEX_M4: ("Cortex-M4", ARMV7EM),
    PartNo.CORTEX_M7: ("Cortex-M7", ARMV7EM),
    PartNo.CORTEX_M0P: ("Cortex-M0+", ARMV6M),
    PartNo.CORTEX_M23: ("Cortex-M23", ARMV8M_BASE),
    PartNo.CORTEX_M33: ("Cortex-M33", ARMV8M_MAIN),
    PartNo.CORTEX_M55: ("Cortex-M55", ARMV81M_MAIN),
    PartNo.CORTEX_M85: ("Cortex-M85", ARMV81M_MAIN),
}


@dataclass(frozen=True, slots=True)
class CoreIdentity:
    """What a core is.

    ``baseline``: the small profiles (ARMv6-M, ARMv8-M Baseline), which have neither configurable
    faults nor FAULTMASK and BASEPRI.
    """

    name: str
    architecture: str
    cpuid: CPUID
    has_fpu: bool

    @property
    def baseline(self) -> bool:
        """Return whether this is ARMv6-M or ARMv8-M Baseline."""
        return self.architecture in (ARMV6M, ARMV8M_BASE)

    @property
    def armv8(self) -> bool:
        """Return whether this is ARMv8-M or later."""
        return self.architecture.startswith("ARMv8")

    @property
    def revision(self) -> str:
        """Return the core's revision as Arm writes it: ``r0p1``."""
        return f"r{self.cpuid.Variant}p{self.cpuid.Revision}"


def identify(cpuid: CPUID, mvfr0: int) -> CoreIdentity | None:
    """Name the core with that CPUID and MVFR0; None if it is no Cortex-M (or nothing answers).

    A part number that is not known is named by its number, with the architecture that CPUID tells.
    """
    if cpuid in (0, 0xFFFF_FFFF) or cpuid.Architecture not in (0xC, 0xF):
        return None
    known = _CORES.get(cpuid.PartNo) if cpuid.Implementer == IMPLEMENTER_ARM else None
    name, architecture = known or (
        f"core {cpuid.Implementer:#04x}:{cpuid.PartNo:#05x}",
        ARMV6M if cpuid.Architecture == 0xC else ARMV7M,
    )
    # ARMv6-M reserves the address of MVFR0; MVFR0[7:4] tells of single precision
    has_fpu = architecture not in (ARMV6M, ARMV8M_BASE) and mvfr0 >> 4 & 0xF != 0
    if has_fpu and cpuid.PartNo == PartNo.CORTEX_M4:
        name = "Cortex-M4F"
    return CoreIdentity(name, architecture, cpuid, has_fpu)
