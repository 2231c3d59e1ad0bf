"""Find the boards that are plugged in, and choose one."""

from __future__ import annotations

import sys
import time
from typing import Any

from onchip.errors import UsageError
from onchip.session import board_of
from pyOCD.board.board import Board
from pyOCD.pyDAPAccess.dap_access import DAPAccess

_PLUG_IN = "plug a virtual one in with `onchip board stm32f407`, or set ONCHIP_PROBE"
_LOOK_AGAIN_S = 0.2
_WAYS = ("virtual", "tcp", "replay", "usb", "hid")


class MbedBoard(Board):
    """A board behind a CMSIS-DAP probe, virtual ones included."""

    def __init__(
        self, link: DAPAccess, target: str | None = None, frequency: int = 1_000_000
    ) -> None:
        super().__init__(link, target, frequency)
        self.unique_id = link.get_unique_id()
        known = board_of(self.unique_id, link.interface.vid)
        self.name = known.name if known else link.interface.getInfo() or "CMSIS-DAP board"
        if known is not None:
            self._listed_target = known.chip.lower()
        self.test_binary = ""

    def getUniqueID(self) -> str:
        return self.unique_id

    def getTargetType(self) -> str:
        return self.target_type

    def getInfo(self) -> str:
        return f"{self.name} [{self.target_type}]"

    def getTestBinary(self) -> str:
        """Return an empty name: no test programs are shipped for other makers' boards."""
        return self.test_binary

    def getBoardName(self) -> str:
        return self.name

    @staticmethod
    def listConnectedBoards(dap_class: Any = DAPAccess) -> None:
        """Print the boards that are plugged in, numbered."""
        boards = MbedBoard.getAllConnectedBoards(dap_class, close=True, blocking=False)
        for index, board in enumerate(boards):
            print(f"{index} => {board.getInfo()} {board.unique_id}")
        if not boards:
            print(f"No connected boards; {_PLUG_IN}")

    @staticmethod
    def getAllConnectedBoards(
        dap_class: Any = DAPAccess,
        close: bool = False,
        blocking: bool = True,
        target_override: str | None = None,
        frequency: int = 1_000_000,
    ) -> list[MbedBoard]:
        """Return the boards that are plugged in; their probes are opened unless ``close``.

        With ``blocking`` the first board is waited for. ``dap_class`` offers
        ``get_connected_devices``; a string there is the transport of the first versions.
        """
        devices = _devices(dap_class)
        if blocking and not devices:
            print(f"No connected boards: waiting for one; {_PLUG_IN}", file=sys.stderr)
            while not devices:
                time.sleep(_LOOK_AGAIN_S)
                devices = _devices(dap_class)
        boards = [MbedBoard(device, target_override, frequency) for device in devices]
        if not close:
            for board in boards:
                board.link.open()
        return boards

    @staticmethod
    def chooseBoard(
        dap_class: Any = DAPAccess,
        blocking: bool = True,
        return_first: bool = False,
        board_id: str | None = None,
        target_override: str | None = None,
        frequency: int = 1_000_000,
        init_board: bool = True,
        *,
        transport: str = "cmsis_dap",
    ) -> MbedBoard | None:
        """Return one board, connected unless ``init_board`` is false; None when there is none.

        Of several, ``board_id`` (or its beginning) names one and ``return_first`` takes the first;
        else the user is asked on standard input. ``board_id`` may also be a way to a probe that is
        not plugged in: ``virtual:CHIP``, ``tcp:HOST:PORT``, and what else `onchip.connect` takes.
        """
        way = board_id if board_id and board_id.partition(":")[0] in _WAYS else None
        kind = transport if dap_class is DAPAccess else dap_class
        boards = MbedBoard.getAllConnectedBoards(
            kind,
            close=True,
            blocking=blocking and way is None,
            target_override=target_override,
            frequency=frequency,
        )
        if board_id is not None:
            exact = [board for board in boards if board.unique_id == board_id]
            boards = exact or [b for b in boards if b.unique_id.startswith(board_id)]
            if not boards and way is not None:
                boards = [MbedBoard(DAPAccess(way), target_override, frequency)]
            if not boards:
                print(f"Board {board_id} is not connected")
                return None
        if not boards:
            print(f"No connected boards; {_PLUG_IN}")
            return None
        chosen = boards[0] if return_first or len(boards) == 1 else _ask(boards)
        if chosen is not None and init_board:
            chosen.init()
        return chosen


def _devices(dap_class: Any) -> list[DAPAccess]:
    if not isinstance(dap_class, str):
        return list(dap_class.get_connected_devices())
    from pyOCD.transport import TRANSPORT

    if dap_class not in TRANSPORT:
        raise UsageError(
            f"there is no transport {dap_class!r}", hint=f"known: {', '.join(TRANSPORT)}"
        )
    return TRANSPORT[dap_class].get_connected_devices()


def _ask(boards: list[MbedBoard]) -> MbedBoard | None:
    for index, board in enumerate(boards):
        print(f"{index} => {board.getInfo()} {board.unique_id}")
    while True:
        answer = input("Which board? Its number, or q to quit: ").strip()
        if answer in ("q", ""):
            return None
        if answer.isdecimal() and int(answer) < len(boards):
            return boards[int(answer)]
        print(f"{answer!r} is none of them")
