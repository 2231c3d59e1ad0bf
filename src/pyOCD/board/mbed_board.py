"""Find the boards that are plugged in, and choose one."""

from __future__ import annotations

import os

from onchip.session import PROBE_VARIABLE, plugged_probes
from pyOCD.board.board import Board

_PLUG_IN = "plug a virtual one in with `onchip board stm32f407`, or set ONCHIP_PROBE"


class MbedBoard(Board):
    """A board behind a CMSIS-DAP probe, virtual ones included."""

    @staticmethod
    def getAllConnectedBoards(
        dap_class: object = None,
        close: bool = False,
        blocking: bool = True,
        target_override: str | None = None,
        frequency: int = 1_000_000,
    ) -> list[MbedBoard]:
        """Return the boards that are plugged in, not connected to.

        ONCHIP_PROBE, where it is set, names the only one. ``blocking`` is accepted, and nothing
        waits: a script without a board shall say so, not hang.
        """
        named = os.environ.get(PROBE_VARIABLE)
        if named:
            return [MbedBoard(named, target_override, frequency)]
        return [
            MbedBoard(
                board.spec,
                target_override,
                frequency,
                unique_id=board.serial,
                name=f"onchip {board.chip or 'board'} ({board.probe_model or 'CMSIS-DAP'})",
            )
            for board in plugged_probes()
        ]

    @staticmethod
    def listConnectedBoards(dap_class: object = None) -> None:
        """Print the boards that are plugged in, numbered."""
        boards = MbedBoard.getAllConnectedBoards()
        for index, board in enumerate(boards):
            print(f"{index} => {board.getInfo()} {board.unique_id}")
        if not boards:
            print(f"No connected boards; {_PLUG_IN}")

    @staticmethod
    def chooseBoard(
        dap_class: object = None,
        blocking: bool = True,
        return_first: bool = False,
        board_id: str | None = None,
        target_override: str | None = None,
        frequency: int = 1_000_000,
        init_board: bool = True,
    ) -> MbedBoard | None:
        """Return one board, connected unless ``init_board`` is false; None when there is none.

        Of several, ``board_id`` (or its beginning) names one and ``return_first`` takes the first;
        else the user is asked on standard input.
        """
        boards = MbedBoard.getAllConnectedBoards(
            target_override=target_override, frequency=frequency
        )
        if board_id is not None:
            boards = [board for board in boards if board.unique_id.startswith(board_id)]
            if not boards:
                print(f"Board {board_id} is not connected")
                return None
        if not boards:
            print(f"No connected boards; {_PLUG_IN}")
            return None
        board = boards[0] if return_first or len(boards) == 1 else _ask(boards)
        if board is not None and init_board:
            board.init()
        return board


def _ask(boards: list[MbedBoard]) -> MbedBoard | None:
    for index, board in enumerate(boards):
        print(f"{index} => {board.getInfo()} {board.unique_id}")
    while True:
        answer = input("input id num to choice your board want to connect, q to quit: ").strip()
        if answer in ("q", ""):
            return None
        if answer.isdecimal() and int(answer) < len(boards):
            return boards[int(answer)]
        print(f"{answer!r} is none of them")
