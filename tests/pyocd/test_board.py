"""Finding boards under the classic names."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from onchip.errors import ProbeError, UsageError, WrongChip
from onchip.probe import discovery
from onchip.probe import plugged as plugged_probes
from onchip.probe.discovery import PluggedBoard
from onchip.probe.link import UsbIdentity
from onchip.probe.plugged import UsbProbe
from onchip.services.board import BoardServer
from onchip.virtual_board.board import VirtualBoard
from pyOCD.board import Board, MbedBoard
from pyOCD.pyDAPAccess import DAPAccess
from tests.support.images import counting_loop

TWO = [
    PluggedBoard("VB-one", "127.0.0.1", 1, "stm32f407", "bulk-512x4", 1),
    PluggedBoard("VB-two", "127.0.0.1", 2, "nrf52840", "hid-64x4", 1),
]


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> list[PluggedBoard]:
    monkeypatch.delenv("ONCHIP_PROBE")
    boards: list[PluggedBoard] = []
    monkeypatch.setattr(discovery, "plugged_boards", lambda: boards)
    monkeypatch.setattr(plugged_probes, "usb_probes", lambda: ([], []))
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
    boards = MbedBoard.getAllConnectedBoards(close=True)
    assert [board.unique_id for board in boards] == ["VB-one", "VB-two"]
    assert boards[1].getBoardName() == "onchip nrf52840 (hid-64x4)"
    assert boards[0].getInfo() == "onchip stm32f407 (bulk-512x4) [stm32f407]"
    assert boards[0].getTestBinary() == ""


def test_no_board_is_none_and_a_line(
    plugged: list[PluggedBoard], capsys: pytest.CaptureFixture[str]
) -> None:
    assert MbedBoard.chooseBoard(blocking=False) is None
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
        _ = Board(DAPAccess("virtual:stm32f407")).session
    assert "init()" in (caught.value.hint or "")


def test_the_target_may_be_overridden() -> None:
    board = MbedBoard.chooseBoard(target_override="stm32f407", frequency=400_000)
    assert board is not None
    assert board.getTargetType() == "stm32f407"
    assert board.link.client is board.session.client
    assert board.link.client.frequency_hz == board.debug_clock_frequency == 400_000
    assert board.native_target == "stm32f407"
    assert board.interface is board.link.interface
    board.uninit(resume=False)


def test_another_chip_than_there_is_is_refused_and_the_probe_freed() -> None:
    with pytest.raises(WrongChip):
        MbedBoard.chooseBoard(target_override="nrf52840")
    board = MbedBoard.chooseBoard()
    assert board is not None
    board.uninit()


def test_a_target_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no chip is named 'z80'"):
        MbedBoard.chooseBoard(target_override="z80")


def test_a_cortex_m_has_no_flash() -> None:
    board = MbedBoard.chooseBoard(target_override="cortex_m")
    assert board is not None
    with board:
        assert board.flash.getPageInfo(0x0800_0000) is None
        with pytest.raises(ValueError, match="not in flash"):
            board.flash.flashBlock(0x0800_0000, [1])


@pytest.mark.parametrize("resume", [True, False])
def test_uninit_lets_the_core_run_or_not(tmp_path: Path, resume: bool) -> None:
    with VirtualBoard("stm32f407") as virtual, BoardServer(virtual, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        board = MbedBoard(DAPAccess(f"tcp:127.0.0.1:{server.port}"))
        board.init()
        board.flash.flashBlock(0x0800_0000, list(counting_loop("stm32f407")))
        board.target.resetStopOnReset()
        board.uninit(resume)
        assert virtual.core.halted is not resume
        board.uninit(not resume)
        assert virtual.core.halted is not resume
        server.stop()


def test_a_link_that_broke_does_not_keep_uninit_from_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    board = MbedBoard.chooseBoard()
    assert board is not None
    board.session.link.close()
    board.uninit()
    assert board.closed
    assert "while letting go of the board" in caplog.text
    with pytest.raises(ProbeError, match="not open"):
        _ = board.link.client


def test_without_a_board_it_is_waited_for(
    plugged: list[PluggedBoard], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: plugged.append(TWO[0]))
    board = MbedBoard.chooseBoard(init_board=False)
    assert board is not None
    assert board.unique_id == "VB-one"
    assert "waiting for one" in capsys.readouterr().err


def test_all_boards_are_opened_unless_told_otherwise() -> None:
    (board,) = MbedBoard.getAllConnectedBoards(frequency=500_000)
    assert board.link.client.packet_count == 4
    board.link.close()


def test_a_board_is_named_by_the_table_of_mbed_boards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONCHIP_PROBE")
    serial = "1010" + "0" * 44
    usb = UsbIdentity(0x0D28, 0x0204, manufacturer="Arm", product="DAPLink CMSIS-DAP")
    monkeypatch.setattr(plugged_probes, "usb_probes", lambda: ([UsbProbe(serial, usb)], []))
    monkeypatch.setattr(discovery, "plugged_boards", list)
    (board,) = MbedBoard.getAllConnectedBoards(close=True)
    assert (board.unique_id, board.name) == (serial, "mbed LPC1768")
    assert board.getInfo() == "mbed LPC1768 [lpc1768]"
    interface = board.interface
    assert (interface.vid, interface.pid) == (0x0D28, 0x0204)
    assert interface.getInfo() == "Arm DAPLink CMSIS-DAP"
