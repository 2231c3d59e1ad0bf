"""Crashes are noticed at once, calls that do not end when their own time is over."""

from pathlib import Path

import pytest

from onchip.cortex_m import HaltKind, HaltReason
from onchip.errors import AlgorithmCrash, AlgorithmError
from onchip.flash.engine import FlashEngine
from onchip.flash.planning.regions import built_in
from onchip.flash.running.command import Command
from onchip.flash.running.driver import MAILBOX, Status
from onchip.flash.running.ring import Record
from onchip.flash.running.ring_runner import RingRunner
from onchip.flash.running.watch import Watch
from onchip.virtual_board.target.flash_faults import FlashFault, FlashFaultKind
from tests.support.elf_builder import flash_device

from ..bench import Bench, algorithm, bench, pattern
from ..thumb import BREAKPOINT, BUS_FAULT, LOOP, UNDEFINED_FROM_0X800
from .test_runner import to_the_end


def seconds_until(b: Bench, engine: FlashEngine, length: int, message: str) -> float:
    began = b.link.now()
    with pytest.raises(AlgorithmError, match=message):
        engine.program(b.image(pattern(length)))
    return b.link.now() - began


def engine(b: Bench, path: Path, *, stream: bool) -> FlashEngine:
    return FlashEngine(b.core, b.chip, algorithm=path, stream=stream)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("body", [BUS_FAULT, BREAKPOINT])
def test_a_crash_is_noticed_at_once(tmp_path: Path, body: str, *, stream: bool) -> None:
    path = tmp_path / "bad.FLM"
    path.write_bytes(algorithm(flash_device(program_ms=60_000), ProgramPage=body))
    with bench() as b:
        taken = seconds_until(b, engine(b, path, stream=stream), 20_000, "ProgramPage at 0x0800_0")
        assert taken < 0.3


def test_a_call_has_its_own_time_and_not_the_others(tmp_path: Path) -> None:
    path = tmp_path / "slow.FLM"
    path.write_bytes(
        algorithm(flash_device(page=256, program_ms=100, erase_ms=30_000), ProgramPage=LOOP)
    )
    with bench() as b:
        taken = seconds_until(
            b, engine(b, path, stream=True), 0x3000, r"0x0800_0000 did not return within 1.2 s; it"
        )
        assert 2.4 <= taken < 2.8  # through the driver, and without


def test_what_took_long_is_not_waited_for_twice() -> None:
    class Core:
        seconds = 0.0

        def now(self) -> float:
            return self.seconds

        def halt(self) -> HaltReason:
            return HaltReason(HaltKind.REQUEST, 0x2000_0040)

        def fault(self) -> None:
            return None

    for timeout_s, kind in ((1.5, AlgorithmCrash), (60.0, AlgorithmError)):
        core = Core()
        watch = Watch(core)  # type: ignore[arg-type]
        command = Command(0, (), "EraseChip", 0x0800_0000, timeout_s=timeout_s)
        watch.give(Record(0, command, 0x2000_1000, 0x2000_1020))
        core.seconds = timeout_s - 0.1
        watch.check_time(Status())
        core.seconds = timeout_s
        with pytest.raises(AlgorithmError, match=f"within {timeout_s:g} s; it was at 0x2") as told:
            watch.check_time(Status())
        assert type(told.value) is kind


def test_pages_that_went_well_give_the_next_ones_their_time(tmp_path: Path) -> None:
    path = tmp_path / "late.FLM"
    path.write_bytes(
        algorithm(
            flash_device(page=256, program_ms=100),
            ProgramPage=UNDEFINED_FROM_0X800.replace("00DE", LOOP),
        )
    )
    with bench() as b:
        taken = seconds_until(
            b, engine(b, path, stream=True), 0x3000, r"ProgramPage at 0x0800_0800 did not return"
        )
        assert 2.4 <= taken < 2.8


def test_a_target_that_is_reset_meanwhile_is_noticed() -> None:
    with bench() as b:
        b.put(pattern(0x2000))
        b.board.flash_faults.add(FlashFault(FlashFaultKind.TIMEOUT, None, count=None))
        b.board.faults.reset_target(after_packets=26)
        began = b.link.now()
        with pytest.raises(AlgorithmError, match="the target was reset during EraseSector"):
            b.engine().program(b.image(pattern(0x2000, 3)))
        assert b.link.now() - began < 1.0


def test_a_driver_that_counts_wrong_was_overwritten() -> None:
    with bench() as b:
        b.core.reset(halt=True)
        r = RingRunner(b.core, (0x2000_0000, 0x1_0000), built_in("stm32f407.FLM"))
        r.call([r.function("UnInit", 2)])
        b.core.halt()
        b.core.memory.write_u32(r.space.start + MAILBOX + 4, 4711)
        b.core.resume()
        with pytest.raises(AlgorithmError, match="its RAM was overwritten"):
            to_the_end(r, [r.function("UnInit", 2)])
