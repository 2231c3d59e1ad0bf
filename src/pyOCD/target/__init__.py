"""The target: halt, step, resume, registers, memory, break- and watchpoints."""

from pyOCD.target.target import Target

__all__ = ["Target"]
