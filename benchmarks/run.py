"""Run the jobs with each host, and note what each cost."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from onchip.target.chip import load_chip
from onchip.virtual_board.probe.model import load_probe_model

from .counted_board import CountedBoard
from .firmware_image import firmware_image
from .gdb_client import GdbClient
from .limits import Physics, Wire
from .peers.openocd import OpenOcdHost
from .stock_gdb import StockGdb

ROOT = Path(__file__).parents[1]
RAM = 0x2000_0000
RAM_LENGTH = 0x1_0000
FREQUENCIES = {"bulk-512x4": 10_000_000, "hid-64x4": 4_000_000}
HOSTS = ("onchip", "pyOCD", "OpenOCD")


@dataclass(frozen=True, slots=True)
class Row:
    """One job of one host. ``seconds`` are simulated, ``cpu_s`` the host's processor time."""

    chip: str
    probe: str
    job: str
    host: str
    packets: int = 0
    round_trips: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    limit_s: float = 0.0
    note: str = ""


class PythonHost:
    """A host that runs in a Python process of its own and takes orders on its standard input."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log.open("wb")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, cwd=ROOT
        )

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    def __getattr__(self, job: str) -> Callable[..., Any]:
        if job.startswith("_"):
            raise AttributeError(job)
        return lambda *arguments: self._order(job, *arguments)

    def _order(self, job: str, *arguments: object) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([job, *arguments]).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            told = Path(self._log.name).read_text(errors="replace")
            raise OSError(f"the host died at {job}: {told[-500:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise OSError(f"{job}: {answer['error']}")
        return answer.get("result")

    def close(self) -> None:
        """Let it disconnect, and end it."""
        with contextlib.suppress(OSError):
            self._order("close")
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)
        self._log.close()


def peak_memory(pid: int) -> int:
    """Return the most bytes of memory that a process has had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


class Bench:
    """One chip behind one probe, and the images that are put onto it."""

    def __init__(self, chip: str, probe: str, folder: Path, length: int, pyocd: str) -> None:
        self.chip, self.probe, self.length = chip, probe, length
        self._folder, self._pyocd = folder, pyocd
        self._frequency_hz = FREQUENCIES[probe]
        self._wire = Wire.of(probe, self._frequency_hz)
        self._physics = Physics.of(chip)
        self.base = load_chip(chip).memory_map.flash[0].start
        noise = random.Random(5).randbytes(length)
        self.changed_at = length * 3 // 8 + 0x234
        changed = bytearray(noise)
        changed[self.changed_at : self.changed_at + 200] = bytes(range(200))
        self._images = {"small": noise[:0x1_0000], "large": noise, "changed": bytes(changed)}
        for name, data in self._images.items():
            self._file(name).write_bytes(data)
        self.memory = 0
        """The most that the host's process had, in bytes; after `run`."""

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.bin"

    def _make_code(self) -> None:
        self._images["code"] = firmware_image(RAM_LENGTH, self._folder)
        self._file("code").write_bytes(self._images["code"])

    def limits(self) -> dict[str, float]:
        """Return the least seconds that each job can take."""
        wire, physics, length = self._wire, self._physics, self.length
        trip = wire.round_trip
        erase, sector = physics.erase(self.changed_at, 200)
        summing = length / 4 * SUM_CYCLES_A_WORD / load_chip(self.chip).clock_hz
        small, large = RAM_LENGTH, length
        return {
            "connect": 0.0,
            "register": trip,
            "halt, all registers": trip,
            "step": trip,
            "GDB step, refresh": trip,
            "GDB next": trip,
            "GDB load 64 KiB": max(physics.program(RAM_LENGTH), wire.block(RAM_LENGTH, read=False)),
            "64 KiB RAM write": wire.block(RAM_LENGTH, read=False),
            "64 KiB RAM read": wire.block(RAM_LENGTH, read=True),
            "flash 64 KiB, blank": max(physics.program(small), wire.block(small, read=False)),
            "flash 64 KiB, unchanged": summing * small / length,
            "flash 64 KiB of code, blank": max(
                physics.program(small), wire.block(small, read=False)
            ),
            f"flash {length >> 10} KiB, blank": max(
                physics.program(large), wire.block(large, read=False)
            ),
            f"flash {length >> 10} KiB, unchanged": summing,
            f"flash {length >> 10} KiB, one function changed": max(
                erase + physics.program(sector), wire.block(sector, read=False)
            ),
            f"verify {length >> 10} KiB": summing,
            f"erase {length >> 10} KiB": physics.erase(0, length)[0],
        }

    def run(self, name: str) -> Iterator[Row]:
        """Run all jobs with one host."""
        board = CountedBoard(self.chip, self.probe)
        host = self._start(name, board)
        limits = self.limits()

        def measure(job: str, what: Callable[[], object]) -> Row:
            before = board.mark()
            cpu = host.cpu()
            note = ""
            try:
                what()
            except (OSError, AssertionError) as error:
                note = str(error).splitlines()[0][:120]
            after = board.mark()
            return Row(
                self.chip,
                self.probe,
                job,
                name,
                after.packets - before.packets,
                after.round_trips - before.round_trips,
                after.seconds - before.seconds,
                host.cpu() - cpu,
                limits[job],
                note,
            )

        try:
            for job, what in self._jobs(name, host, board):
                if job:
                    yield measure(job, what)
                else:
                    what()
            self.memory = peak_memory(host.pid)
        finally:
            host.close()
            board.close()

    def _start(self, name: str, board: CountedBoard) -> Any:
        model = load_probe_model(self.probe)
        log = self._folder / f"{name}.log"
        settings = [board.address, self.chip, str(self._frequency_hz)]
        if name == "onchip":
            return PythonHost(
                [sys.executable, "-m", "benchmarks.peers.onchip_peer", *settings], log
            )
        if name == "pyOCD":
            script = str(ROOT / "benchmarks" / "peers" / "pyocd_peer.py")
            shape = [str(model.packet_size), str(model.packet_count)]
            return PythonHost([self._pyocd, script, *settings, *shape], log)
        return OpenOcdHost(
            board.address, self.chip, self._frequency_hz, model.transport, self._folder
        )

    def _jobs(
        self, name: str, host: Any, board: CountedBoard
    ) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield the jobs in order; those without a name are not measured."""
        base, kib = self.base, f"{self.length >> 10} KiB"
        read_back = self._folder / "ram.bin"

        def flashed(image: str) -> None:
            host.flash(str(self._file(image)), base)
            data = self._images[image]
            assert board.flash(len(data)) == data, "the flash does not hold the image"

        def ram_read() -> None:
            host.ram_read(str(read_back))
            data = read_back.read_bytes()
            assert data == self._images["small"], "the RAM was read wrongly"

        yield "connect", host.connect
        yield "", host.prepare
        yield "halt, all registers", host.halt_registers
        yield "step", host.step
        yield "register", host.register
        yield "64 KiB RAM write", lambda: host.ram_write(str(self._file("small")))
        yield "64 KiB RAM read", ram_read
        yield "flash 64 KiB, blank", lambda: flashed("small")
        yield "flash 64 KiB, unchanged", lambda: flashed("small")
        yield "", board.blank
        yield "", self._make_code
        yield "flash 64 KiB of code, blank", lambda: flashed("code")
        yield "", board.blank
        yield f"flash {kib}, blank", lambda: flashed("large")
        yield f"flash {kib}, unchanged", lambda: flashed("large")
        if name != "pyOCD":  # it has no verb for that
            yield f"verify {kib}", lambda: host.verify(str(self._file("large")), base)
        yield f"flash {kib}, one function changed", lambda: flashed("changed")
        yield f"erase {kib}", lambda: host.erase(base, self.length)
        yield "", board.blank
        yield from self._gdb(host, board)

    def _gdb(self, host: Any, board: CountedBoard) -> Iterator[tuple[str, Callable[[], object]]]:
        port = host.gdb()
        client = GdbClient(port)
        client.prepare(RAM)
        client.step_and_refresh(RAM)
        yield "GDB step, refresh", lambda: client.step_and_refresh(RAM)
        client.close()
        gdb = StockGdb(port, self.chip, self._folder)
        data = self._images["small"]

        def load() -> None:
            gdb.load(data, self.base)
            assert board.flash(len(data)) == data, "the flash does not hold the image"

        try:
            yield "GDB load 64 KiB", load
            gdb.prepare_next()
            yield "GDB next", gdb.next
        finally:
            gdb.close()


SUM_CYCLES_A_WORD = 4.4
"""Of the sums that the driver computes on ARMv7-M: see driver.S."""


def run_all(
    chips: Sequence[str],
    probes: Sequence[str],
    hosts: Sequence[str],
    length: int,
    pyocd: str,
    *,
    workers: int,
) -> dict[str, Any]:
    """Run everything, ``workers`` boards at a time; return what was found, ready for JSON.

    Boards do not see each other, and their time is simulated: only the processor time of a host
    is a little longer where processors are shared.
    """
    wanted = [(c, p, h) for c in chips for p in probes for h in hosts]
    # the longest begin first: OpenOCD's, and among them those in which its loader waits for HID
    order = sorted(
        wanted, key=lambda each: (each[2] != "OpenOCD", each[2] != "pyOCD", each[1] != "hid-64x4")
    )
    with ProcessPoolExecutor(workers) as pool:
        runs = {each: pool.submit(_run_one, *each, length, pyocd) for each in order}
        done = {each: run.result() for each, run in runs.items()}
    memory: dict[str, int] = {}
    for each in wanted:
        memory[each[2]] = max(done[each][1], memory.get(each[2], 0))
    rows = [asdict(row) for each in wanted for row in done[each][0]]
    return {"rows": rows, "memory": memory, "length": length}


def _run_one(chip: str, probe: str, host: str, length: int, pyocd: str) -> tuple[list[Row], int]:
    rows = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(chip, probe, Path(folder), length, pyocd)
        for row in bench.run(host):
            rows.append(row)
            print(
                f"{chip} {probe} {host:8} {row.job:38} {row.packets:6} {row.round_trips:6}"
                f" {row.seconds:9.4f} s {row.cpu_s:7.3f} s {row.note}",
                flush=True,
            )
    print(f"{chip} {probe} {host}: done in {time.monotonic() - began:.0f} s", flush=True)
    return rows, bench.memory
