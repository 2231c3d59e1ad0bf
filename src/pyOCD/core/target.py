"""The name of versions from 0.9 on for `pyOCD.target.target`."""

from pyOCD.target.target import Target

__all__ = ["Target"]
