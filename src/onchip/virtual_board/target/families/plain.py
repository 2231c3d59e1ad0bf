"""A chip without a family: memories, a core, and blocks that read back what was written."""

from __future__ import annotations

from collections.abc import Mapping

from onchip.errors import BoardError

from .base import Assembly, ModelFactory


class Plain:
    """Has no peripheral models and no protection; `flash` memories of such a chip are ROM."""

    def __init__(self, assembly: Assembly) -> None:
        self._name = assembly.description.name
        self.models: Mapping[str, ModelFactory] = {}

    def finish(self, *, locked: bool) -> None:
        """Join nothing.

        Raises:
            BoardError: it was to be locked.
        """
        if locked:
            raise BoardError(f"{self._name} has no read-out protection, so it cannot be locked")
