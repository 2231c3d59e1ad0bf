"""Notes of plugged-in boards: written, read, dropped when stale."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onchip.probe import discovery
from onchip.probe.discovery import PluggedBoard, announce, notes_directory, plugged_boards


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery.platformdirs, "user_state_dir", lambda *a, **k: str(tmp_path))
    monkeypatch.setattr(discovery, "DEFAULT_PORT", _free_port())


@pytest.fixture
def listening_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _board(port: int, pid: int | None = None) -> PluggedBoard:
    pid = os.getpid() if pid is None else pid
    return PluggedBoard(f"VB-{port}", "127.0.0.1", port, "stm32f407", "bulk-512x4", pid)


def test_nothing_is_plugged_in_where_there_is_no_directory(tmp_path: Path) -> None:
    assert not notes_directory().exists()
    assert plugged_boards() == []


def test_an_announced_board_is_found_while_the_context_lasts(listening_port: int) -> None:
    board = _board(listening_port)
    with announce(board) as note:
        assert note.exists()
        assert plugged_boards() == [board]
        assert board.spec == f"tcp:127.0.0.1:{listening_port}"
    assert not note.exists()
    assert plugged_boards() == []


def test_the_note_goes_even_when_the_board_ends_in_an_error(listening_port: int) -> None:
    with pytest.raises(KeyboardInterrupt), announce(_board(listening_port)) as note:
        raise KeyboardInterrupt
    assert not note.exists()


def test_boards_come_in_the_order_of_their_ports() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        announce(_board(one.getsockname()[1])),
        announce(_board(two.getsockname()[1])),
    ):
        ports = [board.port for board in plugged_boards()]
    assert ports == sorted(ports)
    assert len(ports) == 2


def test_a_dead_process_is_stale(listening_port: int) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with announce(_board(listening_port, child.pid)) as note:
        assert plugged_boards() == []
        assert not note.exists()


def test_a_port_that_refuses_is_stale() -> None:
    with announce(_board(_free_port())) as note:
        assert plugged_boards() == []
        assert not note.exists()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "not json", '{"serial": 1}', "\0", json.dumps({"serial": "x", "host": "h",
     "port": "a", "chip": "", "probe_model": "", "pid": 1})],
)  # fmt: skip
def test_a_note_that_is_none_is_dropped(text: str) -> None:
    notes_directory().mkdir(parents=True)
    note = notes_directory() / "1.json"
    note.write_text(text)
    assert plugged_boards() == []
    assert not note.exists()


def test_a_note_with_impossible_numbers_is_dropped() -> None:
    with announce(_board(1 << 20)) as note:
        assert plugged_boards() == []
        assert not note.exists()


def test_the_default_port_is_tried_without_a_note(
    monkeypatch: pytest.MonkeyPatch, listening_port: int
) -> None:
    monkeypatch.setattr(discovery, "DEFAULT_PORT", listening_port)
    (board,) = plugged_boards()
    assert (board.port, board.chip, board.pid) == (listening_port, "", 0)


def test_a_note_for_the_default_port_says_more(
    monkeypatch: pytest.MonkeyPatch, listening_port: int
) -> None:
    monkeypatch.setattr(discovery, "DEFAULT_PORT", listening_port)
    with announce(_board(listening_port)):
        assert plugged_boards() == [_board(listening_port)]


def test_a_home_that_cannot_be_written_to_does_without_notes(
    listening_port: int, tmp_path: Path
) -> None:
    (tmp_path / "boards").write_text("in the way")
    with announce(_board(listening_port)) as note:
        assert not note.exists()
        assert plugged_boards() == []


def test_a_directory_that_cannot_be_read_has_no_notes(
    listening_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(directory: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(directory))

    monkeypatch.setattr(Path, "iterdir", denied)
    with announce(_board(listening_port)):
        assert plugged_boards() == []


def test_the_directory_is_this_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert notes_directory().parts[-2:] == ("onchip", "boards")
