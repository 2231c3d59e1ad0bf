"""Random and mutated packets by the million, in slices, against the whole conversation.

    python -m tests.services.gdb.fuzz --packets 1000000

A slice is a client's life: it connects, sends a thousand packets, some as a client would, some
bent, some noise, their framing broken too, and vanishes. Then nothing of it may be left: no
breakpoint, no watchpoint, no vector catch; and the next client must be answered. Every twentieth
slice is against a virtual board instead of a fake core. A seed says all of a slice.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import onchip
from onchip.services.gdb.connection import Connection
from onchip.services.gdb.options import GdbOptions
from onchip.services.gdb.target import Target
from onchip.wire.gdb_rsp.framing import encode_packet

from .fake_core import LOOP, RAM
from .fakes import FakeSession
from .hostile import bend, packets

BOARD_RAM = 0x2000_0000
BOARD_LOOP = bytes.fromhex("0130 0030 0a60 0b68 fae7")  # adds r0,#1; adds r0,#0; str, ldr [r1]; b
PACKETS_PER_SLICE = 1000
SLICES_PER_BOARD = 20
MOST_BUGS = 10
LONGEST_SLICE_S = 120.0
"""A slice that takes longer hangs, whatever else the machine does."""

_MORE = (
    *("QNonStop:1", "QNonStop:0", "vStopped", "k", "R00", "vKill;1", "QStartNoAckMode"),
    *("vFlashErase:8000000,4000", "vFlashWrite:8000000:abcd", "vFlashDone", "qHostInfo"),
    *("Z0,{code},2;X3,220127", "Z0,{code},2;X2,2227;cmds:0,X2,2227", "QThreadSuffixSupported"),
    *("qMemoryRegionInfo:{ram}", "vFile:close:1", "F0", "F-1,4", "F-1,4,C", "vCont;t:-1"),
    "qSupported:multiprocess+;swbreak+;hwbreak+;error-message+;no-resumed+",
)


@dataclass
class Tally:
    """What was done."""

    packets: int = 0
    answers: int = 0
    clients: int = 0
    bugs: list[str] = field(default_factory=list)


class Fuzz:
    """Slices against one session."""

    def __init__(self, session, armed, *, ram: int, code: int) -> None:
        self._session = session
        self._armed = armed
        self._places = {"ram": ram, "code": code, "gap": 0xC000_0000}

    def run(self, seed: int, count: int, tally: Tally) -> None:
        """Run one slice; what went wrong is told in ``tally.bugs``."""
        dice = random.Random(seed)
        target = Target(self._session, GdbOptions(semihosting=dice.random() < 0.5))
        connection = self._connect(target, tally)
        for payload in self._payloads(dice, seed, count):
            stream = bytearray(encode_packet(payload))
            if dice.random() < 0.2:
                bend(dice, stream)
            if dice.random() < 0.05:
                stream += b"\x03"
            try:
                self._feed(connection, bytes(stream))
                self._pass_time(target, connection, dice)
            except Exception as bug:
                tally.bugs.append(f"seed {seed}, {bytes(stream)!r}: {bug!r}")
                return
            tally.packets += 1
            tally.answers += b"$" in bytes(connection.outgoing)
            connection.outgoing.clear()
            if connection.closing or dice.random() < 0.002:
                self._part(seed, target, connection, tally)
                connection = self._connect(target, tally)
        self._part(seed, target, connection, tally)
        self._check_the_next(seed, target, tally)

    def _payloads(self, dice: random.Random, seed: int, count: int):
        for payload in packets(seed, count, **self._places):
            if dice.random() < 0.15:
                start = self._places["code"] + 2 * dice.randrange(8)
                text = dice.choice(_MORE).format(code=f"{start:x}", ram=f"{self._places['ram']:x}")
                payload = bytearray(text.encode())
                if dice.random() < 0.5:
                    bend(dice, payload)
            yield bytes(payload)

    def _connect(self, target: Target, tally: Tally) -> Connection:
        tally.clients += 1
        return Connection(target, lambda text: None)

    @staticmethod
    def _feed(connection: Connection, data: bytes) -> None:
        connection.feed(data)
        while connection.has_waiting:
            connection.serve()

    def _pass_time(self, target: Target, connection: Connection, dice: random.Random) -> None:
        """Let what runs run; mostly it is interrupted then, so that the rest is served too."""
        for _ in range(3):
            if not target.run.running:
                return
            target.poll()
            self._session.link.sleep(0.0002)
        if dice.random() < 0.7:
            self._feed(connection, b"\x03")
            target.poll()

    def _part(self, seed: int, target: Target, connection: Connection, tally: Tally) -> None:
        """The client vanishes, and nothing of it may stay, unless it wanted its trace to go on."""
        error = connection.lost()
        if target.keeps_a_trace:
            target.end()
        armed = self._armed(self._session.core)
        if error is not None or armed:
            tally.bugs.append(f"seed {seed}: left behind: {armed}, {error}")

    def _check_the_next(self, seed: int, target: Target, tally: Tally) -> None:
        connection = self._connect(target, tally)
        for question, answer in ((b"?", b"$T05"), (b"qC", b"$QC"), (b"g", b"$")):
            connection.outgoing.clear()
            self._feed(connection, encode_packet(question))
            said = bytes(connection.outgoing)
            if answer not in said:
                tally.bugs.append(f"seed {seed}: the next client's {question!r} gets {said!r}")
        self._part(seed, target, connection, tally)


def armed_in_fake(core) -> list[object]:
    """Return what is armed in a fake core."""
    return [*core.breakpoints.kinds, *core.watchpoints.keys, *core.vector_catch]


def armed_in_chip(core) -> list[object]:
    """Return what is armed in a core, by our books and by the chip's registers."""
    found: list[object] = [*core.breakpoints, *core.watchpoints, *core.vector_catch]
    for base, step, count, mask in ((0xE000_2008, 4, 8, 1), (0xE000_1028, 16, 4, 0xF)):
        words = [core.memory.read_u32(base + step * n) for n in range(count)]
        found += [hex(base + step * n) for n, word in enumerate(words) if word & mask]
    return found


@contextmanager
def board_bench() -> Iterator[Fuzz]:
    """Fuzz a virtual board whose core runs a loop in RAM."""
    with onchip.connect("virtual:stm32f407", connect="halt") as session:
        session.memory.write(BOARD_RAM, BOARD_LOOP)
        session.core.write_registers(
            {"pc": BOARD_RAM, "xpsr": 1 << 24, "sp": BOARD_RAM + 0x1000, "r1": BOARD_RAM + 0x100}
        )
        yield Fuzz(session, armed_in_chip, ram=BOARD_RAM + 0x200, code=BOARD_RAM)


def fake_bench() -> Fuzz:
    """Fuzz a fake core."""
    return Fuzz(FakeSession(), armed_in_fake, ram=RAM, code=LOOP)


def run(total: int, first_seed: int, tally: Tally) -> Iterator[int]:
    """Run slices until ``total`` packets were sent; yield the seed of each slice that is done."""
    seed = first_seed
    while tally.packets < total and len(tally.bugs) < MOST_BUGS:
        if seed % SLICES_PER_BOARD:
            fake_bench().run(seed, PACKETS_PER_SLICE, tally)
        else:
            with board_bench() as fuzz:
                fuzz.run(seed, PACKETS_PER_SLICE, tally)
        yield seed
        seed += 1


def main() -> int:
    """Run what the command line says; 1 if there were bugs."""
    parser = argparse.ArgumentParser(description="send hostile packets to the GDB server")
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tally = Tally()
    began = time.process_time()
    faulthandler.dump_traceback_later(LONGEST_SLICE_S, exit=True)
    for seed in run(arguments.packets, arguments.seed, tally):
        faulthandler.dump_traceback_later(LONGEST_SLICE_S, exit=True)
        if seed % 50 == 49:
            print(f"seed {seed}: {tally.packets:,} packets", flush=True)
    faulthandler.cancel_dump_traceback_later()
    print(
        f"{tally.packets:,} packets of {tally.clients:,} clients, {tally.answers:,} answered, "
        f"{len(tally.bugs)} bugs, {time.process_time() - began:.0f} s of CPU"
    )
    print(*tally.bugs, sep="\n")
    return 1 if tally.bugs else 0


if __name__ == "__main__":
    sys.exit(main())
