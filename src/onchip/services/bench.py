"""Measures one probe and its chip, and says what would be the least time for each thing.

The limit has two parts, and the larger counts: the SWD clock (46 cycles for each word), and the
probe's own pace, measured with packets that do nothing. The chip's RAM and registers are put back.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onchip.errors import UsageError
from onchip.wire.cmsis_dap import Info, InfoId

if TYPE_CHECKING:
    from onchip.session import Session

SWCLK_PER_TRANSFER = 46
"""Request, acknowledge, 32 bits of data, parity, turnarounds (ADIv5.2 B4.3)."""
_READ_HEADER, _WRITE_HEADER = 4, 5
"""Bytes of DAP_TransferBlock that are no data: in a read's response, in a write's request."""
_PROBING = 64
"""Packets that measure the probe's pace."""
_REPEATS = 20
_CHANGED = 200
"""Bytes of a function that was edited."""
_ANSWER_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing, in seconds of the link's clock; ``limit_s`` is 0 where none is known."""

    name: str
    seconds: float
    limit_s: float = 0.0

    @property
    def ratio(self) -> float:
        """How many times the limit it took."""
        return self.seconds / self.limit_s if self.limit_s else 0.0


def measure(session: Session, frequency_hz: int, length: int = 0x1_0000) -> Iterator[Measurement]:
    """Measure round trip, pace, registers, words and ``length`` bytes of RAM, one after the other.

    The core is halted meanwhile, its registers and RAM are put back.

    Raises:
        UsageError: no RAM is known that could be used.
        TransferError, ProbeError: the way to the target broke.
    """
    core, link = session.core, session.link
    memory = core.memory
    rams = session.memory_map.ram
    ram = max(rams, key=lambda region: region.length, default=None)
    if ram is None:
        raise UsageError("no RAM of this chip is known", hint="name the chip with --target")
    length = min(length, ram.length)

    def timed(what: Callable[[], object], times: int = 1) -> float:
        began = link.now()
        for _ in range(times):
            what()
        return (link.now() - began) / times

    trip = timed(lambda: session.client.command(Info(InfoId.CAPABILITIES)), _REPEATS)
    pace = max(0.0, timed(lambda: _stream(session)) - trip) / (_PROBING - 1)
    yield Measurement("round trip", trip)
    yield Measurement("a packet among many in flight", pace)
    core.halt()
    registers = core.read_registers()
    yield Measurement("all registers", timed(lambda: _all_registers(session), _REPEATS))
    yield Measurement("a word read", timed(lambda: memory.read_u32(ram.start), _REPEATS), trip)
    saved = memory.read(ram.start, length)
    size = session.probe_info.packet_size
    for name, header, what in (
        ("read", _READ_HEADER, lambda: memory.read(ram.start, length)),
        ("written", _WRITE_HEADER, lambda: memory.write(ram.start, saved)),
    ):
        packets = math.ceil(length / ((size - header) // 4 * 4))
        limit = max(length / 4 * SWCLK_PER_TRANSFER / frequency_hz, packets * pace)
        yield Measurement(f"{length >> 10} KiB of RAM {name}", timed(what), limit)
    core.write_registers(registers)


def measure_flash(session: Session, length: int = 0x1_0000) -> Iterator[Measurement]:
    """Measure programming of the first ``length`` bytes of flash; what it holds is lost.

    The sectors are blank afterwards. No limit is given: how fast a chip's flash is shows here.

    Raises:
        UsageError: the chip is not known, so neither is its flash.
        FlashError: not everything was programmed and verified.
        TransferError, ProbeError: the way to the target broke.
    """
    link, flash = session.link, session.memory_map.flash
    if not flash or session.chip is None:
        raise UsageError("no flash of this chip is known", hint="name the chip with --target")
    start, length = flash[0].start, min(length, flash[0].length)
    noise = random.Random(length).randbytes(length)
    middle = length // 2
    changed = noise[:middle] + bytes(_CHANGED) + noise[middle + _CHANGED :]
    kib = f"{length >> 10} KiB of flash"

    def timed(name: str, what: Callable[[], object]) -> Measurement:
        began = link.now()
        what()
        return Measurement(f"{kib}, {name}", link.now() - began)

    session.erase(start, length, reset=False)
    yield timed("blank", lambda: session.flash(noise, base=start, reset=False))
    yield timed("unchanged", lambda: session.flash(noise, base=start, reset=False))
    yield timed("verified", lambda: session.verify(noise, base=start))
    yield timed(
        f"{_CHANGED} bytes changed", lambda: session.flash(changed, base=start, reset=False)
    )
    yield timed("erased", lambda: session.erase(start, length, reset=False))


def _all_registers(session: Session) -> None:
    batch = session.core.batch()
    session.core.queue_read_registers(batch)
    batch.run()


def _stream(session: Session) -> None:
    """Send packets that ask for next to nothing, as many ahead as the probe can hold."""
    link, depth = session.link, session.probe_info.packet_count
    packet = Info(InfoId.CAPABILITIES).encode()
    with session.lock:
        in_flight = 0
        for _ in range(_PROBING):
            if in_flight == depth:
                link.read(_ANSWER_TIMEOUT_S)
                in_flight -= 1
            link.write(packet)
            in_flight += 1
        for _ in range(in_flight):
            link.read(_ANSWER_TIMEOUT_S)
