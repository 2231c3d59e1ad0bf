"""What is packed comes out again, from whatever the window held before."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onchip.errors import ProgramError
from onchip.flash.algorithm import FlashAlgorithm
from onchip.flash.engine import FlashEngine
from onchip.flash.running import driver
from onchip.flash.running.command import Command
from onchip.flash.running.packing import Packer, Window
from onchip.flash.running.ring_runner import RingRunner
from onchip.virtual_board.target.flash_faults import FlashFault, FlashFaultKind
from tests.support.elf_builder import flash_device

from ..bench import Bench, algorithm, bench


def unpacked(packed: bytes, window: bytearray, at: int) -> None:
    """Unpack as the format says, byte by byte, into a window that goes round."""

    def more(length: int) -> int:
        nonlocal i
        while length >= 15:
            length += packed[i]
            i += 1
            if packed[i - 1] != 255:
                break
        return length

    i = 0
    while True:
        token = packed[i]
        i += 1
        literals = more(token >> 4)
        window[at : at + literals] = packed[i : i + literals]
        i, at = i + literals, at + literals
        if i == len(packed):
            return
        distance = int.from_bytes(packed[i : i + 2], "little")
        i += 2
        for _ in range(more(token & 15) + 4):
            window[at] = window[(at - distance) % len(window)]
            at += 1


def firmware_like(length: int, seed: int) -> bytes:
    """Halfwords of which some are frequent, sequences that come again, tables of zeros."""
    rng = random.Random(seed)
    words = [rng.randbytes(2) for _ in range(60)]
    data = bytearray()
    while len(data) < length:
        kind = rng.random()
        if kind < 0.1 and len(data) > 64:
            start = rng.randrange(len(data) - 32)
            data += data[start : start + rng.randrange(8, 200)]
        elif kind < 0.13:
            data += bytes(rng.randrange(4, 600))
        else:
            data += b"".join(rng.choices(words, k=6)) + rng.randbytes(2)
    return bytes(data[:length])


chunk = st.one_of(
    st.binary(min_size=1, max_size=200),
    st.builds(lambda b, n: b * n, st.binary(min_size=1, max_size=9), st.integers(1, 90)),
    st.builds(firmware_like, st.integers(1, 512), st.integers(0, 3)),
)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(chunk, st.booleans()), min_size=1, max_size=12))
def test_what_is_packed_comes_out_again(chunks) -> None:
    window, target = Window(1024), bytearray(b"\xa5" * 1024)
    for data, used in chunks:
        data = data[:1024]
        at, packed = window.pack(data)
        if not used:
            window.forget()
            continue
        unpacked(packed, target, at)
        assert target[at : at + len(data)] == data
        window.keep(len(data))


def test_what_repeats_gets_shorter_and_noise_hardly_longer() -> None:
    window = Window(0x2000)
    sizes = []
    for i in range(8):
        _, packed = window.pack(firmware_like(0x1000, 1)[(512 * i) % 0x800 :][:0x800])
        window.keep(0x800)
        sizes.append(len(packed))
    assert sizes[0] < 0x600
    assert max(sizes[4:]) < 0x100
    noise = random.Random(2).randbytes(0x1000)
    assert len(window.pack(noise)[1]) < 0x1020


@pytest.mark.parametrize("chip", ["nrf51822", "stm32f407"])
def test_the_target_unpacks_the_same(chip: str) -> None:
    with bench(chip) as b:
        b.core.reset(halt=True)
        r = RingRunner(b.core, (0x2000_0000, 0x2000))
        size = 0x800
        start, window, content = 0x2000_2000, Window(size), bytearray(size)
        b.core.memory.write(start, bytes(size))
        for i in range(7):
            data = firmware_like(0x1800, 5)[300 * i :][: 0x200 + 0x40 * (i % 3)]
            at, packed = window.pack(data)
            window.keep(len(data))
            content[at : at + len(data)] = data
            ends = start.to_bytes(4, "little") + (start + size).to_bytes(4, "little")
            call = Command(
                r.part(driver.UNPACK),
                (start + at,),
                "unpacking",
                data=ends + packed,
                places=((1, 8), (2, 8 + len(packed)), (3, 0)),
            )
            r.call([call])
        assert b.core.memory.read(start, size) == content


# -- when it pays ----------------------------------------------------------------------------------


def seconds(b: Bench, data: bytes, **functions: str) -> float:
    """Send pages to an algorithm that does nothing with them, or what it is told to do."""
    b.core.reset(halt=True)
    device = flash_device(page=1024, length=0x10_0000)
    parsed = FlashAlgorithm.parse(algorithm(device, **functions))
    r = RingRunner(b.core, (0x2000_0000, 0x1_0000), parsed)
    packer = Packer(r)

    def commands() -> Iterator[Command]:
        for at in range(0, len(data), r.space.chunk):
            piece = data[at : at + r.space.chunk]
            entry, arguments = r.entry("ProgramPage"), (b.flash + at, len(piece), 0)
            yield from packer.commands(
                Command(
                    entry,
                    arguments,
                    "ProgramPage",
                    b.flash + at,
                    data=piece,
                    places=((2, 0),),
                    pages=True,
                )
            )

    began = b.link.now()
    r.run(commands())
    r.finish()
    r.stop()
    return b.link.now() - began


def test_a_chip_with_little_ram_has_a_window_too() -> None:
    with bench("nrf51822", "hid-64x4") as b:
        plain, packed = [], []
        for data, times in ((random.Random(4).randbytes(0x1000), plain), (bytes(0x1000), packed)):
            began = b.link.now()
            b.engine().program(b.image(data))
            assert b.contents(0x1000) == data
            times.append(b.link.now() - began)
        # the second has to erase first: 0.09 s
        assert packed[0] - 4 * 0.0223 < 0.8 * plain[0]


@pytest.mark.parametrize("probe", ["hid-64x4", "hid-64x1"])
def test_pages_travel_packed_where_the_wire_is_slow(probe: str) -> None:
    """Budget: 0.65 of what noise takes, which nothing shortens, and that is close to the wire."""
    with bench("stm32f407", probe) as b:
        noise = random.Random(4).randbytes(0x8000)
        plain = seconds(b, noise)
        assert seconds(b, firmware_like(0x8000, 4)) <= 0.65 * plain
        began = b.link.now()
        b.core.memory.write(0x2001_0000, noise)
        assert plain <= 1.08 * (b.link.now() - began)


def test_where_the_flash_is_slow_nothing_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Window, "pack", None)
    slow = "8021 4902 0139 FDD1 0020 7047"  # r1 = 128 << 9; until 0, r1 -= 1
    with bench("stm32f407") as b:
        seconds(b, firmware_like(0x4000, 4), ProgramPage=slow)
    with bench("stm32f407", "hid-64x4") as b, pytest.raises(TypeError):
        seconds(b, firmware_like(0x4000, 4), ProgramPage=slow)


def test_without_a_stream_nothing_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Window, "pack", None)
    with bench("nrf51822", "hid-64x4") as b:
        data = firmware_like(0x800, 4)
        FlashEngine(b.core, b.chip, stream=False).program(b.image(data))
        assert b.contents(len(data)) == data


def test_a_page_that_fails_is_named_though_it_was_packed() -> None:
    with bench("nrf51822", "hid-64x4") as b:
        data = firmware_like(0x1400, 4)
        b.engine().program(b.image(data))
        assert b.contents(len(data)) == data
        b.board.flash_faults.add(FlashFault(FlashFaultKind.STUCK_BIT, b.flash + 0x1004, bits=0xFF))
        with pytest.raises(ProgramError, match="ProgramPage at 0x0000_1000 failed") as caught:
            b.engine().program(b.image(data[::-1]))
        assert caught.value.address == 0x1000
