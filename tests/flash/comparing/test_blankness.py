"""Flash whose erased pages cannot be read: the algorithm's BlankCheck has to tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from onchip.errors import AlgorithmError, EraseError, PlanError, VerifyError
from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.engine import FlashEngine
from onchip.virtual_board.bus import BusFault, Memory
from onchip.virtual_board.target.flash_array import FlashArray
from tests.support.elf_builder import FUNCTION_OFFSETS, flash_device, flm

from ..bench import RETURN_0, Bench, bench, pattern
from ..thumb import COPY_WORDS

PAGE, SECTOR = 256, 0x1000
START, LENGTH = 0x8_0000, 0x4000
STATUS = 0x6000_0000
FUNCTIONS = {
    "Init": "0323 9B1A 0149 0B60 0020 7047 04E50140",  # NVMC.CONFIG = 3 - fnc
    "EraseSector": "0149 0860 0020 7047 08E50140",  # NVMC.ERASEPAGE = adr
    "ProgramPage": COPY_WORDS,
    "BlankCheck": "0623 1B07 C018 0078 7047",  # the byte at STATUS + adr
}


@dataclass
class Ecc:
    """Pages of an nRF52840's flash that fault, or read as noise, until they are programmed."""

    memory: Memory
    noise: bool = False
    programmed: set[int] = field(default_factory=set)

    def reads(self, offset: int, size: int) -> bytes:
        if offset // PAGE in self.programmed:
            return bytes(self.memory.data[START + offset : START + offset + size])
        if not self.noise:
            raise BusFault(START + offset)
        return bytes((5 * (offset + i) + 1) & 0xFF for i in range(size))

    def read(self, offset: int, size: int) -> int:
        return int.from_bytes(self.reads(offset, size), "little")

    def write(self, offset: int, size: int, value: int) -> None:
        self.programmed.add(offset // PAGE)
        assert self.memory.on_write is not None
        self.memory.on_write(START + offset, size, value)

    def reset(self) -> None:
        pass


@dataclass
class Status:
    """What the flash's controller knows of each page."""

    ecc: Ecc

    def read(self, offset: int, size: int) -> int:
        return (offset - START) // PAGE in self.ecc.programmed

    def write(self, offset: int, size: int, value: int) -> None:
        raise BusFault(STATUS + offset)

    def reset(self) -> None:
        pass


@contextmanager
def ecc_board(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bench, Ecc]]:
    with bench("nrf52840") as b:
        bus = b.board.chip.bus
        window = bus.find(START)
        assert window is not None
        memory = window.memory
        assert memory is not None
        ecc = Ecc(memory)
        bus.unmap(window)
        bus.map(0, memory, length=START)
        bus.add_device("ecc", START, LENGTH, ecc)
        bus.add_device("status", STATUS, 0x10_0000, Status(ecc))
        honest = FlashArray.erase

        def erase(array: FlashArray, offset: int, length: int, duration_ns: int) -> object:
            if array.memory is memory:
                first = (offset - START) // PAGE
                ecc.programmed -= set(range(first, first + length // PAGE))
            return honest(array, offset, length, duration_ns)

        monkeypatch.setattr(FlashArray, "erase", erase)
        yield b, ecc


@pytest.fixture(scope="module")
def board() -> Iterator[tuple[Bench, Ecc]]:
    with pytest.MonkeyPatch.context() as monkeypatch, ecc_board(monkeypatch) as made:
        yield made


@pytest.fixture(params=["faults", "noise"])
def fresh(board: tuple[Bench, Ecc], request: pytest.FixtureRequest) -> tuple[Bench, Ecc]:
    """Return the board with blank flash that cannot be read, in one way or the other."""
    b, ecc = board
    ecc.programmed.clear()
    ecc.memory.data[START : START + LENGTH] = b"\xff" * LENGTH
    ecc.noise = request.param == "noise"
    return b, ecc


def algorithm(*, check: bool = True) -> FlashAlgorithm:
    code = bytearray((RETURN_0 + bytes(12)) * 8)
    for name, text in FUNCTIONS.items():
        body = bytes.fromhex(text)
        code[FUNCTION_OFFSETS[name] : FUNCTION_OFFSETS[name] + len(body)] = body
    names = ("Init", "UnInit", "EraseSector", "ProgramPage") + ("BlankCheck",) * check
    device = flash_device(start=START, length=LENGTH, page=PAGE, sectors=((SECTOR, 0),))
    return FlashAlgorithm.parse(flm(device, code=bytes(code), functions=names))


def engine(
    b: Bench, *, check: bool = True, ram: int = 0x1_0000, stream: bool = True
) -> FlashEngine:
    return FlashEngine(
        b.core, b.chip, algorithm=algorithm(check=check), ram=(0x2000_0000, ram), stream=stream
    )


def holds(b: Bench, ecc: Ecc, offset: int, data: bytes) -> bool:
    """Say whether all of it is there, and can be read."""
    return ecc.reads(offset, len(data)) == data


@pytest.mark.parametrize("ram", [0x1_0000, 0x600])
def test_blank_flash_is_programmed(fresh: tuple[Bench, Ecc], ram: int) -> None:
    """Every page that the image has, be it blank.

    Of flash that does not fault but reads as noise, that is noticed only in the end.
    """
    b, ecc = fresh
    data = pattern(300) + b"\xff" * 400 + pattern(200)
    report = engine(b, ram=ram).program(b.image(data, START + 0x1100))
    assert all(holds(b, ecc, 0x1100 + at, data[at : at + 50]) for at in range(0, 900, 50))
    assert ecc.programmed >= set(range(0x11, 0x15))
    if not ecc.noise:
        assert (len(ecc.programmed), report.erased_bytes) == (4, 0)
    again = engine(b, ram=ram).program(b.image(data, START + 0x1100))
    assert (again.programmed_bytes, again.same_bytes) == (0, 900)


def test_what_is_there_is_kept_and_what_is_blank_stays_so(fresh: tuple[Bench, Ecc]) -> None:
    b, ecc = fresh
    engine(b).program(b.image(pattern(300), START + 0x800))
    engine(b).program(b.image(pattern(600, 5), START))
    report = engine(b).program(b.image(pattern(500, 9), START))
    assert report.erased_bytes == SECTOR
    assert holds(b, ecc, 0, pattern(500, 9) + pattern(600, 5)[500:])
    assert holds(b, ecc, 0x800, pattern(300))
    if not ecc.noise:
        assert ecc.programmed == {0, 1, 2, 8, 9}
    sectors = engine(b).plan(b.image(pattern(500, 9) + b"!", START))
    assert [(s.action, s.kept_bytes > 500) for s in sectors] == [("erase and program", True)]


def test_erasing_is_believed_to_blank_check(
    fresh: tuple[Bench, Ecc], monkeypatch: pytest.MonkeyPatch
) -> None:
    b, ecc = fresh
    engine(b).program(b.image(pattern(600), START))
    engine(b).erase([(START, 1)])
    assert ecc.programmed == set()
    monkeypatch.setattr(Status, "read", lambda *_: 1)
    with pytest.raises(EraseError, match="0x0008_0000 is not blank, says the algorithm's Blank"):
        engine(b).erase([(START, 1)])


def test_without_a_blank_check_it_is_an_error(fresh: tuple[Bench, Ecc]) -> None:
    b, ecc = fresh
    if ecc.noise:
        with pytest.raises(VerifyError, match=r"0x0008_0300 reads 01 .*, expected ff"):
            engine(b, check=False).program(b.image(pattern(600), START), keep=False)
        return
    with pytest.raises(AlgorithmError, match="the check sum at 0x0008_0000 faulted: BusFault"):
        engine(b, check=False).program(b.image(pattern(600), START))


def test_an_image_that_was_never_programmed_differs(fresh: tuple[Bench, Ecc]) -> None:
    b, ecc = fresh
    with pytest.raises((AlgorithmError, VerifyError)) as told:
        engine(b).verify(b.image(b"\xff" * 300, START))
    if not ecc.noise:
        assert told.value.hint == "blank flash of this chip cannot be read: is all of it there?"


def test_too_little_ram_to_ask(fresh: tuple[Bench, Ecc], monkeypatch: pytest.MonkeyPatch) -> None:
    b, _ = fresh
    monkeypatch.setattr("onchip.flash.running.call_runner.CallRunner.room", lambda *_: 0)
    with pytest.raises(PlanError, match="no RAM to ask BlankCheck"):
        engine(b, ram=0x600).program(b.image(pattern(600) + b"\xff" * 600, START))
