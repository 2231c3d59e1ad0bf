import struct
import subprocess
import zlib
from functools import partial
from pathlib import Path

import pytest

from onchip.errors import AlgorithmError, EraseError, PlanError, ProgramError, VerifyError
from onchip.flash import driver
from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.block_run import BlockRun
from onchip.flash.blocks import block_crcs, block_sums
from onchip.flash.call_runner import CallRunner
from onchip.flash.command import Command
from onchip.flash.ladder import Ladder
from onchip.flash.regions import built_in
from onchip.flash.ring_runner import RingRunner
from onchip.flash.rung import Rung
from onchip.flash.runner import Runner
from onchip.flash.sums import sums
from tests.support.elf_builder import FUNCTION_OFFSETS, flash_device, flm
from tests.support.tools import require

from .bench import bench, pattern

RETURN_0 = bytes.fromhex("0020 7047")
RAM = (0x2000_0000, 0x2_0000)


def algorithm(device: bytes | None = None, *, size: int = 0, **functions: str) -> bytes:
    """An FLM whose functions are Thumb code in hex, 16 bytes each; the others return 0.

    The code takes ``size`` bytes, if that is more.
    """
    code = bytearray((RETURN_0 + bytes(12)) * 8)
    for name, text in functions.items():
        body = bytes.fromhex(text)
        assert len(body) <= 16
        code[FUNCTION_OFFSETS[name] : FUNCTION_OFFSETS[name] + len(body)] = body
    return flm(device, code=bytes(code).ljust(size, b"\0"))


# -- running ---------------------------------------------------------------------------------------


def test_crcs_are_those_of_zlib() -> None:
    with bench() as b:
        b.core.reset(halt=True)
        data = pattern(3000)
        b.core.memory.write(0x2001_0000, data)
        r = RingRunner(b.core, RAM, crcs=True)
        at = 0x2001_0000
        runs = [BlockRun(at, 1000, 3), BlockRun(at + 1, 7, 2), BlockRun(at + 3, 0, 1)]
        assert block_crcs(r, runs) == [
            *(zlib.crc32(data[i : i + 1000]) for i in (0, 1000, 2000)),
            zlib.crc32(data[1:8]),
            zlib.crc32(data[8:15]),
            0,
        ]
        assert block_crcs(r, [BlockRun(0x2001_0002, 4, 1)]) == [zlib.crc32(data[2:6])]


@pytest.mark.parametrize(("chip", "base"), [("stm32f407", 0x2001_0000), ("nrf51822", 0x2000_2000)])
def test_sums_are_those_of_the_host(chip: str, base: int) -> None:
    with bench(chip) as b:
        b.core.reset(halt=True)
        data = pattern(3000) + bytes(72) + b"\xff" * 1024
        data = data[:2000] + bytes([255] * 64) + data[2064:]
        b.core.memory.write(base, data)
        r = RingRunner(b.core, (0x2000_0000, 0x2000))
        runs = [
            *(BlockRun(base, 1000, 3), BlockRun(base + 1, 7, 2), BlockRun(base + 3, 0, 1)),
            *(BlockRun(base, 128, 32), BlockRun(base + 2, 130, 1), BlockRun(base + 2002, 61, 1)),
            *(BlockRun(base + 3072, 1024, 1), BlockRun(base + 3071, 1025, 1)),
        ]
        wanted = [
            sums(data[at - base :][: run.block], at)
            for run in runs
            for at in [run.address + run.block * index for index in range(run.count)]
        ]
        assert block_sums(r, runs, 0xFF) == wanted
        assert block_sums(r, runs, 0x00) == wanted  # nobody looks for blanks


def test_arguments_static_base_and_results() -> None:
    # r0 = r0 + 2 * r1 + 4 * r2 + r9
    body = "4900 4018 9200 8018 4844 7047".replace(" ", "")
    with bench() as b:
        b.core.reset(halt=True)
        parsed = FlashAlgorithm.parse(algorithm(ProgramPage=body))
        r = RingRunner(b.core, RAM, parsed)
        base = r.space.algorithm + parsed.static_base
        expected = 1 + 2 * 10 + 4 * 100 + base
        call = r.function("ProgramPage", 1, 10, 100, expected=expected)
        r.call([call, call])
        with pytest.raises(ProgramError, match=f"it returned {expected}"):
            r.call([r.function("ProgramPage", 1, 10, 100)])
        with pytest.raises(AlgorithmError, match="no function Verify"):
            r.function("Verify")


def to_the_end(r: Runner, *several: list[Command]) -> None:
    for commands in several:
        r.run(commands)
    r.finish()


WAYS = {
    "stream": RingRunner,
    "double": partial(CallRunner, overlap=True),
    "single": partial(CallRunner, overlap=False),
}


@pytest.mark.parametrize("way", WAYS)
def test_after_a_failure_nothing_is_called(way: str) -> None:
    # ProgramPage stores r1 at [r0] and returns r2.
    with bench() as b:
        b.core.reset(halt=True)
        parsed = FlashAlgorithm.parse(algorithm(ProgramPage="0160 1046 7047"))
        r = WAYS[way](b.core, (0x2000_0000, 0x1_0000), parsed)
        place = 0x2001_8000
        b.core.memory.write(place, bytes(16))

        def store(offset: int, result: int) -> Command:
            return r.function(
                "ProgramPage", place + offset, 1, result, address=0x0800_0000 + offset
            )

        with pytest.raises(
            ProgramError, match=r"ProgramPage at 0x0800_0004 .* returned 3"
        ) as caught:
            to_the_end(r, [store(0, 0), store(4, 3), store(8, 0)], [store(12, 0)])
        assert caught.value.address == 0x0800_0004
        b.core.halt()
        words = struct.unpack("<4I", b.core.memory.read(place, 16))
        assert words == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("way", "ram"), [("stream", 0x1800), ("stream", 0x1_0000), ("double", 0x800), ("single", 0x400)]
)
def test_more_commands_than_the_ram_holds(way: str, ram: int) -> None:
    # ProgramPage adds the sum of the two words at r2 to the word at r0 + r1
    body = "4018 0168 1368 5b18 5168 5918 0160 0020"
    with bench() as b:
        b.core.reset(halt=True)
        parsed = FlashAlgorithm.parse(
            algorithm(flash_device(page=256), ProgramPage=body, Verify="7047")
        )
        r = WAYS[way](b.core, (0x2000_0000, ram), parsed)
        assert r.rung.value == way
        b.core.memory.write_u32(0x2001_8000, 0)
        count = 300 if way == "stream" else 40
        lengths = [8 + 8 * (13 * i % 29) for i in range(count)]
        told: list[int] = []
        r.run(
            (
                Command(
                    r.entry("ProgramPage"),
                    (0x2001_7000, 0x1000),
                    "ProgramPage",
                    data=struct.pack("<II", i, length) + bytes(length - 8),
                    places=((2, 0),),
                    progress=i,
                )
                for i, length in enumerate(lengths)
            ),
            lambda command: told.append(command.progress),
        )
        r.finish(lambda command: told.append(command.progress))
        assert b.core.memory.read_u32(0x2001_8000) == sum(range(count)) + sum(lengths)
        assert told == list(range(count))
        r.finish()
        r.stop()


def test_a_record_of_pages_is_called_page_by_page() -> None:
    # ProgramPage counts its calls in the word at 0x2001_8000 and adds r1 to the next one.
    body = "044B 1868 0130 1860 5868 4018 5860 0020"
    with bench() as b:
        b.core.reset(halt=True)
        # r0 is lost on the way: the literal follows the function, which runs into the next one
        code = algorithm(flash_device(page=256), ProgramPage=body, Verify="7047 0000 0080 0120")
        r = RingRunner(b.core, (0x2000_0000, 0x1_0000), FlashAlgorithm.parse(code))
        b.core.memory.write(0x2001_8000, bytes(8))
        pages = Command(
            r.entry("ProgramPage"),
            (0x0800_0000, 1000, 0),
            "ProgramPage",
            data=bytes(1000),
            places=((2, 0),),
            pages=True,
            calls=4,
        )
        r.call([pages])
        assert struct.unpack("<2I", b.core.memory.read(0x2001_8000, 8)) == (4, 1000)


def test_what_does_not_fit_the_ring_is_refused() -> None:
    with bench() as b:
        b.core.reset(halt=True)
        r = RingRunner(b.core, RAM, FlashAlgorithm.parse(algorithm()))
        call = r.function("ProgramPage")
        with pytest.raises(ValueError, match="do not fit"):
            r.call([])
        with pytest.raises(ValueError, match="do not fit"):
            r.call([call] * 10_000)
        b.core.halt()
        r = RingRunner(b.core, RAM, FlashAlgorithm.parse(algorithm()))
        with pytest.raises(ValueError, match="a record of"):
            r.call([Command(r.entry("ProgramPage"), (), "x", data=bytes(r.space.room + 8))])


# -- the ring is not seen --------------------------------------------------------------------------


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


# -- algorithms that go wrong ----------------------------------------------------------------------

LOOP = "FEE7"
UNDEFINED = "00DE"
BREAKPOINT = "00BE 7047"
BUS_FAULT = "F020 0006 0068 7047"  # ldr r0, [0xF0000000]
SMASH = "0821 0902 6A46 521A 043A 1060 0020 7047"  # a word under 2 KiB of stack
RETURN_5 = "0520 7047"


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


SET_WEN = "0249 0120 0860 0020 7047 00BF 04E50140"  # NVMC.CONFIG = 1
COPY_WORDS = "1368 0360 0430 0432 0439 F9D1 0020 7047"
UNDEFINED_FROM_0X800 = "0305 01D4 0020 7047 00DE"


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


# -- the binary ------------------------------------------------------------------------------------


@pytest.mark.tools
def test_committed_binaries_are_what_the_sources_make(tmp_path: Path) -> None:
    require("arm-none-eabi-gcc")
    source = Path(driver.__file__).parent / "algorithms"
    subprocess.run(
        ["make", "-s", f"DIR={tmp_path}"], cwd=source, check=True, capture_output=True, text=True
    )
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {
        path.name: path.read_bytes() for path in source.iterdir() if path.suffix in (".FLM", ".bin")
    }
    assert sorted(built) == sorted(committed)
    for name, data in committed.items():
        assert built[name] == data, f"{name} is not what its source makes"


@pytest.mark.tools
def test_offsets_are_those_of_the_source(tmp_path: Path) -> None:
    gcc, nm = require("arm-none-eabi-gcc"), require("arm-none-eabi-nm")
    source = Path(driver.__file__).parent / "algorithms" / "driver.S"
    target = tmp_path / "driver.o"
    subprocess.run(
        [gcc, "-c", "-x", "assembler-with-cpp", source, "-o", target],
        check=True,
        capture_output=True,
    )
    listing = subprocess.run([nm, target], check=True, capture_output=True, text=True).stdout
    symbols = {line.split()[2]: int(line.split()[0], 16) for line in listing.splitlines()}
    assert symbols["driver_start"] == driver.ENTRY
    assert symbols["mailbox"] == driver.MAILBOX
    assert symbols["sum_blocks"] == driver.SUM_BLOCKS == driver.MAILBOX + 52
    assert symbols["crc_table"] == driver.CRC_TABLE
    assert symbols["crc_blocks"] == driver.CRC_BLOCKS
    assert symbols["unpack"] == symbols["crc_end"] == driver.UNPACK
    assert symbols["unpack_end"] == symbols["check_blank"] == driver.CHECK_BLANK
    assert symbols["check_blank_end"] == symbols["sum_blocks_7"] == driver.SUM_BLOCKS_7
    assert symbols["unpack_end"] - symbols["unpack"] <= 400
    assert symbols["sum_blocks_7_end"] - driver.SUM_BLOCKS_7 <= driver.CRC_TABLE - driver.SUM_BLOCKS


@pytest.mark.parametrize("name", ["lpc1768", "stm32f407", "nrf52840", "nrf51822"])
def test_our_own_algorithms_keep_no_variables(name: str) -> None:
    parsed = built_in(f"{name}.FLM")
    assert parsed.static_base == len(parsed.blob) - 4
    assert set(parsed.functions) == {"Init", "UnInit", "EraseChip", "EraseSector", "ProgramPage"}


def test_an_algorithm_that_is_not_built_in() -> None:
    with pytest.raises(AlgorithmError, match=r"no algorithm none\.FLM"):
        built_in("none.FLM")
