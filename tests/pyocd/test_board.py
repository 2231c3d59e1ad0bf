"""Finding boards under the classic names."""

from __future__ import annotations

import pytest

from onchip.errors import UsageError
from onchip.probe import discovery
from onchip.probe.discovery import PluggedBoard
from pyOCD.board import Board, MbedBoard

TWO = [
    PluggedBoard("VB-one", "127.0.0.1", 1, "stm32f407", "bulk-512x4", 1),
    PluggedBoard("VB-two", "127.0.0.1", 2, "nrf52840", "hid-64x4", 1),
]


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> list[PluggedBoard]:
    monkeypatch.delenv("ONCHIP_PROBE")
    boards: list[PluggedBoard] = []
    monkeypatch.setattr(discovery, "plugged_boards", lambda: boards)
    return boards


def test_the_environment_names_the_board() -> None:
    board = MbedBoard.chooseBoard()
    assert board is not None
    with board:
        assert board.getTargetType() == "stm32f407"
        assert board.getUniqueID() == "virtual:stm32f407"
        assert not board.closed
        assert "stm32f407" in repr(board)
    assert board.closed
    board.uninit()


def test_a_plugged_in_board_counts_as_connected(plugged: list[PluggedBoard]) -> None:
    plugged += TWO
    boards = MbedBoard.getAllConnectedBoards()
    assert [board.unique_id for board in boards] == ["VB-one", "VB-two"]
    assert boards[1].getBoardName() == "onchip nrf52840 (hid-64x4)"
    assert boards[0].probe == "tcp:127.0.0.1:1"


def test_no_board_is_none_and_a_line(
    plugged: list[PluggedBoard], capsys: pytest.CaptureFixture[str]
) -> None:
    assert MbedBoard.chooseBoard() is None
    assert "No connected boards; plug a virtual one in" in capsys.readouterr().out
    MbedBoard.listConnectedBoards()
    assert "No connected boards" in capsys.readouterr().out


def test_an_unknown_id_is_none_and_a_line(
    plugged: list[PluggedBoard], capsys: pytest.CaptureFixture[str]
) -> None:
    plugged += TWO
    assert MbedBoard.chooseBoard(board_id="0240") is None
    assert capsys.readouterr().out == "Board 0240 is not connected\n"


def test_an_id_or_its_beginning_chooses(plugged: list[PluggedBoard]) -> None:
    plugged += TWO
    board = MbedBoard.chooseBoard(board_id="VB-t", init_board=False)
    assert board is not None
    assert board.unique_id == "VB-two"


def test_the_first_may_be_taken(plugged: list[PluggedBoard]) -> None:
    plugged += TWO
    board = MbedBoard.chooseBoard(return_first=True, init_board=False)
    assert board is not None
    assert board.unique_id == "VB-one"


def test_of_several_the_user_is_asked(
    plugged: list[PluggedBoard],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plugged += TWO
    answers = iter(["7", "1"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    board = MbedBoard.chooseBoard(init_board=False)
    assert board is not None
    assert board.unique_id == "VB-two"
    out = capsys.readouterr().out
    assert "0 => onchip stm32f407" in out
    assert "'7' is none of them" in out


def test_the_user_may_quit(plugged: list[PluggedBoard], monkeypatch: pytest.MonkeyPatch) -> None:
    plugged += TWO
    monkeypatch.setattr("builtins.input", lambda prompt: "q")
    assert MbedBoard.chooseBoard() is None


def test_a_board_before_init_says_what_to_call() -> None:
    with pytest.raises(UsageError, match="not connected") as caught:
        _ = Board("virtual:stm32f407").session
    assert "init()" in (caught.value.hint or "")


def test_the_target_may_be_overridden() -> None:
    board = MbedBoard.chooseBoard(target_override="stm32f407", frequency=400_000)
    assert board is not None
    assert board.getTargetType() == "stm32f407"
    assert board.link is board.session.link
    board.uninit(resume=False)
