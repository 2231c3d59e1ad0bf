"""Stock gdb-multiarch traces: collects, looks at frames, saves them, opens the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from onchip.services.gdb import GdbOptions
from tests.support.gdb import Gdb

from .bench import CHIPS, Bench

pytestmark = pytest.mark.tools


def actions(gdb: Gdb, *lines: str) -> None:
    """Type the actions of the tracepoint that was set last."""
    for line in ("actions", *lines):
        gdb.type(line)
    gdb.do("end")


@pytest.mark.parametrize("bench", CHIPS, indirect=True)
def test_a_trace_from_start_to_file(bench: Bench, tmp_path: Path) -> None:
    with bench.gdb() as gdb:
        gdb.expect("tstatus", "No trace has been run")
        gdb.do("tvariable $hits = 5")
        gdb.do("tbreak touch")
        gdb.do("continue")
        gdb.expect("trace multiply", "Tracepoint 2 at")
        actions(
            gdb,
            "collect $regs, $args, *(unsigned char *)$sp@32",
            "while-stepping 3",
            "collect $pc, *(unsigned char *)$sp@40",  # GDB wants the caller's pc before a variable
            "end",
        )
        gdb.expect("trace add if a > 6", "Tracepoint 3 at")
        actions(
            gdb,
            "teval $hits = $hits + 1",
            "collect $regs, $args, $locals, counter, $hits, $trace_timestamp",
            "collect *(unsigned char *)$sp@40",
            "collect/s greeting",
        )
        gdb.expect("tstart", "^$")
        gdb.expect("tstatus", "Trace is running on the target")
        gdb.do("break touch")
        gdb.expect("continue", "Breakpoint 4, touch")
        gdb.expect("tstop enough", "^$")
        gdb.expect("tstatus", r"stopped by a tstop command \(enough\)\.\nCollected 5 trace frames")
        gdb.expect("info tracepoints", "already hit 1 time\n(.*\n)*.*already hit 1 time")

        for target in ("the board", "saved.tf", "fetched.tf"):
            if target != "the board":
                gdb.do(f"target tfile {tmp_path / target}")
            gdb.expect(
                "tfind start", r"Found trace frame 0, tracepoint 2\n#0  multiply \(a=3, b=4\)"
            )
            gdb.expect("backtrace", r"#0  multiply \(a=3, b=4\).*\n#1 .* in main \(\)")
            gdb.expect("tdump", r"r0 +0x3(.*\n)+a = 3\nb = 4\n\*\(unsigned char \*\)\$sp@32 = ")
            gdb.expect("tfind 2", "Found trace frame 2, tracepoint 2")
            gdb.expect("print product", "= 0")
            gdb.expect("print counter", "<unavailable>")
            gdb.expect(
                "tfind tracepoint 3", r"Found trace frame 4, tracepoint 3\n#0  add \(a=9, b=3\)"
            )
            gdb.expect("print counter", r"= 2\n")
            gdb.expect("print greeting", '"hello, debugger"')
            gdb.expect("print $hits", "= 6")
            gdb.expect("print $trace_timestamp > 1000000", "= 1")
            gdb.expect("tfind none", "No longer looking")
            if target == "the board":
                gdb.expect("print counter", r"= 2\n")
                gdb.expect(f"tsave {tmp_path / 'saved.tf'}", "Trace data saved")
                gdb.expect(f"remote get trace.tf {tmp_path / 'fetched.tf'}", "Successfully fetched")


def test_searches_pass_counts_and_a_circular_buffer(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("trace spin")
        actions(gdb, "collect $args")
        gdb.do("passcount 3 1")
        gdb.do("trace add")
        actions(gdb, "collect $args")
        gdb.do("break crash")
        gdb.do("tstart")
        gdb.type("continue")
        bench.until(lambda: not bench.server._target.trace.running)  # and the program runs on
        gdb.interrupt()
        gdb.wait()
        gdb.expect("tstatus", "Trace stopped by tracepoint 1")
        gdb.expect("tfind 2", "Found trace frame 2")
        gdb.expect("tfind pc spin+10", "Found trace frame 5, tracepoint 1|Target failed")
        gdb.expect("tfind range add, multiply", "tracepoint 2")
        gdb.expect("tfind outside add, multiply", "tracepoint 1")
        gdb.expect("tfind end", "No longer looking")
        gdb.do("set circular-trace-buffer on")
        gdb.do("set trace-buffer-size 400")
        gdb.do("passcount 50 1")
        gdb.do("tstart")
        gdb.type("continue")
        bench.until(lambda: not bench.server._target.trace.running)
        gdb.interrupt()
        gdb.wait()
        gdb.expect(
            "tstatus", r"Buffer contains [1-9]\d? trace frames \(of [1-9]\d\d created total\)"
        )


def test_disconnected_tracing(bench: Bench) -> None:
    trace = bench.server._target.trace
    with bench.gdb() as gdb:
        gdb.do("trace touch if counter % 2 == 1")
        actions(gdb, "collect counter, $regs")
        gdb.do("passcount 4")
        gdb.do("set disconnected-tracing on")
        gdb.do("tstart")
        gdb.do("detach")
    bench.until(lambda: not trace.running)
    with bench.gdb(load=False) as gdb:
        gdb.expect("info tracepoints", r"in touch(.*\n)*.*trace only if counter % 2 == 1")
        gdb.expect("tstatus", "Trace stopped by tracepoint 1")
        gdb.expect("tfind 2", "Found trace frame 2, tracepoint 1\n")
        gdb.expect("print counter", "= 5")
        gdb.do("tfind none")
        gdb.do("set disconnected-tracing off")
        gdb.do("passcount 0")
        gdb.do("tstart")
    bench.until(lambda: not trace.running)
    with bench.gdb(load=False) as gdb:
        gdb.expect("tstatus", "Trace stopped because of disconnection")
        gdb.expect("info tracepoints", "No tracepoints")


@pytest.mark.parametrize("bench", [GdbOptions(vector_catch=())], indirect=True)
def test_tracing_in_non_stop_mode(bench: Bench) -> None:
    trace = bench.server._target.trace
    with Gdb(bench.elf) as gdb:
        bench.session.flash(bench.elf)
        gdb.do("set non-stop on")
        gdb.do(f"target extended-remote localhost:{bench.server.port}")
        gdb.do("trace touch")
        actions(gdb, "collect $regs, counter")
        gdb.do("tstart")
        bench.until(lambda: len(trace.buffer) >= 3)
        gdb.do("tstop")
        gdb.expect("tfind 1", "Found trace frame 1")
        first = int(gdb.expect("print counter", r"= (\d+)")[1])
        gdb.expect("tfind", "Found trace frame 2")
        assert int(gdb.expect("print counter", r"= (\d+)")[1]) == first + 1
        assert bench.session.core.poll() is None
