"""`onchip serve`, and a program that is killed while it uses the probe."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .conftest import Onchip

ONCHIP = (sys.executable, "-m", "onchip.cli.main")


@contextmanager
def _serve(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [*ONCHIP, "serve", "--probe", "virtual:stm32f407", "--port", "0", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        where = re.search(r"is served at (tcp:[\d.]+:\d+)", process.stdout.readline())
        assert where
        yield process, where[1]
    finally:
        process.kill()
        process.communicate()


def _packet(text: str) -> bytes:
    return f"${text}#{sum(text.encode()) & 0xFF:02x}".encode()


def test_a_gdb_server_and_a_script_use_it_together(onchip: Onchip) -> None:
    with _serve() as (process, probe):
        assert onchip("write", "0x20000000", "--words", "7", "--probe", probe).code == 0
        gdbserver = subprocess.Popen(
            [*ONCHIP, "gdbserver", "--port", "0", "--probe", probe],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert gdbserver.stdout is not None
        port = int(gdbserver.stdout.readline().split()[-1])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as gdb:
            for text in ("?", "Z1,8000100,2"):  # halt, and a breakpoint
                gdb.sendall(_packet(text))
            answers = b""
            while b"$OK#" not in answers:
                answers += gdb.recv(4096)
                gdb.sendall(b"+")
            for _ in range(2):  # it stays halted, and the other does not disturb it
                word = onchip("read", "0x20000000", "4", "--width", "32", "--probe", probe)
                assert word.code == 0
                assert "00000007" in word.out
                gdb.sendall(_packet("m20000000,4"))
                answers = b""
                while b"$07000000#" not in answers:
                    answers += gdb.recv(4096)
                gdb.sendall(b"+")
            gdbserver.kill()
            gdbserver.communicate()
        assert process.stderr is not None
        line = ""
        while "vanished" not in line:
            line = process.stderr.readline()
            assert line
        assert "breakpoints and watchpoints are cleared" in line
        assert onchip("info", "--probe", probe).code == 0
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0
        assert out.endswith("no longer served\n")
        assert "Traceback" not in err


def test_a_token_is_asked_for_and_remote_use_is_warned_of(
    onchip: Onchip, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _serve("--allow-remote", "--token", "mint-27") as (process, probe):
        assert process.stderr is not None
        assert "warning: other machines can use this probe" in process.stderr.readline()
        refused = onchip("info", "--probe", probe)
        assert refused.code == 3
        assert "asks for a token" in refused.err
        assert "ONCHIP_TOKEN" in refused.err
        monkeypatch.setenv("ONCHIP_TOKEN", "mint-27")
        assert onchip("info", "--probe", probe).code == 0


def test_remote_use_needs_a_token(onchip: Onchip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONCHIP_TOKEN", raising=False)
    outcome = onchip("serve", "--allow-remote", "--probe", "virtual:stm32f407")
    assert outcome.code == 2
    assert "needs a token" in outcome.err


def test_a_taken_port_is_told(onchip: Onchip) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = onchip("serve", "--probe", "virtual:bare-ram", "--port", port)
    assert outcome.code == 2
    assert "cannot listen" in outcome.err
