"""Stock gdb-multiarch: what people do on a longer day, and what goes wrong on it."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from onchip.services.gdb import GdbOptions
from onchip.wire.gdb_rsp.framing import Decoder, Packet, encode_packet
from tests.support.boards import running_board
from tests.support.gdb import Gdb
from tests.support.images import FLASH_START, RAM_START

from .bench import CHIPS, Bench, line_of

pytestmark = pytest.mark.tools

SAMPLES = Path(__file__).parents[3] / "src" / "onchip" / "cli" / "samples"
PROBES = ("hid-64x1", "hid-64x4", "bulk-64x8", "bulk-512x4-basic")

every_chip = pytest.mark.parametrize("bench", CHIPS, indirect=True)


def put_code(gdb: Gdb, address: int, *halfwords: int) -> None:
    """Write Thumb code into RAM and stand on it."""
    for index, halfword in enumerate(halfwords):
        gdb.do(f"set {{short}}{address + 2 * index} = {halfword}")
    gdb.do(f"set var $pc = {address}")


@pytest.mark.parametrize("bench", [f"stm32f407/{probe}" for probe in PROBES], indirect=True)
def test_every_probe_model(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break touch")
        gdb.expect("continue", "Breakpoint 1, touch")
        gdb.expect("watch watched", "Hardware watchpoint 2")
        gdb.expect("continue", r"Old value = 7\nNew value = 8")
        gdb.expect("finish", "spinning")
        gdb.do("delete")
        gdb.expect("step", r"spin \(turns=20\)")
        gdb.expect("monitor reset halt", "halted")


@every_chip
def test_conditions_advance_tbreak_display(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break add if a == 9")
        gdb.expect("continue", r"Breakpoint 1, add \(a=9, b=3\)|add \(a=9, b=1\)")
        gdb.do("delete")
        gdb.expect("tbreak touch", "Temporary")
        gdb.expect("continue", "touch")
        gdb.do("display counter")
        gdb.expect(f"advance {line_of('write')}", r"/\* write \*/\n1: counter = \d")
        gdb.expect("up", "main")
        gdb.expect("info locals", "No locals")
        gdb.expect("watch watched if watched == 10", "Hardware watchpoint")
        gdb.expect("continue", r"Old value = 9\nNew value = 10")


@every_chip
def test_a_watch_of_a_local_variable_ends_with_its_scope(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break multiply")
        gdb.do("continue")
        gdb.do("delete")
        gdb.do("next")
        gdb.expect("watch product", "Hardware watchpoint")
        gdb.expect("continue", "Old value = 0\nNew value = 3")
        for _ in range(3):
            gdb.do("continue")
        gdb.expect("continue", "deleted because the program has left the block")


@every_chip
def test_return_and_jump(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break add")
        gdb.do("continue")
        gdb.do("delete")
        gdb.expect("return 77", "main")
        gdb.do("next")
        gdb.expect("print corner.x", "= 77")
        gdb.do(f"tbreak {line_of('touch')}")
        gdb.expect(f"jump {line_of('touch')}", r"/\* touch \*/")


@every_chip
def test_loading_again_writes_nothing(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.expect("load", "Transfer rate")
        last = [line for line in bench.log if line.startswith("load:")][-1]
        assert " 0 programmed" in last
        assert "verified" in last
        gdb.do("break main")
        gdb.expect("continue", r"Breakpoint 1, main \(\)")


def test_flash_erase(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.expect("flash-erase", "Erasing flash memory region")
        gdb.expect(f"x/wx {FLASH_START[bench.chip]}", "0xffffffff")
        gdb.expect("load", "Transfer rate")
        gdb.expect("compare-sections .text", "matched")


def test_dump_and_restore(bench: Bench, tmp_path: Path) -> None:
    ram = RAM_START[bench.chip] + 0x1000
    data = bytes(range(256)) * 8
    (tmp_path / "in.bin").write_bytes(data)
    with bench.gdb() as gdb:
        gdb.expect(f"restore {tmp_path}/in.bin binary {ram}", "Restoring binary file")
        gdb.do(f"dump binary memory {tmp_path}/out.bin {ram} {ram + len(data)}")
        assert (tmp_path / "out.bin").read_bytes() == data
        gdb.expect(f"restore {tmp_path}/in.bin binary 0xC0000000", "(?i)cannot access|failed|error")


def test_monitor_reset_run_then_interrupt(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.expect("monitor reset run", "reset, running")
        gdb.type("continue")
        time.sleep(0.1)
        gdb.interrupt()
        assert "SIGINT" in gdb.wait()
        gdb.expect("print counter > 0", "= 1")


def test_memory_is_read_by_another_client_while_the_core_runs(bench: Bench) -> None:
    with bench.gdb() as gdb:
        address = int(gdb.expect("print/d (unsigned)&counter", r"= (\d+)")[1])
        gdb.type("continue")
        values = set()
        with socket.create_connection(("127.0.0.1", bench.server.port), timeout=5) as sock:
            decoder = Decoder()
            for _ in range(5):
                time.sleep(0.02)
                sock.sendall(encode_packet(f"m{address:x},4".encode()))
                packets: list[bytes] = []
                while not packets:
                    events = decoder.feed(sock.recv(4096))
                    packets = [event.payload for event in events if isinstance(event, Packet)]
                values.add(packets[0])
        assert len(values) > 1
        gdb.interrupt()
        assert "SIGINT" in gdb.wait()


def test_interrupt_is_quick(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.type("continue")
        time.sleep(0.2)
        began = time.monotonic()
        gdb.interrupt()
        assert "SIGINT" in gdb.wait()
        assert time.monotonic() - began < 1.0  # GDB's own work is in it


def test_steps_over_wfi_and_bkpt(bench: Bench) -> None:
    ram = RAM_START[bench.chip] + 0x2000
    with bench.gdb() as gdb:
        put_code(gdb, ram, 0xBF30, 0xBE01, 0x3001, 0xE7FE)  # wfi; bkpt 1; adds r0, #1; b .
        gdb.do("set var $r0 = 0")
        gdb.do("stepi")
        gdb.expect(f"print (int)$pc - {ram}", "= 2")
        gdb.expect("continue", "SIGTRAP")
        gdb.expect(f"print (int)$pc - {ram}", "= 2")
        gdb.do("stepi")
        gdb.do("stepi")
        gdb.expect("print $r0", "= 1")


def test_unreadable_memory_is_said_so(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.expect("x/wx 0xC0000000", "Cannot access memory at address 0xc0000000")
        gdb.expect("set {int}0xC0000000 = 1", "Cannot access memory at address 0xc0000000")
        gdb.expect("print $sp", "0x")


def test_a_load_that_cannot_be_is_an_error(bench: Bench, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.elf"
    subprocess.run(
        ["arm-none-eabi-objcopy", "--change-section-lma", ".text=0xC0000000", bench.elf, wrong],
        check=True,
    )
    with bench.gdb(load=False) as gdb:
        shown = gdb.do(f"load {wrong}")
        assert "Transfer rate" not in shown
        assert re.search("(?i)fail|cannot|error", shown)
        gdb.expect("load", "Transfer rate")


@pytest.mark.parametrize("bench", [GdbOptions(hardware_breakpoints_only=True)], indirect=True)
def test_hardware_breakpoints_only(bench: Bench) -> None:
    """The FPB of an M4 reaches no RAM, so the refusal must be one that GDB shows."""
    ram = RAM_START[bench.chip] + 0x2000
    with bench.gdb() as gdb:
        put_code(gdb, ram, 0x3001, 0x3002, 0xE7FC)
        gdb.do(f"break *{ram + 2}")
        gdb.expect("continue", "Cannot insert breakpoint 1")


@pytest.mark.parametrize("bench", [GdbOptions(resume_on_detach=False)], indirect=True)
def test_a_target_that_is_to_stay_halted_does(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break main")
        gdb.do("continue")
        gdb.expect("detach", "detached")
        with bench.session.lock:
            assert bench.session.core.poll() is not None


@pytest.mark.parametrize("bench", [GdbOptions(vector_catch=())], indirect=True)
def test_without_vector_catch_the_handler_is_a_place_like_any_other(bench: Bench) -> None:
    with bench.gdb() as gdb:
        gdb.do("break HardFault_Handler")
        gdb.do("break main")
        gdb.do("continue")
        gdb.do("set var fault_wanted = 1")
        gdb.expect("continue", "Breakpoint 1, HardFault_Handler")
        gdb.expect("backtrace", r"signal handler called(.*\n)+.*crash")


@pytest.mark.parametrize("chip", CHIPS)
def test_the_shipped_sample_over_tcp_from_the_command_line(chip: str) -> None:
    """Two processes, as a user starts them: `onchip board` and `onchip gdbserver`."""
    with running_board(chip) as board:
        command = [sys.executable, "-m", "onchip.cli.main", "gdbserver", "--port", "0", "--once"]
        with subprocess.Popen(
            [*command, "--probe", f"tcp:{board.address}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as server:
            assert server.stdout is not None
            line = server.stdout.readline()
            found = re.fullmatch(r"GDB server started on port (\d+)\n", line)
            assert found, line + server.stdout.read()
            with Gdb(SAMPLES / f"{chip}.elf") as gdb:
                debug_the_sample(gdb, int(found[1]))
            assert server.wait(timeout=10) == 0


def debug_the_sample(gdb: Gdb, port: int) -> None:
    gdb.expect(f"target remote localhost:{port}", "Remote debugging")
    gdb.expect("load", "Transfer rate")
    gdb.do("break fibonacci if n == 1")
    gdb.expect("continue", r"fibonacci \(n=")
    gdb.expect("backtrace", "main ")
    gdb.do("delete")
    gdb.expect("tbreak Tick_Handler", "Temporary")
    gdb.expect("continue", "Tick_Handler")
    gdb.expect("backtrace", r"#1 +<signal handler called>(.*\n)+.*main ")
    gdb.expect("finish", "Run till exit|tick|main")
    gdb.expect("watch counter", "Hardware watchpoint")
    gdb.expect("continue", r"Old value = \d+\nNew value = \d+")
    gdb.do("delete")
    gdb.do("set var fault_request = 1")
    gdb.expect("continue", "SIGSEGV")
    gdb.expect("backtrace", r"signal handler called(.*\n)+.*read_sensor(.*\n)+.*main ")
    gdb.expect("detach", "detached")
