"""Who is at the other end of a socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from onchip.services import peers


def _pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return client, listener.accept()[0]


def test_a_program_of_ours_is_named() -> None:
    client, accepted = _pair()
    with client, accepted:
        name = peers.peer_name(accepted)
    own = peers._command(peers.PROC / str(os.getpid()))  # pytest's, or one of its workers'
    assert name == f"{own} (pid {os.getpid()})"


def test_where_nothing_tells_it_is_an_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peers, "PROC", tmp_path)
    client, accepted = _pair()
    with client, accepted:
        assert peers.peer_name(accepted) == f"127.0.0.1:{client.getsockname()[1]}"


def test_who_has_left_has_no_name() -> None:
    client, accepted = _pair()
    client.close()
    accepted.close()
    assert peers.peer_name(accepted) == "a client that has left"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["/usr/bin/openocd", "-f", "x.cfg"], "openocd -f x.cfg"),
        (["python3", "-m", "onchip.cli.main", "list"], "onchip list"),
        (["/v/bin/python", "/v/bin/onchip", "gdbserver"], "onchip gdbserver"),
        (["python3"], "python3"),
        (["x", "y" * 100], "x " + "y" * 54 + " ..."),
    ],
)
def test_commands_as_people_type_them(tmp_path: Path, words: list[str], shown: str) -> None:
    (tmp_path / "cmdline").write_bytes(b"\0".join(word.encode() for word in words) + b"\0")
    assert peers._command(tmp_path) == shown
