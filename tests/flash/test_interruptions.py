"""Whatever interrupts a job: it is told, and the next job succeeds."""

import contextlib
from collections.abc import Callable

import pytest

from onchip.errors import OnchipError, ProbeLost
from onchip.flash.images.image import Image
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.probe.model import known_probe_models

from .bench import Bench, bench, connected, pattern


@pytest.mark.parametrize("model", known_probe_models())
def test_every_probe_model_carries_a_job(model: str) -> None:
    with bench("nrf51822", model) as b:
        b.put(pattern(0x400))
        b.engine().program(b.image(pattern(2500, 3), 0x200))
        assert b.contents(2500, 0x200) == pattern(2500, 3)
        assert b.contents(0x200) == pattern(0x200)


def test_many_small_pieces() -> None:
    pieces = [(0x300 + 600 * i, bytes([i]) * (i + 1)) for i in range(50)]
    with bench("lpc1768") as b:
        before = bytearray(pattern(0x8000))
        b.put(bytes(before))
        b.engine().program(Image.from_segments(pieces))
        for address, data in pieces:
            before[address : address + len(data)] = data
        assert b.contents(0x8000) == before


Fault = Callable[[VirtualBoard, int], None]
FAULTS: dict[str, Fault] = {
    "reset": lambda board, packets: board.faults.reset_target(after_packets=packets),
    "brown-out": lambda board, packets: board.faults.brown_out(after_packets=packets),
    "power loss": lambda board, packets: board.faults.power_loss(after_packets=packets),
    "lost response": lambda board, packets: board.faults.lose_response(packets),
    "lost request": lambda board, packets: board.faults.lose_request(packets),
    "fault": lambda board, packets: board.faults.fault(after=10 * packets),
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("packets", [3, 9, 14, 21])
def test_a_job_that_is_cut_is_an_error_or_right(kind: str, packets: int) -> None:
    """Some cuts fall where nothing depends on them; what counts is that good means good."""
    with bench("lpc1768") as b:
        b.put(pattern(6000))
        FAULTS[kind](b.board, packets)
        new = pattern(6000, 11)
        with contextlib.suppress(OnchipError):
            b.engine().program(b.image(new))
            assert b.contents(5900, 0x20) == new[0x20:5932]
        b.board.faults.clear()
        b.board.advance(0.02)  # the brown-out is over
        if kind == "power loss":
            b.board.power_on()
        _next_job_succeeds(b)


def test_an_unplugged_probe() -> None:
    with bench("lpc1768") as b:
        b.board.faults.unplug(after_packets=12)
        with pytest.raises(ProbeLost):
            b.engine().program(b.image(pattern(6000)))
        b.board.faults.clear()
        b.board.plug_in()
        _next_job_succeeds(b)


def _next_job_succeeds(b: Bench) -> None:
    b.link.close()
    again = connected(b.board)
    data = pattern(6000, 13)
    again.engine().program(again.image(data))
    assert b.contents(5900, 0x20) == data[0x20:5932]
