"""Names of cores from CPUID values typed from the technical reference manuals."""

from __future__ import annotations

import pytest

from onchip.arch.scs import CPUID
from onchip.cortex_m.core import Core, find_core
from onchip.cortex_m.identify import identify
from onchip.errors import TargetError, TransferFault
from tests.budgets.measure import Bench
from tests.coresight.conftest import make_rig


@pytest.mark.parametrize(
    ("cpuid", "mvfr0", "name", "architecture", "revision", "fpu"),
    [
        (0x410C_C200, 0, "Cortex-M0", "ARMv6-M", "r0p0", False),
        (0x410C_C601, 0, "Cortex-M0+", "ARMv6-M", "r0p1", False),
        (0x412F_C231, 0, "Cortex-M3", "ARMv7-M", "r2p1", False),
        (0x410F_C241, 0, "Cortex-M4", "ARMv7E-M", "r0p1", False),
        (0x410F_C241, 0x1011_0021, "Cortex-M4F", "ARMv7E-M", "r0p1", True),
        (0x411F_C272, 0x1011_0221, "Cortex-M7", "ARMv7E-M", "r1p2", True),
        (0x411C_D200, 0, "Cortex-M23", "ARMv8-M Baseline", "r1p0", False),
        (0x410F_D214, 0x1011_0021, "Cortex-M33", "ARMv8-M Mainline", "r0p4", True),
        (0x411F_D221, 0x1011_0221, "Cortex-M55", "ARMv8.1-M Mainline", "r1p1", True),
        (0x630F_1230, 0, "core 0x63:0x123", "ARMv7-M", "r0p0", False),
    ],
)
def test_cores(
    cpuid: int, mvfr0: int, name: str, architecture: str, revision: str, fpu: bool
) -> None:
    identity = identify(CPUID(cpuid), mvfr0)
    assert identity is not None
    assert (identity.name, identity.architecture) == (name, architecture)
    assert (identity.revision, identity.has_fpu) == (revision, fpu)
    assert identity.baseline == (architecture in ("ARMv6-M", "ARMv8-M Baseline"))
    assert identity.armv8 == architecture.startswith("ARMv8")


@pytest.mark.parametrize("cpuid", [0, 0xFFFF_FFFF, 0x4100_0000])
def test_what_is_no_core(cpuid: int) -> None:
    assert identify(CPUID(cpuid), 0) is None


def test_the_cores_of_the_chips(any_bench: Bench) -> None:
    core = any_bench.core
    assert core.name in ("Cortex-M4F", "Cortex-M3", "Cortex-M0")
    assert core.has_fpu == (core.name == "Cortex-M4F")
    assert core.cpuid.Implementer == 0x41
    assert core.architecture.startswith("ARMv")
    assert repr(core).startswith(f"<{core.name} r")
    assert "halted" in repr(core)


def test_memory_without_a_core() -> None:
    rig = make_rig()
    with pytest.raises((TargetError, TransferFault)):
        Core(rig.ap).connect()
    with pytest.raises((TargetError, TransferFault)):
        find_core([rig.ap])
    assert find_core([]) is None
    rig.board.close()


def test_attaching_does_not_halt(any_bench: Bench) -> None:
    core = any_bench.core
    core.disconnect(resume=True)
    again = find_core(any_bench.aps)
    assert again is not None
    assert again.was_running
    assert not again.halted
    assert again.cpuid == core.cpuid
