"""Count packets and round trips of flash jobs on a virtual probe; see `tests.budgets.measure`."""

from __future__ import annotations

from collections.abc import Iterator

from onchip.flash.engine import FlashEngine
from onchip.flash.images.image import Image
from onchip.flash.planning.regions import built_in
from onchip.flash.running.call_runner import CallRunner
from onchip.flash.running.command import Command
from onchip.flash.running.ring_runner import RingRunner
from onchip.flash.running.runner import Runner
from onchip.target.chip import load_chip

from .measure import PROBES, Bench, Measured, bench

# Packets and round trips, for the two probes: the budgets of the design, and ours without a driver.
_BUDGETS = {
    "erase-sector call, run to its end": ((2, 2), (4, 2)),
    "program one 1 KiB page through an algorithm": ((5, 2), (24, 2)),
    "erase-sector call without a driver": ((1, 1), (4, 3)),
    "program one 1 KiB page without a driver": ((4, 2), (24, 4)),
    "64 KiB onto blank flash, verified": ((200, 40), (1500, 80)),
    "64 KiB already there": ((20, 15), (40, 25)),
}
FLASH = 0x0800_0000


def measurements(probe: str) -> list[Measured]:
    """Return what flash jobs cost on ``probe``."""
    chip = load_chip("stm32f407")
    counted: dict[str, tuple[int, int]] = {}
    with bench(probe) as b:
        b.core.reset(halt=True)
        assert chip.work_ram is not None
        ram = (chip.work_ram.start, chip.work_ram.length)
        algorithm = built_in("stm32f407.FLM")
        streamed = _calls(b, RingRunner(b.core, ram, algorithm), FLASH)
        single = _calls(b, CallRunner(b.core, ram, algorithm, overlap=False), FLASH + 1024)
        counted.update(zip(_BUDGETS, (*streamed, *single), strict=False))
    with bench(probe) as b:
        image = Image.from_segments([(FLASH, bytes(i * 7 + (i >> 8) & 0xFF for i in range(65536)))])
        engine = FlashEngine(b.core, chip)
        counted["64 KiB onto blank flash, verified"] = b.count(lambda: engine.program(image))
        counted["64 KiB already there"] = b.count(lambda: engine.program(image))
    column = PROBES.index(probe)
    return [
        Measured(name, probe, *counted[name], *budgets[column])
        for name, budgets in _BUDGETS.items()
    ]


def _calls(b: Bench, runner: Runner, address: int) -> Iterator[tuple[int, int]]:
    """Count a call without data, and the programming of a page at ``address``."""
    runner.call([runner.function("Init", FLASH, 16_000_000, 1)])
    # The sector's number makes no difference to the traffic. What does is how long it takes:
    # the budget is for an algorithm that is ready at once, which UnInit is.
    call = [runner.function("UnInit", 1)]
    yield b.count(lambda: runner.call(call))
    runner.call([runner.function("Init", FLASH, 16_000_000, 2)])
    page = bytes(range(256)) * 4
    entry = runner.entry("ProgramPage")
    arguments = (address, 1024, 0)
    program = Command(entry, arguments, "ProgramPage", data=page, places=((2, 0),), pages=True)
    yield b.count(lambda: runner.call([program]))
    runner.stop()
    assert b.core.memory.read(address, 1024) == page
