"""Boards: `MbedBoard` finds those that are plugged in."""

from pyOCD.board.board import Board
from pyOCD.board.mbed_board import MbedBoard

__all__ = ["Board", "MbedBoard"]
