"""A GDB server for a board, under the classic names."""

from pyOCD.gdbserver.gdbserver import GDBServer

__all__ = ["GDBServer"]
