import struct
import zlib
from functools import partial

import pytest

from onchip.errors import AlgorithmError, ProgramError
from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.comparing.blocks import block_crcs, block_sums
from onchip.flash.running.block_run import BlockRun
from onchip.flash.running.call_runner import CallRunner
from onchip.flash.running.command import Command
from onchip.flash.running.ring_runner import RingRunner
from onchip.flash.running.runner import Runner
from onchip.flash.running.sums import sums
from tests.support.elf_builder import flash_device

from ..bench import RAM, algorithm, bench, pattern

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
