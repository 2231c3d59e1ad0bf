import struct
import subprocess
import zlib
from itertools import pairwise
from pathlib import Path

import pytest

from onchip.errors import AlgorithmError, EraseError, PlanError, ProgramError, VerifyError
from onchip.flash import runner
from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.regions import built_in
from onchip.flash.runner import Command, CrcRun, Runner, Workspace, runner_code
from onchip.flash.sums import sums
from tests.support.elf_builder import FUNCTION_OFFSETS, flash_device, flm
from tests.support.tools import require

from .bench import bench, pattern

RETURN_0 = bytes.fromhex("0020 7047")
RAM = (0x2000_0000, 0x2_0000)


def algorithm(device: bytes | None = None, **functions: str) -> bytes:
    """An FLM whose functions are Thumb code in hex, 16 bytes each; the others return 0."""
    code = bytearray((RETURN_0 + bytes(12)) * 8)
    for name, text in functions.items():
        body = bytes.fromhex(text)
        assert len(body) <= 16
        code[FUNCTION_OFFSETS[name] : FUNCTION_OFFSETS[name] + len(body)] = body
    return flm(device, code=bytes(code))


# -- layout ----------------------------------------------------------------------------------------


def test_nothing_overlaps_in_the_workspace() -> None:
    for length in (0x1800, 0x4000, 0x2_0000):
        for page in (4, 64, 256, 1024):
            parsed = FlashAlgorithm.parse(flm(flash_device(page=page)))
            space = Workspace.lay_out(0x2000_0001, length, parsed)
            slot = runner.LIST_LENGTH * runner.COMMAND_LENGTH + space.room
            pieces = [
                (space.algorithm, len(parsed.blob)),
                (space.start, len(runner_code())),
                (space.crc_table, runner.CRC_TABLE_LENGTH),
                (space.guard, space.stack_top - space.guard),
                *((start, slot) for start in space.slots),
            ]
            pieces.sort()
            for (start, size), (following, _) in pairwise(pieces):
                assert start + size <= following
            assert pieces[0][0] >= 0x2000_0001
            assert sum(pieces[-1]) <= 0x2000_0001 + length
            assert space.stack_top % 8 == 0
            assert space.chunk % page == 0


def test_little_ram_gets_one_slot_and_too_little_is_refused() -> None:
    parsed = FlashAlgorithm.parse(flm(flash_device(page=1024)))
    assert len(Workspace.lay_out(0x2000_0000, 0x1000, parsed).slots) == 1
    with pytest.raises(AlgorithmError, match=r"needs .* bytes of RAM, 2048 may be used"):
        Workspace.lay_out(0x2000_0000, 0x800, parsed)


def test_code_linked_into_the_ram_stays_there() -> None:
    parsed = FlashAlgorithm.parse(flm(code_address=0x2000_0200))
    space = Workspace.lay_out(*RAM, parsed)
    assert space.algorithm == 0x2000_0200
    assert space.start >= 0x2000_0200 + len(parsed.blob)


def test_a_page_larger_than_the_ram_is_refused_before_anything(tmp_path: Path) -> None:
    path = tmp_path / "big.FLM"
    path.write_bytes(algorithm(flash_device(page=0x4_0000, length=0x10_0000)))
    with bench() as b:
        with pytest.raises(AlgorithmError, match="bytes of RAM"):
            b.engine(path).program(b.image(b"1234"))
        assert not b.core.halted


# -- running ---------------------------------------------------------------------------------------


def test_crcs_are_those_of_zlib() -> None:
    with bench() as b:
        b.core.reset(halt=True)
        data = pattern(3000)
        b.core.memory.write(0x2001_0000, data)
        r = Runner(b.core, RAM)
        runs = [CrcRun(0x2001_0000, 1000, 3), CrcRun(0x2001_0001, 7, 2), CrcRun(0x2001_0003, 0, 1)]
        assert r.crc(runs, 1.0) == [
            *(zlib.crc32(data[i : i + 1000]) for i in (0, 1000, 2000)),
            zlib.crc32(data[1:8]),
            zlib.crc32(data[8:15]),
            0,
        ]
        assert r.crc([CrcRun(0x2001_0002, 4, 1)], 1.0) == [zlib.crc32(data[2:6])]


def test_sums_are_those_of_the_host() -> None:
    with bench() as b:
        b.core.reset(halt=True)
        data = pattern(3000) + bytes(72) + b"\xff" * 1024
        data = data[:2000] + bytes([255] * 64) + data[2064:]
        base = 0x2001_0000
        b.core.memory.write(base, data)
        r = Runner(b.core, RAM)
        runs = [
            *(CrcRun(base, 1000, 3), CrcRun(base + 1, 7, 2), CrcRun(base + 3, 0, 1)),
            *(CrcRun(base, 128, 32), CrcRun(base + 2, 130, 1), CrcRun(base + 2002, 61, 1)),
            *(CrcRun(base + 3072, 1024, 1), CrcRun(base + 3071, 1025, 1)),
        ]
        wanted = [
            sums(data[at - base :][: run.block], at)
            for run in runs
            for at in [run.address + run.block * index for index in range(run.count)]
        ]
        assert r.sums(runs, 1.0, 0xFF) == wanted
        assert r.sums(runs, 1.0, 0x00) == wanted  # nobody looks for blanks


def test_arguments_static_base_and_results() -> None:
    # r0 = r0 + 2 * r1 + 4 * r2 + r9
    body = "4900 4018 9200 8018 4844 7047".replace(" ", "")
    with bench() as b:
        b.core.reset(halt=True)
        parsed = FlashAlgorithm.parse(algorithm(ProgramPage=body))
        r = Runner(b.core, RAM, parsed)
        base = r.space.algorithm + parsed.static_base
        expected = 1 + 2 * 10 + 4 * 100 + base
        call = r.function("ProgramPage", 1, 10, 100, expected=expected)
        r.call([call, call], 1.0)
        with pytest.raises(ProgramError, match=f"it returned {expected}"):
            r.call([r.function("ProgramPage", 1, 10, 100)], 1.0)
        with pytest.raises(AlgorithmError, match="no function Verify"):
            r.function("Verify")


def test_a_failed_list_stops_and_nothing_runs_after_it() -> None:
    # ProgramPage stores r1 at [r0] and returns r2.
    with bench() as b:
        b.core.reset(halt=True)
        parsed = FlashAlgorithm.parse(algorithm(ProgramPage="0160 1046 7047"))
        r = Runner(b.core, RAM, parsed)
        place = 0x2001_8000
        b.core.memory.write(place, bytes(16))

        def store(offset: int, result: int) -> Command:
            return r.function(
                "ProgramPage", place + offset, 1, result, address=0x0800_0000 + offset
            )

        r.push([store(0, 0), store(4, 3), store(8, 0)], 1.0)
        with pytest.raises(
            ProgramError, match=r"ProgramPage at 0x0800_0004 .* returned 3"
        ) as caught:
            r.push([store(12, 0)], 1.0)
        assert caught.value.address == 0x0800_0004
        b.core.halt()
        words = struct.unpack("<4I", b.core.memory.read(place, 16))
        assert words == (1, 1, 0, 0)


def test_lists_alternate_between_the_slots() -> None:
    # r0 += 1 at [r0]
    with bench() as b:
        b.core.reset(halt=True)
        parsed = FlashAlgorithm.parse(algorithm(ProgramPage="0168 0131 0160 0020 7047"))
        r = Runner(b.core, RAM, parsed)
        b.core.memory.write_u32(0x2001_8000, 0)
        for _ in range(5):
            r.push([r.function("ProgramPage", 0x2001_8000)] * 3, 1.0)
        r.finish()
        r.finish()
        assert b.core.memory.read_u32(0x2001_8000) == 15


def test_list_and_data_have_their_limits() -> None:
    with bench() as b:
        r = Runner(b.core, RAM, FlashAlgorithm.parse(algorithm()))
        call = r.function("ProgramPage")
        for commands, data in [
            ([], b""),
            ([call] * runner.LIST_LENGTH, b""),
            ([call], bytes(r.space.room + 1)),
        ]:
            with pytest.raises(ValueError, match="a list of"):
                r.call(commands, 1.0, data=data)


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
        ({"UnInit": RETURN_5}, AlgorithmError, "UnInit failed"),
        ({"ProgramPage": RETURN_5}, ProgramError, "ProgramPage at 0x0800_0000 failed"),
        ({"ProgramPage": LOOP}, AlgorithmError, "ProgramPage at 0x0800_0000 did not return"),
        ({"ProgramPage": UNDEFINED}, AlgorithmError, "ProgramPage at 0x0800_0000 faulted"),
        (
            {"ProgramPage": BUS_FAULT},
            AlgorithmError,
            "0x0800_0000 faulted: BusFault: .* 0xf0000000.*; pc 0x2000_0044",
        ),
        ({"ProgramPage": BREAKPOINT}, AlgorithmError, "0x0800_0000 halted, as by a BKPT"),
        ({"ProgramPage": SMASH}, AlgorithmError, "more stack than there is"),
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
        b.engine().program(b.image(pattern(3000)))
        assert b.contents(3000) == pattern(3000)


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
        b.engine().program(b.image(pattern(64), 0x1000))
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
        b.engine(path).program(b.image(pattern(9001)))
        assert b.contents(9001) == pattern(9001)


def test_a_crash_is_told_of_the_page_that_crashed(tmp_path: Path) -> None:
    """Two more lists are on their way when it is noticed, one of them in the crashed one's slot."""
    path = tmp_path / "bad.FLM"
    path.write_bytes(algorithm(flash_device(page=256), ProgramPage=UNDEFINED_FROM_0X800))
    with bench() as b:
        with pytest.raises(AlgorithmError, match="ProgramPage at 0x0800_0800 faulted: UsageFault"):
            b.engine(path).program(b.image(pattern(20_000)))
        path.write_bytes(algorithm(flash_device(page=256), ProgramPage=BREAKPOINT))
        with pytest.raises(AlgorithmError, match="0x0800_0000 halted, as by a BKPT"):
            b.engine(path).program(b.image(pattern(20_000)))


def test_functions_that_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "bare.FLM"
    path.write_bytes(flm(functions=("ProgramPage",), code=(RETURN_0 + bytes(12)) * 8))
    with bench() as b:
        b.engine().program(b.image(pattern(64), 0x1000))
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
    source = Path(runner.__file__).parent / "algorithms"
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
    source = Path(runner.__file__).parent / "algorithms" / "runner.S"
    target = tmp_path / "runner.o"
    subprocess.run(
        [gcc, "-c", "-x", "assembler-with-cpp", source, "-o", target],
        check=True,
        capture_output=True,
    )
    listing = subprocess.run([nm, target], check=True, capture_output=True, text=True).stdout
    symbols = {line.split()[2]: int(line.split()[0], 16) for line in listing.splitlines()}
    assert symbols["runner_start"] == runner.ENTRY
    assert symbols["crc_table"] == runner.CRC_TABLE
    assert symbols["crc_blocks"] == runner.CRC_BLOCKS
    assert symbols["sum_blocks"] == runner.SUM_BLOCKS
    assert symbols["mailbox"] == runner.MAILBOX
    assert len(runner_code()) == runner.MAILBOX + 32


@pytest.mark.parametrize("name", ["lpc1768", "stm32f407", "nrf52840", "nrf51822"])
def test_our_own_algorithms_keep_no_variables(name: str) -> None:
    parsed = built_in(f"{name}.FLM")
    assert parsed.static_base == len(parsed.blob) - 4
    assert set(parsed.functions) == {"Init", "UnInit", "EraseChip", "EraseSector", "ProgramPage"}


def test_an_algorithm_that_is_not_built_in() -> None:
    with pytest.raises(AlgorithmError, match=r"no algorithm none\.FLM"):
        built_in("none.FLM")
