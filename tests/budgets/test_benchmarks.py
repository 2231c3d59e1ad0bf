"""The benchmark's machinery: a board for other processes counts what an in-process link counts."""

import xml.etree.ElementTree as ET

import pytest
from benchmarks.chart import chart
from benchmarks.counted_board import CountedBoard
from benchmarks.limits import Physics, Wire
from benchmarks.peers.onchip_peer import OnchipHost, jobs_of
from benchmarks.report import BEGIN, END, write

from onchip.wire.cmsis_dap import SWJ_Clock

from .measure import bench
from .measure import measurements as everyday

RAM_JOB = "64 KiB of RAM, read"


def test_a_host_behind_a_socket_is_counted_as_one_in_this_process(tmp_path):
    board = CountedBoard("stm32f407", "bulk-512x4")
    try:
        host = OnchipHost(board.address, "stm32f407", "10000000")
        jobs = jobs_of(host)
        jobs["connect"]()
        jobs["prepare"]()
        jobs["halt_registers"]()
        host.wire.flush()
        before = board.mark()
        jobs["ram_read"](str(tmp_path / "ram.bin"))
        after = board.mark()
        jobs["close"]()
    finally:
        board.close()
    inside = next(row for row in everyday("bulk-512x4") if row.operation == RAM_JOB)
    assert after.packets - before.packets == inside.packets
    assert after.round_trips - before.round_trips == inside.round_trips
    assert after.seconds > before.seconds


@pytest.mark.parametrize(
    ("probe", "frequency_hz"), [("bulk-512x4", 10_000_000), ("hid-64x4", 4_000_000)]
)
def test_memory_moves_at_95_percent_of_what_the_probe_can(probe, frequency_hz):
    wire = Wire.of(probe, frequency_hz)
    with bench(probe) as b:
        b.client.command(SWJ_Clock(frequency_hz))
        b.core.halt()
        for read in (True, False):
            began = b.link.now()
            if read:
                b.core.memory.read(0x2000_0000, 0x1_0000)
            else:
                b.core.memory.write(0x2000_0000, bytes(0x1_0000))
            assert wire.block(0x1_0000, read=read) / (b.link.now() - began) >= 0.95


def test_limits_are_those_of_the_data_sheets():
    stm32, nrf = Physics.of("stm32f407"), Physics.of("nrf52840")
    assert stm32.program(0x8_0000) == pytest.approx(131_072 * 16e-6)
    assert stm32.erase(0x3_1234, 200) == (1.0, 0x2_0000)
    assert nrf.program(0x8_0000) == pytest.approx(131_072 * 41e-6)
    assert nrf.erase(0x3_1234, 200) == (0.085, 4096)
    assert nrf.erase(0x3_1FFF, 2)[0] == pytest.approx(2 * 0.085)


def _row(host: str, seconds: float, note: str = "") -> dict[str, object]:
    return {
        "chip": "stm32f407",
        "probe": "bulk-512x4",
        "job": "flash 64 KiB, <blank>",
        "host": host,
        "packets": 12345,
        "round_trips": 6,
        "seconds": seconds,
        "cpu_s": 0.5,
        "limit_s": 2.0,
        "note": note,
    }


def test_the_report_replaces_its_own_part_and_nothing_else(tmp_path):
    document, picture = tmp_path / "performance.md", tmp_path / "performance.svg"
    document.write_text("# Head\n\nmine\n")
    found = {
        "rows": [_row("onchip", 2.2), _row("pyOCD", 9.0), _row("OpenOCD", 1.0, "it fell over")],
        "memory": {"onchip": 30_000_000},
        "gdb_server_memory": 28_000_000,
        "start_up": {"python -c pass": 0.02, "onchip list": 0.03},
    }
    write(found, document, picture)
    first = document.read_text()
    document.write_text(first + "tail\n")
    write(found, document, picture)
    assert document.read_text() == first + "tail\n"
    assert first.startswith("# Head\n\nmine\n\n" + BEGIN)
    assert first.endswith(END + "\n")
    assert "| 12,345 / 6 / 2.20 s (500.0 ms) |" in first
    assert "| 2.00 s | 1.10 |" in first
    assert "failed: it fell over" in first
    assert "`onchip list` 1.50." in first
    assert "| `onchip gdbserver` | 28 |" in first


def test_the_chart_has_a_bar_for_every_job_that_went_well():
    picture = ET.fromstring(
        chart([_row("onchip", 2.0), _row("pyOCD", 4.0), _row("OpenOCD", 1, "x")])
    )
    boxes = picture.findall("{http://www.w3.org/2000/svg}rect")
    widths = {box.get("width") for box in boxes if box.get("height") == "10"}
    assert {"210.0", "420.0"} <= widths
