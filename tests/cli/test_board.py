"""`onchip board` as a user meets it: in a process of its own, found by `onchip list`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.boards import running_board
from tests.support.images import write_bin

ONCHIP = (sys.executable, "-m", "onchip.cli.main")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes of boards go into this test's folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ONCHIP, *map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )


def _listed() -> list[dict[str, object]]:
    boards = json.loads(_run("list", "--json").stdout)
    return [board for board in boards if board["pid"]]  # not a stranger on the default port


def test_plug_in_list_flash_and_unplug(tmp_path: Path) -> None:
    image = write_bin(tmp_path, "stm32f407", length=5000)
    with running_board("stm32f407") as board:
        (note,) = _listed()
        assert note["chip"] == "stm32f407"
        assert note["port"] == board.port
        serial = str(note["serial"])
        assert serial in board.lines[0]

        flashed = _run("flash", image, "--probe", serial)
        assert flashed.returncode == 0, flashed.stderr
        assert "4.9 KiB in place and verified" in flashed.stdout
        assert _run("verify", image, "--probe", serial[:6]).returncode == 0
        info = json.loads(_run("info", "--probe", f"tcp:{board.address}", "--json").stdout)
        assert info["core"]["state"] == "running"
        assert info["probe"]["serial"] == serial
    assert _listed() == []


def _start(*words: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*ONCHIP, "board", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert "plugged in" in process.stdout.readline()
    assert "Ctrl-C unplugs it" in process.stdout.readline()
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_unplugs_it(number: signal.Signals) -> None:
    process = _start("nrf51822", "--port", "0")
    assert [board["chip"] for board in _listed()] == ["nrf51822"]
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out.strip(), err) == (0, "unplugged", "")
    assert _listed() == []


def test_a_killed_board_is_dropped_from_the_list(tmp_path: Path) -> None:
    process = _start("nrf51822", "--port", "0")
    assert list((tmp_path / "state").rglob("*.json"))
    process.kill()
    process.communicate(timeout=20)
    assert _listed() == []
    assert not list((tmp_path / "state").rglob("*.json"))


def test_the_flash_file_is_kept_when_it_is_unplugged(tmp_path: Path) -> None:
    image = write_bin(tmp_path, "nrf52840", length=3000)
    flash_file = tmp_path / "board.flash"
    process = _start("nrf52840", "--port", "0", "--flash-file", str(flash_file))
    (note,) = _listed()
    assert _run("flash", image, "--probe", note["serial"]).returncode == 0
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    verified = _run("verify", image, "--probe", f"virtual:nrf52840@{flash_file}")
    assert verified.returncode == 0, verified.stderr


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = _run("board", "nrf51822", "--port", port)
    assert result.returncode == 2
    first = result.stderr.splitlines()[0]
    assert first == f"onchip: error: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert "--port" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("z80",), "z80"),
        (("stm32f407", "--probe-model", "carrier-pigeon"), "carrier-pigeon"),
        (("stm32f407", "--port", "99999"), "99999"),
    ],
)
def test_a_board_that_cannot_be(words: tuple[str, ...], told: str) -> None:
    result = _run("board", *words)
    assert result.returncode in (2, 3)
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_second_user_is_told_that_the_probe_is_busy() -> None:
    with running_board("nrf51822") as board:
        with socket.create_connection((board.host, board.port)) as first:
            first.sendall(bytes.fromhex("44415000 0200 01 00 00 fe"))  # DAP_Info: packet count
            assert first.recv(100)
            busy = _run("info", "--probe", f"tcp:{board.address}")
            assert busy.returncode == 3
            assert f"(pid {os.getpid()})" in busy.stderr
        assert _run("info", "--probe", f"tcp:{board.address}").returncode == 0


def test_listening_elsewhere_is_asked_for_by_name() -> None:
    with running_board("nrf51822") as board:
        assert board.host == "127.0.0.1"
        addresses = Path(f"/proc/{os.getpid()}/net/tcp").read_text(encoding="ascii")
        assert f"0100007F:{board.port:04X}" in addresses
        assert f"00000000:{board.port:04X}" not in addresses
