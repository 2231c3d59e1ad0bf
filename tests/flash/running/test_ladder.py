"""Down the ladder: little RAM, algorithms that do not bear the driver or company, a user's wish."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from onchip.errors import AlgorithmError, VerifyError
from onchip.flash.engine import FlashEngine
from onchip.virtual_board.target.flash_faults import FlashFault, FlashFaultKind
from tests.support.elf_builder import flash_device

from ..bench import Bench, algorithm, bench, pattern
from ..thumb import COPY_WORDS, RETURN_5, SET_WEN

RAM = 0x2000_0000
CANARY = bytes(range(256)) * 8
# Whether it returns to a BKPT, one instruction on, decides what a function does.
FAULTS_IN_COMPANY = "7046 0130 0088 000A BE38 00D0 00DE 7047"


@pytest.fixture(scope="module")
def nrf51() -> Iterator[Bench]:
    with bench("nrf51822") as b:
        yield b


@pytest.fixture(scope="module")
def nrf52() -> Iterator[Bench]:
    with bench("nrf52840") as b:
        yield b


def confined(b: Bench, length: int, algorithm: Path | None = None) -> FlashEngine:
    """Return an engine for a chip with that much RAM; what lies behind is watched."""
    b.core.halt()
    b.core.memory.write(RAM + length, CANARY)
    return FlashEngine(b.core, b.chip, algorithm=algorithm, ram=(RAM, length))


def untouched(b: Bench, length: int) -> bool:
    return b.core.memory.read(RAM + length, len(CANARY)) == CANARY


# -- little RAM ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "mode"), [(0x1000, "stream"), (0x800, "single")])
def test_chips_with_little_ram_are_programmed(nrf51: Bench, length: int, mode: str) -> None:
    """Pages of 1 KiB, and an erase, with what the image does not cover kept."""
    engine = confined(nrf51, length)
    engine.program(nrf51.image(pattern(3000, length & 0xFF | 1)))
    report = engine.program(nrf51.image(pattern(500, 9), 1100))
    assert nrf51.contents(3000)[1100:1600] == pattern(500, 9)
    assert nrf51.contents(1100) == pattern(1100, length & 0xFF | 1)
    assert (report.mode, report.kept_bytes) == (mode, 524)
    assert report.mode_because == (
        "" if mode == "stream" else f"{length} bytes of RAM are too few for more"
    )
    assert untouched(nrf51, length)
    engine.verify(nrf51.image(pattern(500, 9), 1100))
    with pytest.raises(VerifyError, match=r"0x0000_044C reads 00 .*, expected 07"):
        engine.verify(nrf51.image(b"\x07" + pattern(499, 9)[1:], 1100))


@pytest.mark.parametrize(("length", "page", "blob"), [(0x1000, 1024, 0x800), (0x300, 256, 0)])
def test_even_where_the_target_cannot_sum(
    nrf52: Bench, tmp_path: Path, length: int, page: int, blob: int
) -> None:
    """4 KiB of RAM of which the algorithm takes two; 768 bytes, where what is there is read."""
    device = flash_device(start=0, length=0x10_0000, page=page)
    path = tmp_path / "small.FLM"
    path.write_bytes(algorithm(device, Init=SET_WEN, ProgramPage=COPY_WORDS, size=blob))
    at = 0x8000 + 0x2000 * (page == 256)
    report = confined(nrf52, length, path).program(nrf52.image(pattern(2500), at))
    assert nrf52.contents(2500, at) == pattern(2500)
    assert (report.mode, untouched(nrf52, length)) == ("single", True)
    crcs = FlashEngine(nrf52.core, nrf52.chip, ram=(RAM, 0x300)).checksums([(at, 2500), (0, 0)])
    assert crcs == FlashEngine(nrf52.core, nrf52.chip).checksums([(at, 2500), (0, 0)])


def test_no_rung_has_room(nrf51: Bench) -> None:
    with pytest.raises(AlgorithmError, match=r"pages of 1024 bytes needs 1\d* bytes of RAM, 1280"):
        confined(nrf51, 0x500).program(nrf51.image(b"1234"))


# -- what the driver breaks ------------------------------------------------------------------------


def test_an_algorithm_that_does_not_bear_the_driver(nrf52: Bench, tmp_path: Path) -> None:
    path = tmp_path / "alone.FLM"
    device = flash_device(start=0, length=0x10_0000, page=256)
    path.write_bytes(
        algorithm(device, Init=SET_WEN, ProgramPage=COPY_WORDS, UnInit=FAULTS_IN_COMPANY)
    )
    report = nrf52.engine(path).program(nrf52.image(pattern(2000), 0x2_0000))
    assert nrf52.contents(2000, 0x2_0000) == pattern(2000)
    assert report.mode == "single"
    assert report.mode_because.startswith("UnInit at 0x0000_0000 faulted: UsageFault")
    assert report.programmed_bytes == 2048


def test_an_algorithm_that_uses_more_ram_than_its_file_says(nrf52: Bench, tmp_path: Path) -> None:
    """UnInit writes 50 words behind its data, where the driver would be."""
    path = tmp_path / "greedy.FLM"
    device = flash_device(start=0, length=0x10_0000, page=256)
    greedy = "4846 C821 0430 0160 0439 FBD1 0020 7047"
    path.write_bytes(algorithm(device, Init=SET_WEN, ProgramPage=COPY_WORDS, UnInit=greedy))
    report = nrf52.engine(path).program(nrf52.image(pattern(300), 0x2_8000))
    assert nrf52.contents(300, 0x2_8000) == pattern(300)
    assert report.mode == "single"


def test_both_failures_are_told(nrf52: Bench, tmp_path: Path) -> None:
    path = tmp_path / "both.FLM"
    device = flash_device(start=0, length=0x10_0000, page=256)
    path.write_bytes(algorithm(device, Init=FAULTS_IN_COMPANY, UnInit=RETURN_5))
    told = r"UnInit .* returned 5 \(0x5\); and before, through the driver: Init .* faulted"
    with pytest.raises(AlgorithmError, match=told):
        nrf52.engine(path).program(nrf52.image(pattern(200), 0x3_0000))


def test_what_was_to_be_kept_survives_a_crash(nrf51: Bench) -> None:
    """The crash comes when the sector has been erased, and what it held is in the host only."""
    engine = nrf51.engine()
    engine.program(nrf51.image(pattern(1024, 3), 0x4000))
    nrf51.board.flash_faults.add(FlashFault(FlashFaultKind.TIMEOUT, nrf51.flash + 0x4000, count=1))
    report = engine.program(nrf51.image(b"new", 0x4000))
    nrf51.board.flash_faults.clear()
    assert nrf51.contents(1024, 0x4000) == b"new" + pattern(1024, 3)[3:]
    assert (report.mode, report.kept_bytes) == ("single", 1021)


@pytest.mark.parametrize(("loses", "mode"), [(False, "double"), (True, "single")])
def test_company_is_tried_before(nrf52: Bench, tmp_path: Path, loses: bool, mode: str) -> None:
    """Two buffers where the driver has no room; and none where what is sent meanwhile is lost."""
    memory, honest = nrf52.core.ap, type(nrf52.core.ap).emit_write

    def lost(transfers, address, data):  # type: ignore[no-untyped-def]
        if nrf52.core.run.halted is not False or not loses:
            honest(memory, transfers, address, data)

    path = tmp_path / "any.FLM"
    device = flash_device(start=0, length=0x10_0000, page=256)
    path.write_bytes(algorithm(device, Init=SET_WEN, ProgramPage=COPY_WORDS))
    at = 0x4_0000 + 0x1000 * loses
    engine = confined(nrf52, 0x600, path)
    memory.emit_write = lost  # type: ignore[method-assign]
    try:
        report = engine.program(nrf52.image(pattern(3000), at))
    finally:
        del memory.emit_write
    assert nrf52.contents(3000, at) == pattern(3000)
    assert report.mode == mode


def test_pages_that_arrive_damaged_are_sent_again_alone(nrf51: Bench) -> None:
    """Half the clock does not help; it is noticed by the verification."""
    memory, honest = nrf51.core.ap, type(nrf51.core.ap).emit_write

    def damaged(transfers, address, data):  # type: ignore[no-untyped-def]
        if nrf51.core.run.halted is False:
            data = bytes(data).replace(pattern(32), pattern(31) + b"?")
        honest(memory, transfers, address, data)

    memory.emit_write = damaged  # type: ignore[method-assign]
    try:
        report = nrf51.engine().program(nrf51.image(pattern(1500), 0x8000))
    finally:
        del memory.emit_write
    assert nrf51.contents(1500, 0x8000) == pattern(1500)
    assert report.mode == "single"
    assert report.mode_because.startswith("streamed, 0x0000_801F reads 3f")


def test_a_user_may_ask_for_it(nrf51: Bench) -> None:
    engine = FlashEngine(nrf51.core, nrf51.chip, stream=False)
    report = engine.program(nrf51.image(pattern(100), 0x6000))
    assert (report.mode, report.mode_because) == ("single", "as asked for")
