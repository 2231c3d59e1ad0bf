"""Every call of the specification, on a core that is nothing but memory and two registers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onchip.errors import TransferFault
from onchip.services.semihosting import Directory, Semihosting, SemihostingOptions
from onchip.services.semihosting import service as service_module
from onchip.services.semihosting.operations import errno_for_target

RAM = 0x2000_0000
BLOCK, DATA = RAM + 0x100, RAM + 0x1000
ERROR = 0xFFFF_FFFF


class Memory:
    def __init__(self) -> None:
        self.cells = bytearray(0x4000)

    def read(self, address: int, length: int) -> bytes:
        if not RAM <= address <= address + length <= RAM + len(self.cells):
            raise TransferFault("FAULT", address=address)
        return bytes(self.cells[address - RAM : address - RAM + length])

    def write(self, address: int, data: bytes) -> None:
        self.read(address, len(data))
        self.cells[address - RAM : address - RAM + len(data)] = data


class Core:
    def __init__(self) -> None:
        self.memory = Memory()
        self.values = {"r0": 0, "r1": 0}
        self.seconds = 5.0

    def read_registers(self, names: Any) -> dict[str, int]:
        return {name: self.values[name] for name in names}

    def now(self) -> float:
        return self.seconds


class Bench:
    def __init__(self, directory: Path | None) -> None:
        self.core: Any = Core()
        self.printed = {"stdout": b"", "stderr": b""}
        self.input = b""
        self.folder = directory
        options = SemihostingOptions(
            directory=None if directory is None else Directory(directory),
            command_line="firmware.elf -v",
            heap=lambda core: (1, 2, 3, 4),
        )
        self.service = Semihosting(self._print, options, read_input=self._read)

    def _print(self, stream: str, data: bytes) -> None:
        self.printed[stream] += data

    def _read(self, length: int) -> bytes:
        data, self.input = self.input[:length], self.input[length:]
        return data

    def call(self, number: int, *block: int, parameter: int = BLOCK) -> int:
        self.core.memory.write(BLOCK, struct.pack(f"<{len(block)}I", *block))
        self.core.values = {"r0": number, "r1": parameter}
        return self.service.call(self.core)

    def put(self, data: bytes, address: int = DATA) -> int:
        self.core.memory.write(address, data)
        return address

    def open(self, name: bytes, mode: int) -> int:
        return self.call(0x01, self.put(name), mode, len(name))

    def errno(self) -> int:
        return self.call(0x13)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.service.close()
    directory = bench.service.options.directory
    assert directory is not None
    directory.close()


def test_console_output(bench: Bench) -> None:
    assert bench.call(0x03, parameter=bench.put(b"x")) == 0
    assert bench.call(0x04, parameter=bench.put(b"yz\0no")) == 0
    out, err = bench.open(b":tt", 4), bench.open(b":tt", 8)
    assert (out, err) == (2, 3)
    assert bench.call(0x05, out, bench.put(b"12345"), 3) == 0
    assert bench.call(0x05, err, bench.put(b"oops"), 4) == 0
    assert bench.printed == {"stdout": b"xyz123", "stderr": b"oops"}


def test_console_input_and_its_end(bench: Bench) -> None:
    bench.input = b"abc"
    stdin = bench.open(b":tt", 0)
    assert bench.call(0x06, stdin, DATA, 8) == 5
    assert bench.core.memory.read(DATA, 3) == b"abc"
    assert bench.call(0x06, stdin, DATA, 8) == 8
    bench.input = b"d"
    assert bench.call(0x07, parameter=0) == ord("d")
    assert bench.call(0x07, parameter=0) == ERROR


def test_the_console_is_a_terminal_and_stays_open(bench: Bench) -> None:
    assert bench.call(0x09, 2) == 1
    assert bench.call(0x0C, 2) == 0
    assert bench.call(0x0A, 2, 0) == ERROR
    assert bench.call(0x02, 2) == 0
    assert bench.call(0x05, 2, bench.put(b"still"), 5) == 0


def test_files(bench: Bench, tmp_path: Path) -> None:
    handle = bench.open(b"log.txt", 6)
    assert handle >= 4
    assert bench.call(0x05, handle, bench.put(b"hello world"), 11) == 0
    assert bench.call(0x09, handle) == 0
    assert bench.call(0x0C, handle) == 11
    assert bench.call(0x0A, handle, 6) == 0
    assert bench.call(0x06, handle, DATA, 100) == 95
    assert bench.core.memory.read(DATA, 5) == b"world"
    assert bench.call(0x02, handle) == 0
    assert bench.call(0x02, handle) == ERROR
    assert bench.errno() == 9
    assert (tmp_path / "log.txt").read_bytes() == b"hello world"
    old, new = bench.put(b"log.txt"), bench.put(b"kept", DATA + 64)
    assert bench.call(0x0F, old, 7, new, 4) == 0
    assert (tmp_path / "kept").exists()
    assert bench.call(0x0E, new, 4) == 0
    assert bench.call(0x0E, new, 4) == ERROR
    assert bench.errno() == 2


def test_a_long_write_says_how_much_it_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "LONGEST_TRANSFER", 4)
    handle = bench.open(b"log", 6)
    assert bench.call(0x05, handle, bench.put(b"123456"), 6) == 2
    assert bench.call(0x0A, handle, 0) == 0
    assert bench.call(0x06, handle, DATA, 6) == 2


@pytest.mark.parametrize("number", [0x02, 0x09, 0x0A, 0x0C])
def test_handles_that_are_none(bench: Bench, number: int) -> None:
    for handle in (0, 4, 77, ERROR):
        assert bench.call(number, handle, 0) == ERROR
        assert bench.errno() == 9


def test_transfers_that_cannot_be(bench: Bench) -> None:
    for number in (0x05, 0x06):
        assert bench.call(number, 99, DATA, 5) == 5
        assert bench.errno() == 9
        assert bench.call(number, 2, 0xFFFF_FFF0, 0x20) == 0x20
        assert bench.errno() == 14


@pytest.mark.parametrize(
    ("number", "block"),
    [(0x01, (0x1000, 0, 4)), (0x05, (2, 0x1000, 4)), (0x06, (1, 0x1000, 4)), (0x16, (0x1000,))],
)
def test_pointers_that_point_nowhere(bench: Bench, number: int, block: tuple[int, ...]) -> None:
    bench.input = b"four"
    assert bench.call(number, *block) == (4 if number in (0x05, 0x06) else ERROR)
    assert bench.errno() == 14
    assert bench.call(number, parameter=0x1000) == ERROR


def test_a_text_that_runs_out_of_memory_is_shown(bench: Bench) -> None:
    bench.core.memory.cells[-3:] = b"end"
    bench.call(0x04, parameter=RAM + len(bench.core.memory.cells) - 3)
    assert bench.printed["stdout"] == b"end"
    assert bench.call(0x04, parameter=0x1000) == ERROR


def test_without_a_directory_no_file_opens() -> None:
    bench = Bench(None)
    assert bench.open(b"log", 4) == ERROR
    assert bench.errno() == 13
    assert bench.call(0x0E, bench.put(b"log"), 3) == ERROR
    assert bench.call(0x0F, DATA, 3, DATA, 3) == ERROR
    assert bench.call(0x0D, DATA, 1, 16) == ERROR
    assert bench.open(b":semihosting-features", 0) != ERROR


def test_escapes_fail_and_say_why(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    for name in (b"../x", b"/etc/passwd", b"link/passwd", b"link"):
        assert bench.open(name, 0) == ERROR
        assert bench.errno() in (13, 20)


def test_open_of_nonsense(bench: Bench) -> None:
    assert bench.open(b"log", 12) == ERROR
    assert bench.call(0x01, DATA, 0, 0) == ERROR
    assert bench.call(0x01, DATA, 0, 0x10000) == ERROR
    assert bench.call(0x01, 0xFFFF_FFFC, 0, 8) == ERROR


def test_open_files_are_counted(bench: Bench) -> None:
    handles = [bench.open(f"f{n}".encode(), 4) for n in range(100)]
    good = [handle for handle in handles if handle != ERROR]
    assert len(good) == len(set(good)) == service_module.MOST_FILES - 3
    assert bench.errno() == 24
    assert bench.call(0x02, good[0]) == 0
    assert bench.open(b"again", 4) == good[0]


def test_features(bench: Bench) -> None:
    handle = bench.open(b":semihosting-features", 1)
    assert bench.call(0x0C, handle) == 5
    assert bench.call(0x06, handle, DATA, 5) == 0
    assert bench.core.memory.read(DATA, 5) == b"SHFB\x03"
    assert bench.call(0x0A, handle, 4) == 0
    assert bench.call(0x06, handle, DATA, 5) == 4
    assert bench.call(0x0A, handle, 6) == ERROR
    assert bench.call(0x05, handle, DATA, 1) == 1
    assert bench.call(0x09, handle) == 0
    assert bench.open(b":semihosting-features", 4) == ERROR
    assert bench.call(0x02, handle) == 0


def test_clock_elapsed_and_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.service.start(bench.core)
    bench.core.seconds = 7.25
    assert bench.call(0x10) == 225
    assert bench.call(0x31) == 1_000_000
    assert bench.call(0x30, 0, 0) == 0
    assert struct.unpack("<Q", bench.core.memory.read(BLOCK, 8)) == (2_250_000,)
    monkeypatch.setattr(service_module.time, "time", lambda: 1_700_000_000.9)
    assert bench.call(0x11) == 1_700_000_000


def test_time_begins_with_the_first_look_at_it(bench: Bench) -> None:
    assert bench.call(0x10) == 0
    bench.core.seconds += 1
    assert bench.call(0x10) == 100


def test_command_line(bench: Bench) -> None:
    assert bench.call(0x15, DATA, 16) == 0
    assert bench.core.memory.read(DATA, 16) == b"firmware.elf -v\0"
    assert struct.unpack("<2I", bench.core.memory.read(BLOCK, 8)) == (DATA, 15)
    assert bench.call(0x15, DATA, 15) == ERROR


def test_heap(bench: Bench) -> None:
    assert bench.call(0x16, DATA) == 0
    assert struct.unpack("<4I", bench.core.memory.read(DATA, 16)) == (1, 2, 3, 4)


def test_temporary_names(bench: Bench) -> None:
    assert bench.call(0x0D, DATA, 0x2A, 16) == 0
    assert bench.core.memory.read(DATA, 7) == b"tmp-2a\0"
    assert bench.call(0x0D, DATA, 0x2A, 6) == ERROR
    assert bench.call(0x0D, DATA, 256, 16) == ERROR


def test_iserror(bench: Bench) -> None:
    assert bench.call(0x08, ERROR) == 1
    assert bench.call(0x08, 0) == 0


@pytest.mark.parametrize("number", [0x12, 0x17, 0x00, 0x32, 0x1234_5678])
def test_what_is_not_served(bench: Bench, number: int) -> None:
    assert bench.call(number, bench.put(b"touch escaped\0"), 13) == ERROR
    assert bench.errno() == 88


@pytest.mark.parametrize(
    ("reason", "code", "expected"),
    [
        (0x20026, 0, 0),
        (0x20026, 7, 7),
        (0x20026, 0xFFFF_FFFF, 255),
        (0x20026, 256, 255),
        (0x20023, 0, 1),
        (0x20023, 7, 1),
    ],
)
def test_exit_extended(bench: Bench, reason: int, code: int, expected: int) -> None:
    bench.call(0x20, reason, code)
    assert bench.service.exit_code == expected


def test_exit(bench: Bench) -> None:
    assert bench.service.exit_code is None
    bench.call(0x18, parameter=0x20026)
    assert bench.service.exit_code == 0
    bench.call(0x18, parameter=0x20024)
    assert bench.service.exit_code == 1


def test_error_numbers_are_those_of_the_target() -> None:
    assert [errno_for_target(n) for n in (2, 13, 38, 40, 39, 71, None)] == [2, 13, 88, 13, 5, 5, 5]


def test_close_closes_what_was_left_open(bench: Bench, tmp_path: Path) -> None:
    handle = bench.open(b"log", 4)
    bench.service.close()
    assert bench.call(0x02, handle) == ERROR
