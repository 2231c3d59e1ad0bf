"""A connected, halted core with a small program in its RAM."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onchip.cortex_m.core import Core
from tests.budgets.measure import Bench

RAM = 0x2000_0000
CODE = RAM + 0x100
DATA = RAM + 0x800

# typed from the encodings in the architecture manual
LOOP = bytes.fromhex(
    "0020"  # +0 movs r0, #0
    "0130"  # +2 adds r0, #1
    "0860"  # +4 str r0, [r1]
    "0a68"  # +6 ldr r2, [r1]
    "fbe7"  # +8 b +2
)


def places(core: Core) -> tuple[int, int]:
    """Return where code and data go: the LPC1768 has its main RAM in the Code region."""
    shift = 0x1000_0000 if core.name == "Cortex-M3" else 0
    return CODE - shift, DATA - shift


def load(core: Core, code: bytes) -> None:
    """Put ``code`` into RAM and the core in front of it."""
    at, data = places(core)
    core.memory.write(at, code)
    core.memory.write_u32(data, 0)
    registers = {"pc": at, "sp": data + 0x800, "xpsr": 1 << 24, "r0": 0, "r1": data, "r2": 0}
    core.write_registers({**registers, "primask": 0})


@pytest.fixture(params=["stm32f407", "nrf51822", "lpc1768"])
def any_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = _bench(request.param)
    yield made
    made.board.close()


@pytest.fixture
def m4(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = _bench("stm32f407")
    yield made
    made.board.close()


@pytest.fixture
def m0(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = _bench("nrf51822")
    yield made
    made.board.close()


def _bench(chip: str) -> Bench:
    made = Bench("bulk-512x4", chip)
    made.core.reset(halt=True)
    return made
