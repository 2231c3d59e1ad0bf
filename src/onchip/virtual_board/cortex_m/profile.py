"""What distinguishes one Cortex-M from another: data, filled in from the chip's description."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from onchip.errors import BoardError

Cpu = Literal["cortex-m0", "cortex-m0p", "cortex-m3", "cortex-m4", "cortex-m7"]


@dataclass(frozen=True, slots=True)
class CoreProfile:
    """One core as it was configured by the chip's maker.

    ``profile_for(cpu, ...)`` fills in what the Technical Reference Manual of the core says.
    """

    cpu: Cpu
    cpuid: int
    clock_hz: int = 16_000_000
    fpu: bool = False
    irqs: int = 32
    priority_bits: int = 4
    """Implemented bits of each priority, from bit 7 down; 2 on ARMv6-M."""
    vector_base: int = 0
    """Reset value of VTOR."""
    vtor: bool = True
    """Whether VTOR can be written (Cortex-M0 has none)."""
    fpb_code: int = 6
    fpb_literal: int = 2
    dwt_comparators: int = 4
    dwt_cyccnt: bool = True
    itm: bool = True
    tpiu: bool = True
    etm: bool = False
    bit_band: bool = False
    unprivileged: bool = True
    """Whether CONTROL.nPRIV exists (not on Cortex-M0)."""
    systick_calibration: int = 0x4000_0000
    """SYST_CALIB: NOREF, SKEW, TENMS."""
    systick_reference_divider: int = 0
    """Core clocks per reference clock when SYST_CSR.CLKSOURCE is 0; 0 means no such clock."""
    rom_table_pidr: int | None = None
    """64-bit PIDR of the ROM table at 0xE00F_F000, PIDR0 lowest; 0 means Arm's own."""
    rom_table: bool = True
    mpu_regions: int = 8
    """Regions of the MPU; 0 means none."""

    @property
    def armv6m(self) -> bool:
        """Tell whether the core is ARMv6-M: no configurable faults, BPU instead of FPB."""
        return self.cpu in ("cortex-m0", "cortex-m0p")

    @property
    def priority_mask(self) -> int:
        """Return the implemented bits of a priority byte."""
        return 0xFF << (8 - self.priority_bits) & 0xFF


_DEFAULTS: dict[str, dict[str, Any]] = {
    "cortex-m0": {
        "cpuid": 0x410C_C200,
        "priority_bits": 2,
        "vtor": False,
        "fpb_code": 4,
        "fpb_literal": 0,
        "dwt_comparators": 2,
        "dwt_cyccnt": False,
        "itm": False,
        "tpiu": False,
        "unprivileged": False,
        "mpu_regions": 0,
    },
    "cortex-m0p": {
        "cpuid": 0x410C_C601,
        "priority_bits": 2,
        "fpb_code": 4,
        "fpb_literal": 0,
        "dwt_comparators": 2,
        "dwt_cyccnt": False,
        "itm": False,
        "tpiu": False,
        "mpu_regions": 0,
    },
    "cortex-m3": {"cpuid": 0x412F_C231, "bit_band": True},
    "cortex-m4": {"cpuid": 0x410F_C241, "bit_band": True},
    "cortex-m7": {"cpuid": 0x411F_C272, "fpb_code": 8, "fpb_literal": 0},
}


def profile_for(cpu: str, **options: Any) -> CoreProfile:
    """Return the profile of ``cpu`` as Arm delivers it, changed by ``options``.

    Raises:
        BoardError: no such cpu, or an option that does not exist or contradicts the cpu.
    """
    if cpu not in _DEFAULTS:
        known = ", ".join(sorted(_DEFAULTS))
        raise BoardError(f"no virtual core {cpu!r}", hint=f"there are {known}")
    try:
        profile = CoreProfile(cpu=cpu, **_DEFAULTS[cpu])  # type: ignore[arg-type]
        profile = replace(profile, **options)
    except TypeError as error:
        raise BoardError(f"{cpu}: {error}") from error
    if profile.fpu and cpu not in ("cortex-m4", "cortex-m7"):
        raise BoardError(f"{cpu} has no FPU")
    if not 0 <= profile.irqs <= (32 if profile.armv6m else 240):
        raise BoardError(f"{cpu} cannot have {profile.irqs} interrupts")
    if profile.priority_bits != 2 if profile.armv6m else not 3 <= profile.priority_bits <= 8:
        raise BoardError(f"{cpu} cannot have {profile.priority_bits} priority bits")
    if profile.clock_hz <= 0:
        raise BoardError(f"{cpu} cannot run at {profile.clock_hz} Hz")
    return profile
