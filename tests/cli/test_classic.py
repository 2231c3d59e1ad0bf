"""The command lines with which IDEs and build tools start today's pyOCD."""

from __future__ import annotations

import argparse
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from onchip.cli.classic import image_and_base, settle, stays
from onchip.cli.verbs import flash, gdbserver
from onchip.errors import UsageError
from tests.support.images import counting_loop, write_bin

from .conftest import Onchip

ONCHIP = (sys.executable, "-m", "onchip.cli.main")


def _server(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    gdbserver.add_arguments(parser)
    arguments = parser.parse_args(words)
    settle(arguments)
    return arguments


# ---- flash, as Zephyr's west calls it


@pytest.mark.parametrize("erase", ["sector", "chip", "auto"])
def test_west_flash(onchip: Onchip, tmp_path: Path, erase: str) -> None:
    probe = f"virtual:stm32f407@{tmp_path / 'board.flash'}"
    image = write_bin(tmp_path, "stm32f407")
    words = ("-e", erase, "-a", "0x8004000", "-t", "stm32f407vg", "-u", probe, "-f", "4000000")
    outcome = onchip("flash", *words, image, "--no-reset")
    assert outcome.code == 0, outcome.err
    assert "the core is halted" in outcome.out
    copy = tmp_path / "copy.bin"
    onchip("read", "0x8004000", 1024, "-o", copy, "--probe", probe)
    assert copy.read_bytes() == image.read_bytes()


def test_west_flash_with_its_configuration_and_options(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "nrf52840")
    outcome = onchip(
        *("flash", "--config", "support/pyocd.yaml", "-e", "sector", "-da", "limit_packets=1"),
        *("-t", "nrf52840", "-u", "virtual:nrf52840", "-O", "frequency=1M", "--trust-crc", image),
    )
    assert outcome.code == 0, outcome.err
    notes = [line for line in outcome.err.splitlines() if line.startswith("onchip: ")]
    assert [note.split(" changes")[0] for note in notes] == ["onchip: --config", "onchip: --daparg"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ("sums", True, False)),
        (("--trust-crc",), ("sums", True, False)),
        (("--verify", "full", "-O", "fast_program=true"), ("sums", True, False)),
        (("-O", "fast_program=0"), ("full", True, False)),
        (("-O", "smart_flash=no", "-O", "keep_unwritten=off"), ("sums", False, True)),
    ],
)
def test_how_much_is_trusted(words: tuple[str, ...], expected: tuple[object, ...]) -> None:
    parser = argparse.ArgumentParser()
    flash.add_arguments(parser)
    arguments = parser.parse_args(["image.bin", *words])
    settle(arguments)
    assert (arguments.verify, arguments.skip_same, arguments.no_keep) == expected


def test_west_runs_commands_after_flashing(onchip: Onchip) -> None:
    board = ("-t", "stm32f407", "-u", "virtual:stm32f407")
    outcome = onchip("cmd", *board, "-c", "write32 0x20000000 7", "-c", "read32 0x20000000 4")
    assert outcome.code == 0, outcome.err
    assert "00000007" in outcome.out


def test_verbs_by_their_other_names(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "stm32f407")
    assert onchip("load", image, "-u", "virtual:stm32f407").code == 0
    assert "onchip gdbserver" in onchip("gdb", "--help").out
    assert "onchip shell" in onchip("commander", "--help").out


def test_a_file_may_name_its_address(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "stm32f407")
    probe = f"virtual:stm32f407@{tmp_path / 'board.flash'}"
    outcome = onchip("flash", f"{image}@0x8008000", "-u", probe)
    assert outcome.code == 0, outcome.err
    shown = onchip("read", "0x8008100", 8, "-u", probe)
    assert shown.out.split()[1:9] == counting_loop("stm32f407")[0x100:0x108].hex(" ").split()


def test_two_addresses_are_refused(onchip: Onchip) -> None:
    outcome = onchip("flash", "x.bin@0x8008000", "-a", "0x8000000", "-u", "virtual:stm32f407")
    assert outcome.code == 2
    assert "another address" in outcome.err


def test_an_at_sign_in_a_name_is_no_address() -> None:
    assert image_and_base("me@home.bin", None) == ("me@home.bin", None)
    assert image_and_base("@5", 1) == ("@5", 1)
    assert image_and_base("a.bin@0x10", 0x10) == ("a.bin", 0x10)


def test_pyocd_name_for_any_chip_means_ask_it(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "stm32f407")
    outcome = onchip("flash", "-t", "cortex_m", "-u", "virtual:stm32f407", image)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    "words", [("-e", "all"), ("-O", "chip_erase=never"), ("-M", "pre-reset"), ("--format", "x")]
)
def test_what_cannot_be_meant_is_refused(onchip: Onchip, words: tuple[str, ...]) -> None:
    outcome = onchip("flash", "x.bin", "-u", "virtual:stm32f407", *words)
    assert outcome.code == 2


# ---- gdbserver: what the options mean


def test_cortex_debug_words(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = _server(
        *("--port", "50000", "--telnet-port", "50001", "--board", "0240", "--target", "stm32f407"),
        *("--pack", "Keil.STM32F4xx_DFP.pack", "-O", "enable_swv=1", "-O", "swv_raw_port=50002"),
    )
    assert (arguments.port, arguments.probe, arguments.target) == (50000, "0240", "stm32f407")
    assert not stays(arguments)
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 3
    assert arguments.pack == ["Keil.STM32F4xx_DFP.pack"]


def test_west_words() -> None:
    arguments = _server("-p", "3333", "-T", "4444", "-t", "nrf52", "-u", "1234", "-f", "8000000")
    assert (arguments.port, arguments.probe, arguments.target) == (3333, "1234", "nrf52")
    assert arguments.frequency == 8_000_000
    assert not stays(arguments)


def test_who_comes_back_finds_the_server() -> None:
    assert stays(_server())
    assert stays(_server("-T", "4444", "--persist"))
    assert stays(_server("-T", "4444", "-O", "persist=1"))
    assert not stays(_server("--once"))
    assert not stays(_server("-O", "persist=0"))


def test_options_of_the_session() -> None:
    arguments = _server(
        *("-O", "persist", "-O", "connect_mode=under-reset", "-O", "vector-catch=hb"),
        *("-O", "semihosting=x", "-O", "enable_semihosting=true", "-O", "resume_on_disconnect=0"),
        *("-O", "step_into_interrupt=yes", "-O", "soft_bkpt_as_hard=on", "-O", "frequency=2M"),
        *("-O", "gdbserver_port=0", "-O", "chip_erase=chip", "-O", "target_override=nrf51"),
    )
    assert arguments.persist
    assert arguments.connect == "under-reset"
    assert arguments.vector_catch == {"hardfault", "busfault"}
    assert arguments.semihosting
    assert not arguments.resume_on_detach
    assert arguments.step_into_interrupts
    assert arguments.hardware_breakpoints
    assert (arguments.frequency, arguments.port) == (2_000_000, 0)
    assert (arguments.erase, arguments.target) == ("chip", "nrf51")


def test_letters_of_vector_catch() -> None:
    assert _server().vector_catch == {"hardfault"}
    assert len(_server("-C", "all").vector_catch) == 8
    assert _server("-C", "none").vector_catch == frozenset()
    with pytest.raises(SystemExit):
        _server("-C", "hx")


@pytest.mark.parametrize("text", ["persist=perhaps", "gdbserver_port=x", "connect_mode=pre-reset"])
def test_values_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(UsageError, match=text):
        _server("-O", text)


def test_the_flash_verb_ignores_options_of_the_server() -> None:
    parser = argparse.ArgumentParser()
    flash.add_arguments(parser)
    arguments = parser.parse_args(["x.bin", "-O", "persist=1"])
    settle(arguments)
    assert not hasattr(arguments, "persist")


# ---- gdbserver: ready, and gone within 600 ms of the last detach


def _start(*words: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [*ONCHIP, "gdbserver", "--board", "virtual:nrf51822", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    # what Cortex-Debug waits for
    assert re.search(r"GDB server (listening|started) (at|on) port", line), line
    return process, int(line.split()[-1])


def _exchange(connection: socket.socket, text: str) -> bytes:
    connection.sendall(f"+${text}#{sum(text.encode()) & 0xFF:02x}".encode())
    received = b""
    while not re.search(rb"\$[^#]*#..", received):
        data = connection.recv(4096)
        if not data:
            break
        received += data
    return received


def test_it_ends_within_600_ms_of_the_last_detach() -> None:
    # a busy machine may be slow once, or twice
    assert any(_seconds_from_detach_to_end() < 0.6 for _ in range(3))


def _seconds_from_detach_to_end() -> float:
    process, port = _start("--port", "0", "--telnet-port", "0", "--target", "nrf51822")
    with process, socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        _exchange(connection, "!")
        _exchange(connection, "?")
        assert b"$OK#" in _exchange(connection, "D")
        detached = time.monotonic()
        process.wait(timeout=20)  # though this client keeps its socket open
        took = time.monotonic() - detached
        assert process.returncode == 0
        return took


@pytest.mark.parametrize("words", [(), ("--telnet-port", "0", "--persist")])
def test_it_stays_for_the_next_client(words: tuple[str, ...]) -> None:
    process, port = _start("--port", "0", *words)
    try:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                assert b"$OK#" in _exchange(connection, "D")
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
