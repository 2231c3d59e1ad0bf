"""A GDB that defines tracepoints in a loop."""

from __future__ import annotations

from onchip.wire.gdb_rsp.replies import StopReply
from onchip.wire.gdb_rsp.trace_run import TraceStatus
from onchip.wire.gdb_rsp.tracepoints import DefineTracepoint

from ..fake_core import LOOP, RAM
from ..fakes import Talk

AT = LOOP + 4
R0_IS_3 = bytes.fromhex("260000 2203 13 27")
ALL = f"R{(1 << 17) - 1:X}"
END = LOOP + 0x20  # a breakpoint, once around behind AT


def looping():
    """A loop that counts in r0 and in memory, a breakpoint behind AT."""
    talk = Talk()
    talk.ask(b"?")

    def count(core):
        core.values["r0"] += 1
        core.memory.write(RAM, bytes([core.values["r0"] & 0xFF]))

    talk.core.program[LOOP] = count
    talk.core.values |= {"r0": 0, "r7": RAM + 0x10}
    talk.core.memory.write(RAM, b"\0abc\0def")
    talk.ask(b"Z1,%x,2" % END)
    talk.ask(b"QTinit")
    return talk


def define(talk, *actions, steps=(), at=AT, number=1, count=0, passes=0, condition=None):
    more = bool(actions or steps)
    tracepoint = DefineTracepoint(number, at, True, count, passes, condition, more=more)
    assert talk.ask(tracepoint.encode()) == b"OK"
    lines = [a.encode() for a in actions] + [
        b"S" * (not i) + s.encode() for i, s in enumerate(steps)
    ]
    for index, line in enumerate(lines):
        dash = b"-" if index < len(lines) - 1 else b""
        assert talk.ask(b"QTDP:-%x:%x:%b%b" % (number, at, line, dash)) == b"OK"


def start(talk):
    assert talk.ask(b"QTStart") == b"OK"


def status(talk):
    return TraceStatus.decode(talk.ask(b"qTStatus"))


def turn(talk, count=1):
    """Continue to the breakpoint, so often, as GDB passes one that it stands at."""
    for _ in range(count):
        if talk.core.values["pc"] == END:
            talk.ask(b"z1,%x,2" % END)
            talk.run(b"vCont;s")
            talk.ask(b"Z1,%x,2" % END)
        assert StopReply.decode(talk.run(b"vCont;c")).get("hwbreak") == ""
