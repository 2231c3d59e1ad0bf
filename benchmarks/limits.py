"""How fast a job can be at best, on a probe model and a chip: the wire, or the flash itself."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from importlib.resources import files

from onchip.virtual_board.probe.model import ProbeModel, load_probe_model

SWCLK_PER_TRANSFER = 46
"""Request, acknowledge, 32 bits of data, parity, turnarounds (ADIv5.2 B4.3)."""
_READ_HEADER, _WRITE_HEADER = 4, 5
"""Bytes of DAP_TransferBlock beside its data: response of a read, request of a write."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A probe model at a clock."""

    model: ProbeModel
    frequency_hz: int

    @classmethod
    def of(cls, probe: str, frequency_hz: int) -> Wire:
        """Take a model by name."""
        return cls(load_probe_model(probe), frequency_hz)

    def block(self, length: int, *, read: bool) -> float:
        """Return the seconds that ``length`` bytes to or from memory take at the very least.

        Either the clock of SWD is the limit, with the firmware's own time for each packet, or the
        USB endpoint; the way there and back comes once.
        """
        header = _READ_HEADER if read else _WRITE_HEADER
        payload = (self.model.packet_size - header) // 4 * 4
        packets = math.ceil(length / payload)
        swd = length / 4 * SWCLK_PER_TRANSFER / self.frequency_hz
        firmware = packets * self.model.processing_ns / 1e9
        endpoint = packets * max(self.model.interval_ns, self.model.transfer_ns) / 1e9
        return max(swd + firmware, endpoint) + self.round_trip

    @property
    def round_trip(self) -> float:
        """Seconds of one packet and its answer, without what it does."""
        model = self.model
        ways = 2 * (model.transfer_ns + model.latency_ns) + model.interval_ns
        return (ways + model.processing_ns) / 1e9


@dataclass(frozen=True, slots=True)
class Physics:
    """The flash of a virtual chip: what its controller model takes (data sheet, typical)."""

    word_s: float
    erase_s: dict[int, float]
    sectors: tuple[int, ...]

    @classmethod
    def of(cls, chip: str) -> Physics:
        """Read the chip's data."""
        path = files("onchip.virtual_board.target") / "chips" / f"{chip}.toml"
        data = tomllib.loads(path.read_text("utf-8"))["flash"]
        if "program_ns" in data:  # STM32F4, programmed in words: PSIZE is x32
            erase = {int(size): times[2] / 1e9 for size, times in data["erase_ns"].items()}
            return cls(data["program_ns"][2] / 1e9, erase, tuple(data["sector_sizes"]))
        page = 4096
        return cls(data["write_ns"] / 1e9, {page: data["erase_page_ns"] / 1e9}, (page,) * 256)

    def program(self, length: int) -> float:
        """Return the seconds that programming ``length`` bytes takes."""
        return length / 4 * self.word_s

    def erase(self, offset: int, length: int) -> tuple[float, int]:
        """Return the seconds that erasing takes, and how many bytes the sectors hold."""
        seconds, erased, start = 0.0, 0, 0
        for size in self.sectors:
            if start < offset + length and start + size > offset:
                seconds += self.erase_s[size]
                erased += size
            start += size
        return seconds, erased
