"""A thousand ways for a job to go wrong, each written down: nothing here is random.

A scenario is a chip behind a probe, a job, and one thing that goes wrong during it. Where it goes
wrong is spread over the whole job: packets are counted from connecting on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Literal

from onchip.target.chip import load_chip
from onchip.virtual_board.board import VirtualBoard
from onchip.virtual_board.target.flash_faults import FlashFault, FlashFaultKind

Job = Literal["flash", "alone", "erase", "verify", "large"]
Script = Callable[[VirtualBoard], None]

CHIPS = ("lpc1768", "stm32f407", "nrf52840", "nrf51822")
PROBES = ("bulk-512x4", "hid-64x4")
IMAGE_OFFSET, IMAGE_LENGTH = 0x320, 2200
"""Begins and ends within a sector, so that bytes beside it must be kept."""
LARGE_LENGTH = 0x4_0000
"""Of the job for every thousandth packet."""


@dataclass(frozen=True)
class Scenario:
    """One run. ``script`` plans what goes wrong on a board that is about to be connected to."""

    what: str
    chip: str
    probe: str
    job: Job
    script: Script

    def __str__(self) -> str:
        return f"{self.chip}/{self.probe} {self.job}: {self.what}"


def scenarios() -> list[Scenario]:
    """Return all of them, the slow ones last."""
    streamed = [*_boards(), *_packets(), *_wire()]
    every = [*_flash_cells(), *streamed, *_alone(streamed), *_large()]
    return sorted(every, key=lambda scenario: scenario.job == "large")


def _flash_cells() -> Iterator[Scenario]:
    """Every error of the flash itself: where the image begins, in it, at its end; once, always."""
    places = {"first": 0, "middle": IMAGE_LENGTH // 2 & ~3, "last": (IMAGE_LENGTH - 4) & ~3}
    jobs: tuple[Job, ...] = ("flash", "erase")
    for chip, job, kind, (name, at), count in product(
        CHIPS, jobs, FlashFaultKind, places.items(), (1, None)
    ):
        address = load_chip(chip).memory_map.flash[0].start + IMAGE_OFFSET + at
        often = "always" if count is None else "once"
        yield Scenario(
            f"{kind.value} at the {name} word, {often}",
            *(chip, "bulk-512x4", job),
            partial(_plan_flash_fault, kind=kind, address=address, count=count),
        )


def _plan_flash_fault(
    board: VirtualBoard, *, kind: FlashFaultKind, address: int, count: int | None
) -> None:
    # the old program has both values in every bit: this one sticks for the new one
    board.flash_faults.add(FlashFault(kind, address=address, count=count, bits=0xFFFF_FFFF))


def _boards() -> Iterator[Scenario]:
    """The cable, the button and the supply, before every few packets of a job."""
    kinds: dict[str, Callable[[VirtualBoard, int], None]] = {
        "unplug": lambda board, n: board.faults.unplug(after_packets=n),
        "reset": lambda board, n: board.faults.reset_target(after_packets=n),
        "brown-out": lambda board, n: board.faults.brown_out(after_packets=n),
        "long brown-out": lambda board, n: board.faults.brown_out(after_packets=n, duration_s=1.0),
        "power loss": lambda board, n: board.faults.power_loss(after_packets=n),
    }
    for chip, probe, (what, plan) in product(CHIPS, PROBES, kinds.items()):
        last, step = (43, 4) if probe == "bulk-512x4" else (110, 11)
        for packets in range(3, last, step):
            yield Scenario(
                f"{what} after {packets} packets",
                *(chip, probe, "flash"),
                lambda board, plan=plan, n=packets: plan(board, n),
            )
    for chip, (what, plan), packets in product(CHIPS, kinds.items(), range(10, 40, 7)):
        yield Scenario(
            f"{what} after {packets} packets",
            *(chip, "bulk-512x4", "verify"),
            lambda board, plan=plan, n=packets: plan(board, n),
        )


def _packets() -> Iterator[Scenario]:
    """Packets that are lost, late or repeated on their way."""
    kinds: dict[str, Callable[[VirtualBoard, int], None]] = {
        "lost request": lambda board, n: board.faults.lose_request(n),
        "lost response": lambda board, n: board.faults.lose_response(n),
        "late response": lambda board, n: board.faults.late_response(n, delay_s=10.0),
        "slow response": lambda board, n: board.faults.late_response(n, delay_s=0.3),
        "repeated response": lambda board, n: board.faults.repeat_response(n),
    }
    for chip, probe, (what, plan) in product(CHIPS, PROBES, kinds.items()):
        last, step = (42, 5) if probe == "bulk-512x4" else (110, 15)
        for nth in range(2, last, step):
            yield Scenario(
                f"{what} number {nth}",
                *(chip, probe, "flash"),
                lambda board, plan=plan, n=nth: plan(board, n),
            )


def _wire() -> Iterator[Scenario]:
    """Single SWD transfers, and storms of them."""
    kinds: dict[str, Callable[[VirtualBoard, int], None]] = {
        "FAULT": lambda board, n: board.faults.fault(after=n),
        "parity": lambda board, n: board.faults.parity(after=n),
        "parity of a write": lambda board, n: board.faults.parity(after=n, direction="write"),
        "no answer": lambda board, n: board.faults.no_ack(after=n),
        "no answer any more": lambda board, n: board.faults.no_ack(after=n, count=None),
        "WAIT for long": lambda board, n: board.faults.wait(after=n, count=500),
    }
    for chip, (what, plan), transfers in product(
        CHIPS, kinds.items(), (40, 90, 150, 300, 500, 700, 900, 1200)
    ):
        yield Scenario(
            f"{what} after {transfers} transfers",
            *(chip, "bulk-512x4", "flash"),
            lambda board, plan=plan, n=transfers: plan(board, n),
        )


def _alone(streamed: list[Scenario]) -> Iterator[Scenario]:
    """A part of the same for jobs of single calls, without a driver on the chip."""
    for scenario in streamed[::2]:
        if scenario.job == "flash" and scenario.chip in ("stm32f407", "nrf51822"):
            yield replace(scenario, job="alone")


def _large() -> Iterator[Scenario]:
    """A brown-out at every thousandth packet of a job of thousands."""
    for chip, thousands in product(("stm32f407", "nrf52840"), range(1, 6)):
        packets = 1000 * thousands
        yield Scenario(
            f"brown-out after {packets} packets",
            *(chip, "hid-64x4", "large"),
            lambda board, n=packets: board.faults.brown_out(after_packets=n),
        )
