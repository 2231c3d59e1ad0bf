"""Every option of `pyocd-gdbserver` does what it says: each of these tests fails without it."""

from __future__ import annotations

import re
import socket
import time
from importlib.resources import files
from typing import Any

import pytest

from onchip.services.gdb import GdbServer
from onchip.services.telnet_console import TelnetConsole
from onchip.wire.gdb_rsp.framing import encode_packet
from pyOCD.tools import gdb_server
from tests.pyocd.gdb_client import Client, Served

FLASH, RAM = 0x0800_0000, 0x2000_0000
PC, XPSR = 15, 16
UDF = bytes.fromhex("00de fee7")
RESET = bytes.fromhex("0860 fee7")  # str r0, [r1]; b .
HANDLER, LOOP = FLASH + 0x106, FLASH + 0x102
SYS_WRITE0, SYS_READC = 4, 7
AIRCR, SYSRESETREQ = 0xE000_ED0C, 0x05FA_0004


@pytest.fixture(autouse=True)
def board_of_the_environment(marked_board: str) -> None:
    """All servers serve a board with the counting loop."""


def crash(client: Client) -> bytes:
    """Let the core run into an undefined instruction, and on into a breakpoint in the handler."""
    client.write(RAM, UDF)
    client.set_register(PC, RAM)
    assert client.ask(b"Z1,%x,2" % HANDLER) == b"OK"
    return client.stop()


def test_it_stops_at_a_hardfault_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    with Served(capsys) as served:
        assert crash(served.client).startswith(b"T0b")  # SIGSEGV
        assert served.client.register(XPSR) & 0x1FF == 3


@pytest.mark.parametrize("option", ["-n", "--nobreak", "-C=n", "-C=r"])
def test_nobreak_lets_a_hardfault_be_handled(
    capsys: pytest.CaptureFixture[str], option: str
) -> None:
    with Served(capsys, *option.split("=")) as served:
        stop = crash(served.client)
        assert stop.startswith(b"T05")
        assert b"hwbreak" in stop
        assert served.client.register(XPSR) & 0x1FF == 3


def reset_by_itself(client: Client) -> int:
    """Let the program reset its own chip; return where it stops then: at the loop at the latest."""
    client.write(RAM, RESET)
    client.set_register(0, SYSRESETREQ)
    client.set_register(1, AIRCR)
    client.set_register(PC, RAM)
    assert client.ask(b"Z1,%x,2" % LOOP) == b"OK"
    client.stop()
    return client.register(PC)


@pytest.mark.parametrize("option", ["-r", "--reset-break", "-C=hr", "-C=a"])
def test_reset_break_stops_at_a_reset(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with Served(capsys, *option.split("=")) as served:
        assert reset_by_itself(served.client) == FLASH + 0x100


def test_without_reset_break_a_reset_goes_unnoticed(capsys: pytest.CaptureFixture[str]) -> None:
    with Served(capsys) as served:
        assert reset_by_itself(served.client) == LOOP


def test_a_vector_catch_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert gdb_server.main(["-C", "hz"]) == 1
    assert "--vector-catch has no 'z'" in capsys.readouterr().err


def steps_into(client: Client) -> bool:
    """Step with an interrupt pending; say whether it was taken."""
    client.write(0xE000_E014, (1).to_bytes(4, "little"))
    client.write(0xE000_E010, (7).to_bytes(4, "little"))
    for _ in range(4):
        client.ask(b"vCont;s:1")
    return client.register(XPSR) & 0x1FF == 15


@pytest.mark.parametrize("option", ["-s", "--step-int"])
def test_step_int_steps_into_interrupts(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with Served(capsys, option) as served:
        assert steps_into(served.client)


def test_steps_pass_interrupts_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    with Served(capsys) as served:
        assert not steps_into(served.client)


@pytest.mark.parametrize("option", ["-o", "--persist"])
def test_persist_serves_another_client(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with Served(capsys, option) as served:
        assert served.client.ask(b"D") == b"OK"
        served.client.close()
        again = Client(served.port)
        assert again.ask(b"?").startswith(b"T")
        assert not served.ended(0.3)
        again.ask(b"D")
        again.close()
        stop_all()


def stop_all() -> None:
    """End the persistent servers of this process."""
    for server in list(_SERVERS):
        server.stop()


_SERVERS: list[GdbServer] = []
_CONSOLES: list[TelnetConsole] = []


@pytest.fixture(autouse=True)
def servers_known(monkeypatch: pytest.MonkeyPatch) -> None:
    _SERVERS.clear()
    _CONSOLES.clear()
    original = GdbServer.__init__

    def noted(self: GdbServer, *args: Any, **settings: Any) -> None:
        original(self, *args, **settings)
        _SERVERS.append(self)

    monkeypatch.setattr(GdbServer, "__init__", noted)
    start = TelnetConsole.start

    def started(self: TelnetConsole) -> None:
        _CONSOLES.append(self)
        start(self)

    monkeypatch.setattr(TelnetConsole, "start", started)


def test_without_persist_it_ends_with_its_client(capsys: pytest.CaptureFixture[str]) -> None:
    with Served(capsys) as served:
        assert served.client.ask(b"D") == b"OK"
        served.client.close()
        assert served.ended()
        assert served.code == 0


@pytest.mark.parametrize("option", ["-bh", "--soft-bkpt-as-hard"])
def test_soft_bkpt_as_hard_patches_no_ram(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with Served(capsys, option) as served:
        served.client.write(RAM, UDF)
        served.client.ask(b"Z0,20000000,2")
        served.client.send(encode_packet(b"vCont;s:1"))
        served.client.receive()
        assert core_sees(RAM) == UDF[:2]
    with Served(capsys) as served:
        served.client.write(RAM, UDF)
        assert served.client.ask(b"Z0,20000000,2") == b"OK"
        served.client.send(encode_packet(b"vCont;s:1"))
        served.client.receive()
        assert core_sees(RAM) == b"\x00\xbe"


def core_sees(address: int) -> bytes:
    """Read memory below the layer that hides our breakpoints."""
    session = _SERVERS[-1]._session
    with session.lock:
        return session.core.ap.read(address, 2)


@pytest.mark.parametrize(
    ("option", "mark"),
    [
        ("-ce", b"\xff" * 4),
        ("--chip_erase", b"\xff" * 4),
        ("-se", b"UUUU"),
        ("--sector_erase", b"UUUU"),
        ("-hp", b"UUUU"),
    ],
)
def test_what_a_load_erases(capsys: pytest.CaptureFixture[str], option: str, mark: bytes) -> None:
    with Served(capsys, option, "-hp") as served:
        assert served.client.load(FLASH + 0x4000, b"hello") == b"OK"
        assert served.client.read(FLASH + 0x4000, 5) == b"hello"
        assert served.client.read(FLASH + 0x8000, 4) == mark


@pytest.mark.parametrize(
    ("options", "shown"), [((), True), (("-hp",), False), (("--hide_progress",), False)]
)
def test_hide_progress_hides_the_bar(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], shown: bool
) -> None:
    with Served(capsys, *options) as served:
        assert served.client.load(FLASH + 0x4000, b"hello") == b"OK"
        assert ("[====================] 100%\n" in served.captured()) is shown


@pytest.mark.parametrize(
    ("options", "reads"), [((), True), (("-fp",), False), (("--fast_program",), False)]
)
def test_fast_program_trusts_the_crcs(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    reads: bool,
) -> None:
    with Served(capsys, "-hp", *options) as served:
        memory = type(_SERVERS[-1]._session.core.ap)
        honest, seen = memory.read, []

        def spy(self: Any, address: int, length: int) -> bytes:
            seen.append(address)
            return honest(self, address, length)

        monkeypatch.setattr(memory, "read", spy)
        assert served.client.load(FLASH + 0x4000, b"hello") == b"OK"
        assert (FLASH + 0x4000 in seen) is reads


@pytest.mark.parametrize("option", ["-f", "--frequency"])
def test_the_frequency_is_that_of_the_wire(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with Served(capsys, option, "400000"):
        assert _SERVERS[-1]._session.client.frequency_hz == 400_000
    with Served(capsys):
        assert _SERVERS[-1]._session.client.frequency_hz == 1_000_000


@pytest.mark.parametrize("option", ["-t", "--target"])
def test_the_target_is_the_one_that_was_named(
    capsys: pytest.CaptureFixture[str], option: str
) -> None:
    with Served(capsys, option, "cortex_m"):
        session = _SERVERS[-1]._session
        assert session.chip is not None
        assert session.chip.name == "cortex-m"
    assert gdb_server.main([option, "nrf52840"]) == 1
    assert "this is no nrf52840" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["-b", "--board"])
def test_the_board_is_the_one_that_was_named(
    capsys: pytest.CaptureFixture[str], option: str
) -> None:
    with Served(capsys, option, "virtual:stm"):
        pass
    assert gdb_server.main([option, "0240"]) == 1
    assert capsys.readouterr().out.endswith("Board 0240 is not connected\n")


def test_debug_chooses_what_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    with Served(capsys, "-d", "info") as served:
        served.captured()
        assert "INFO: client 127.0.0.1" in served.err
    with Served(capsys, "--debug", "warning") as served:
        served.client.ask(b"D")
        served.captured()
        assert served.err == ""


def test_allow_remote_listens_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    for option, host in (("--allow-remote", "0.0.0.0"), ("-hp", "127.0.0.1")):
        with Served(capsys, option):
            assert _SERVERS[-1]._address[0] == host


def semihost(client: Client, operation: int) -> None:
    """Let the program make one semihosting call, and stop behind it."""
    client.write(RAM, bytes.fromhex("abbe 00be"))
    client.write(RAM + 0x100, b"hi there\n\0")
    client.set_register(0, operation)
    client.set_register(1, RAM + 0x100)
    client.set_register(PC, RAM)
    client.stop()
    assert client.register(PC) == RAM + 2


def telnet_port(served: Served) -> int | None:
    served.captured()
    found = re.search(r"console of semihosting is on port (\d+)", served.err)
    return int(found[1]) if found else None


def test_semihosting_prints_here_and_by_telnet(capsys: pytest.CaptureFixture[str]) -> None:
    with Served(capsys, "-S", "-T", "0") as served:
        port = telnet_port(served)
        assert port is not None
        with socket.create_connection(("127.0.0.1", port), timeout=5) as terminal:
            terminal.sendall(b"x")
            deadline = time.monotonic() + 10
            while not _CONSOLES[0]._typed and time.monotonic() < deadline:
                time.sleep(0.001)
            semihost(served.client, SYS_WRITE0)
            assert "hi there\n" in served.captured()
            assert terminal.recv(100) == b"hi there\r\n"
            semihost(served.client, SYS_READC)
            assert served.client.register(0) == ord("x")


@pytest.mark.parametrize("option", ["-sc", "--semihost-console"])
def test_without_telnet_it_prints_here_only(
    capsys: pytest.CaptureFixture[str], option: str
) -> None:
    with Served(capsys, "-S", option, "stdx") as served:
        assert telnet_port(served) is None
        semihost(served.client, SYS_WRITE0)
        assert "hi there\n" in served.captured()


def test_a_telnet_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with Served(capsys, "-S", "--telnet-port", port) as served:
            served.captured()
            assert f"WARNING: cannot listen on port {port}" in served.err


def test_without_semihosting_the_program_stops_at_its_call(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Served(capsys) as served:
        served.client.write(RAM, bytes.fromhex("abbe 00be"))
        served.client.set_register(PC, RAM)
        served.client.stop()
        assert served.client.register(PC) == RAM
        assert telnet_port(served) is None


def test_commands_of_other_servers(capsys: pytest.CaptureFixture[str]) -> None:
    with Served(capsys, "-c", 'echo "ready"', "-c", "gdb_port 0", "-c", "telnet_port 0") as served:
        assert served.out.startswith("ready\n")
    assert gdb_server.main(["-c", "dance"]) == 1
    assert "'dance' is not known" in capsys.readouterr().err


def test_elf_names_what_monitor_shows(capsys: pytest.CaptureFixture[str]) -> None:
    elf = str(files("onchip.cli") / "samples" / "stm32f407.elf")
    with Served(capsys, "--elf", elf) as served:
        assert " main" in served.client.monitor("symbol main")
    assert gdb_server.main(["--elf", "x.elf"]) == 1
    assert "x.elf" in capsys.readouterr().err


def test_unlock(capsys: pytest.CaptureFixture[str]) -> None:
    locked = ("-b", "virtual:stm32f407+locked")
    assert gdb_server.main(locked) == 1
    assert "is locked" in capsys.readouterr().err
    with Served(capsys, *locked, "-u") as served:
        assert served.client.read(0x0800_0000, 4) == b"\xff" * 4


def test_limit_packets_keeps_one_packet_in_flight(capsys: pytest.CaptureFixture[str]) -> None:
    for words, count in ((("-da", "limit_packets=true"), 1), (("-da", "other=1"), 4), ((), 4)):
        with Served(capsys, *words):
            assert _SERVERS[-1]._session.client.packet_count == count


def test_a_setting_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert gdb_server.main(["-da", "fast"]) == 1
    assert "is no setting" in capsys.readouterr().err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--help", "--version"):
        with pytest.raises(SystemExit) as caught:
            gdb_server.main([option])
        assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "--soft-bkpt-as-hard" in out
    with pytest.raises(SystemExit) as caught:
        gdb_server.main(["-ce", "-se"])
    assert caught.value.code == 2
