"""Algorithms that go wrong: what is told, and how the target is left."""

from pathlib import Path

import pytest

from onchip.errors import AlgorithmError, EraseError, PlanError, ProgramError, VerifyError
from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.comparing.blocks import block_sums
from onchip.flash.running import driver
from onchip.flash.running.block_run import BlockRun
from onchip.flash.running.ladder import Ladder
from onchip.flash.running.ring_runner import RingRunner
from onchip.flash.running.rung import Rung
from tests.support.elf_builder import flash_device, flm

from ..bench import RAM, RETURN_0, algorithm, bench, pattern
from ..thumb import (
    BREAKPOINT,
    BUS_FAULT,
    COPY_WORDS,
    LOOP,
    RETURN_5,
    SET_WEN,
    SMASH,
    UNDEFINED,
    UNDEFINED_FROM_0X800,
)


def test_a_driver_that_does_not_see_the_ring_is_given_up() -> None:
    """As behind a data cache: what is written while the core runs is not there for it."""
    with bench() as b:
        memory, honest = b.core.ap, type(b.core.ap).emit_write_word
        ready: set[int] = set()

        def hidden(transfers, address, value):  # type: ignore[no-untyped-def]
            if b.core.run.halted is False and address in ready:
                address = 0x2001_FFF0
            honest(memory, transfers, address, value)

        memory.emit_write_word = hidden  # type: ignore[method-assign]
        parsed = FlashAlgorithm.parse(algorithm(ProgramPage="0160 1046 7047"))
        b.core.reset(halt=True)
        r = RingRunner(b.core, (0x2000_0000, 0x1_0000), parsed)
        ready.add(r.space.mailbox + driver.READY)
        assert not r.prove()
        ladder = Ladder(b.core, stream=True)
        ours = ladder.runner((0x2000_0000, 0x1_0000), parsed)
        ours.call([ours.function("ProgramPage", 0x2001_8000, 77, 0)])
        assert (ladder.rung, ladder.because) == (
            Rung.DOUBLE,
            "the core does not see what is written while it runs",
        )
        assert b.core.memory.read_u32(0x2001_8000) == 77
        del memory.emit_write_word


def test_ram_that_does_not_hold_what_is_written_is_refused() -> None:
    with bench() as b:
        memory, honest = b.core.ap, type(b.core.ap).emit_write

        def damaged(transfers, address, data):  # type: ignore[no-untyped-def]
            if len(data) > 0x200:
                data = data[:0x1F0] + bytes(4) + data[0x1F4:]
            honest(memory, transfers, address, data)

        memory.emit_write = damaged  # type: ignore[method-assign]
        b.core.reset(halt=True)
        r = RingRunner(b.core, RAM)
        with pytest.raises(AlgorithmError, match="does not hold what was written"):
            block_sums(r, [BlockRun(0x0800_0000, 64, 1)], 0xFF)
        del memory.emit_write


@pytest.mark.parametrize(
    ("functions", "error", "message"),
    [
        ({"Init": RETURN_5}, AlgorithmError, "Init at 0x0800_0000 failed: it returned 5"),
        ({"UnInit": RETURN_5}, AlgorithmError, "UnInit at 0x0800_0000 failed"),
        ({"ProgramPage": RETURN_5}, ProgramError, "ProgramPage at 0x0800_0000 failed"),
        ({"ProgramPage": LOOP}, AlgorithmError, "ProgramPage at 0x0800_0000 did not return"),
        ({"ProgramPage": UNDEFINED}, AlgorithmError, "ProgramPage at 0x0800_0000 faulted"),
        (
            {"ProgramPage": BUS_FAULT},
            AlgorithmError,
            "0x0800_0000 faulted: BusFault, BFAR 0xF000_0000, pc 0x2000_0044: ",
        ),
        ({"ProgramPage": BREAKPOINT}, AlgorithmError, "halted at 0x2000_0040, as by a BKPT"),
        (
            {"ProgramPage": SMASH},  # which is enough without the driver
            VerifyError,
            "expected 00 07 .*; and before, through the driver: ProgramPage .* more stack than",
        ),
        ({}, VerifyError, "0x0800_0000 reads ff ff ff ff ff ff ff ff, expected 00 07"),
    ],
)
def test_an_algorithm_that_goes_wrong(
    tmp_path: Path, functions: dict[str, str], error: type[Exception], message: str
) -> None:
    path = tmp_path / "bad.FLM"
    path.write_bytes(algorithm(**functions))
    with bench() as b:
        with pytest.raises(error, match=message):
            b.engine(path).program(b.image(pattern(3000)))
        b.core.reset(halt=True)
        b.engine().program(b.image(pattern(300)))
        assert b.contents(300) == pattern(300)


@pytest.mark.parametrize(
    ("functions", "error", "message"),
    [
        ({"EraseSector": RETURN_5}, EraseError, "EraseSector at 0x0800_1000 failed"),
        ({"EraseSector": BUS_FAULT}, AlgorithmError, "EraseSector at 0x0800_1000 faulted"),
        ({"EraseSector": LOOP}, AlgorithmError, "EraseSector at 0x0800_1000 did not return"),
        ({}, EraseError, "not blank after erasing"),
    ],
)
def test_an_erase_that_goes_wrong(
    tmp_path: Path, functions: dict[str, str], error: type[Exception], message: str
) -> None:
    path = tmp_path / "bad.FLM"
    path.write_bytes(algorithm(**functions))
    with bench() as b:
        b.put(pattern(64), 0x1000)
        with pytest.raises(error, match=message):
            b.engine(path).erase([(b.flash + 0x1000, 1)])


@pytest.mark.parametrize("page", [4, 128, 256, 512])
def test_small_pages(tmp_path: Path, page: int) -> None:
    device = flash_device(start=0, length=0x10_0000, page=page, sectors=((0x1000, 0),))
    path = tmp_path / "small.FLM"
    path.write_bytes(algorithm(device, Init=SET_WEN, ProgramPage=COPY_WORDS))
    with bench("nrf52840") as b:
        b.engine(path).program(b.image(pattern(2601)))
        assert b.contents(2601) == pattern(2601)


def test_a_crash_is_told_of_the_page_that_crashed(tmp_path: Path) -> None:
    """More records are on their way when it is noticed."""
    path = tmp_path / "bad.FLM"
    path.write_bytes(algorithm(flash_device(page=256), ProgramPage=UNDEFINED_FROM_0X800))
    with bench() as b:
        with pytest.raises(AlgorithmError, match="ProgramPage at 0x0800_0800 faulted: UsageFault"):
            b.engine(path).program(b.image(pattern(20_000)))
        path.write_bytes(algorithm(flash_device(page=256), ProgramPage=BREAKPOINT))
        with pytest.raises(AlgorithmError, match="0x0800_0000 halted at 0x2000_0040, as by a BKPT"):
            b.engine(path).program(b.image(pattern(20_000)))


def test_functions_that_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "bare.FLM"
    path.write_bytes(flm(functions=("ProgramPage",), code=(RETURN_0 + bytes(12)) * 8))
    with bench() as b:
        b.put(pattern(64), 0x1000)
        with pytest.raises(PlanError, match="cannot erase sectors"):
            b.engine(path).program(b.image(b"other", 0x1000))
        assert b.contents(64, 0x1000) == pattern(64)
        with pytest.raises(VerifyError):
            b.engine(path).program(b.image(pattern(64)))


def test_a_users_algorithm_is_cut_to_the_chip(tmp_path: Path) -> None:
    path = tmp_path / "family.FLM"
    sectors = ((0x4000, 0), (0x1_0000, 0x1_0000), (0x2_0000, 0x2_0000))
    path.write_bytes(algorithm(flash_device(length=0x20_0000, sectors=sectors)))
    with bench() as b:
        (region,) = b.engine(path).regions
        assert (region.name, region.start, region.end) == ("flash", 0x0800_0000, 0x0810_0000)
        with pytest.raises(PlanError, match="has no memory"):
            b.engine(path).program(b.image(b"1234", 0x10_0000))


def test_a_users_algorithm_that_has_nothing_to_do_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.FLM"
    path.write_bytes(algorithm(flash_device(start=0x9000_0000)))
    with bench() as b:
        for job in (
            lambda: b.engine(path).program(b.image(b"1234")),
            lambda: b.engine(path).verify(b.image(b"1234")),
            lambda: b.engine(path).erase([(b.flash, 4)]),
        ):
            with pytest.raises(
                PlanError, match="0x90000000-0x9000FFFF, where this job has nothing"
            ):
                job()
