"""A link that outlives the sessions over it."""

from __future__ import annotations

from .link import Link


class KeptLink:
    """``link`` for somebody who will close it, when it is to stay open."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.description = link.description
        self.write, self.read = link.write, link.read
        self.now, self.sleep = link.now, link.sleep

    def close(self) -> None:
        """Leave the link to its owner."""
