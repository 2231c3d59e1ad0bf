"""What a client is asked for the addresses of symbols (``qSymbol``)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class SymbolInquiry:
    """Names still to be asked for, and what was found."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self._wanted: deque[str] = deque()

    def begin(self, names: Iterable[str]) -> None:
        """Begin anew: the client has another symbol file."""
        self.found = {}
        self._wanted = deque(names)

    def answer(self, name: str, address: int | None) -> None:
        """Take an answer; an address None: the client does not know the name."""
        if address is not None:
            self.found[name] = address

    def next(self) -> str | None:
        """Return the next name to ask for."""
        return self._wanted.popleft() if self._wanted else None
