"""Count packets and round trips of what a GDB does, at the stub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from onchip.probe.counting import CountingLink
from onchip.services.gdb.options import GdbOptions
from onchip.services.gdb.stub import Stub
from onchip.services.gdb.target import Target
from onchip.session.connecting import ConnectMode, open_session
from onchip.virtual_board.board import VirtualBoard
from tests.budgets.measure import PROBES, RAM, Measured

LOOP = bytes.fromhex("0130") + bytes.fromhex("00bf") * 30 + bytes.fromhex("dfe7")
"""adds r0, #1, then 30 NOPs, then back to the first one."""
TURNS = bytes.fromhex("0130 0139 fcd1 00bf")
"""1: adds r0, #1; subs r1, #1; bne 1b; nop."""
BREAK = f"{RAM + 0x20:x},2"
R0_IS_16 = "X7,26000022101327"

# What GDB sends, in order, and the budgets: packets and round trips for each probe.
CONVERSATIONS = {
    "GDB stepi: vCont;s, g, 64-byte m": (
        ("vCont;s:1", "g", f"m{RAM:x},40"),
        ((3, 3), (6, 3)),
    ),
    "GDB break and continue: Z, vCont;c, g, m": (
        (f"Z0,{BREAK}", "vCont;c", "g", f"m{RAM:x},40"),
        ((5, 5), (8, 6)),
    ),
    "GDB stepi off a breakpoint: z, vCont;s, g, m, Z": (
        (f"z0,{BREAK}", "vCont;s:1", "g", f"m{RAM:x},40", f"Z0,{BREAK}"),
        ((2, 2), (7, 5)),
    ),
    "GDB range step over 16 instructions": (
        (f"vCont;r{RAM:x},{RAM + 0x20:x}:1",),
        ((17, 17), (19, 17)),
    ),
    "GDB range step over a loop of 1,000 turns": (
        (f"vCont;r{RAM + 0x100:x},{RAM + 0x106:x}:1",),
        ((40, 40), (41, 40)),
    ),
    "GDB condition evaluated here, false 15 times": (
        (f"Z0,{BREAK};{R0_IS_16}", "vCont;c"),
        ((22, 22), (54, 52)),
    ),
    "GDB tracepoint hit 16 times: registers, 64 bytes": (
        (
            f"QTDP:1:{BREAK[:8]}:E:0:0-",
            f"QTDP:-1:{BREAK[:8]}:R1FFFFM-1,{RAM:X},40",
            "QTStart",
            f"Z0,{BREAK};{R0_IS_16}",
            "vCont;c",
        ),
        ((36, 36), (115, 82)),
    ),
}


class Client:
    """A GDB that says what it is told and waits for each answer."""

    def __init__(self, stub: Stub, answers: list[bytes], target: Target) -> None:
        self.stub = stub
        self.answers = answers
        self.target = target

    def say(self, payload: str) -> bytes:
        self.answers.clear()
        self.stub.handle(payload.encode())
        while not self.answers:
            self.target.poll()
        return self.answers[-1]


@contextmanager
def client(probe: str) -> Iterator[tuple[Client, CountingLink]]:
    """Connect a stub to a board with a loop in its RAM, the core halted at its start."""
    board = VirtualBoard("stm32f407", probe_model=probe)
    link = CountingLink(board.link())
    with open_session(link, mode=ConnectMode.HALT) as session:
        session.memory.write(RAM, LOOP)
        session.memory.write(RAM + 0x100, TURNS)
        session.core.write_registers({"pc": RAM, "xpsr": 1 << 24, "sp": RAM + 0x1000})
        answers: list[bytes] = []
        target = Target(session, GdbOptions())
        talker = Client(Stub(target, answers.append, lambda text: None), answers, target)
        talker.say("?")
        yield talker, link
    board.close()


def measurements(probe: str) -> list[Measured]:
    """Return what each conversation costs on ``probe``; they follow one another."""
    rows = []
    column = PROBES.index(probe)
    with client(probe) as (talker, link):
        talker.say("vCont;s:1")  # whatever is done once is done
        for name, (payloads, budgets) in CONVERSATIONS.items():
            if "range" in name:
                talker.say(f"z0,{BREAK}")
                talker.target.run.points.settle()
                at = RAM + 0x100 if "turns" in name else RAM
                talker.say("Pf=" + at.to_bytes(4, "little").hex())
                talker.say("P1=e8030000")
            if "condition" in name or "tracepoint" in name:
                talker.say("P0=00000000")
                talker.say("Pf=" + RAM.to_bytes(4, "little").hex())
            before = link.mark()
            for payload in payloads:
                answer = talker.say(payload)
                assert not answer.startswith(b"E"), (name, payload, answer)
            spent = link.traffic - before
            rows.append(Measured(name, probe, spent.packets, spent.round_trips, *budgets[column]))
    return rows
