"""`onchip board` as a user meets it: in a process of its own, found by `onchip list`.

The boards are processes; who uses them runs in this one.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from onchip.probe import plugged
from tests.support.boards import running_board
from tests.support.images import write_bin

from .conftest import Onchip


@pytest.fixture(autouse=True)
def nothing_plugged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes of boards go into this test's folder, and only what they note is plugged in."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(plugged, "usb_probes", lambda: ([], []))


def _listed(onchip: Onchip) -> list[dict[str, object]]:
    boards = json.loads(onchip("list", "--json").out)
    return [board for board in boards if board["pid"]]  # not a stranger on the default port


def test_plug_in_list_flash_and_unplug(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "stm32f407", length=5000)
    with running_board("stm32f407") as board:
        (note,) = _listed(onchip)
        assert note["chip"] == "stm32f407"
        assert note["port"] == board.port
        serial = str(note["serial"])
        assert serial in board.lines[0]

        flashed = onchip("flash", image, "--probe", serial)
        assert flashed.code == 0, flashed.err
        assert "4.9 KiB in place and verified" in flashed.out
        assert onchip("verify", image, "--probe", serial[:6]).code == 0
        info = json.loads(onchip("info", "--probe", f"tcp:{board.address}", "--json").out)
        assert info["core"]["state"] == "running"
        assert info["probe"]["serial"] == serial
    assert _listed(onchip) == []


def _start(*words: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "onchip", "board", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "plugged in" in process.stdout.readline()
    assert "Ctrl-C unplugs it" in process.stdout.readline()
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_unplugs_it(onchip: Onchip, number: signal.Signals) -> None:
    process = _start("nrf51822", "--port", "0")
    assert [board["chip"] for board in _listed(onchip)] == ["nrf51822"]
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out.strip(), err) == (0, "unplugged", "")
    assert _listed(onchip) == []


def test_a_killed_board_is_dropped_from_the_list(onchip: Onchip, tmp_path: Path) -> None:
    process = _start("nrf51822", "--port", "0")
    assert list((tmp_path / "state").rglob("*.json"))
    process.kill()
    process.communicate(timeout=20)
    assert _listed(onchip) == []
    assert not list((tmp_path / "state").rglob("*.json"))


def test_the_flash_file_is_kept_when_it_is_unplugged(onchip: Onchip, tmp_path: Path) -> None:
    image = write_bin(tmp_path, "nrf52840", length=3000)
    flash_file = tmp_path / "board.flash"
    process = _start("nrf52840", "--port", "0", "--flash-file", str(flash_file))
    (note,) = _listed(onchip)
    assert onchip("flash", image, "--probe", note["serial"]).code == 0
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    verified = onchip("verify", image, "--probe", f"virtual:nrf52840@{flash_file}")
    assert verified.code == 0, verified.err


def test_a_taken_port_is_told(onchip: Onchip) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = onchip("board", "nrf51822", "--port", port)
    assert result.code == 2
    first = result.err.splitlines()[0]
    assert first == f"onchip: error: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert "--port" in result.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("z80",), "z80"),
        (("stm32f407", "--probe-model", "carrier-pigeon"), "carrier-pigeon"),
        (("stm32f407", "--port", "99999"), "99999"),
    ],
)
def test_a_board_that_cannot_be(onchip: Onchip, words: tuple[str, ...], told: str) -> None:
    result = onchip("board", *words)
    assert result.code in (2, 3)
    assert told in result.err


def test_a_second_user_is_told_that_the_probe_is_busy(onchip: Onchip) -> None:
    with running_board("nrf51822") as board:
        with socket.create_connection((board.host, board.port)) as first:
            first.sendall(bytes.fromhex("44415000 0200 01 00 00 fe"))  # DAP_Info: packet count
            assert first.recv(100)
            busy = onchip("info", "--probe", f"tcp:{board.address}")
            assert busy.code == 3
            assert f"(pid {os.getpid()})" in busy.err
        assert onchip("info", "--probe", f"tcp:{board.address}").code == 0


def test_listening_elsewhere_is_asked_for_by_name() -> None:
    with running_board("nrf51822") as board:
        assert board.host == "127.0.0.1"
        addresses = Path(f"/proc/{os.getpid()}/net/tcp").read_text(encoding="ascii")
        assert f"0100007F:{board.port:04X}" in addresses
        assert f"00000000:{board.port:04X}" not in addresses
