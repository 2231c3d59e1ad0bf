"""Sockets of the GDB server (skeleton; the signatures hold)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from onchip.services.gdb.options import GdbOptions

if TYPE_CHECKING:
    from onchip.session import Session


class GdbServer:
    """Serve GDB on a TCP port for one session.

    ``port`` 0 picks a free one. ``on_listening(port)`` is called once it accepts; the caller
    prints ``GDB server started on port N`` there. ``on_log(text)`` gets a line for people now and
    then, ``on_console(text)`` what the target prints through semihosting.
    """

    def __init__(
        self,
        session: Session,
        port: int = 3333,
        *,
        host: str = "127.0.0.1",
        options: GdbOptions | None = None,
        on_listening: Callable[[int], None] | None = None,
        on_log: Callable[[str], None] | None = None,
        on_console: Callable[[str], None] | None = None,
    ) -> None:
        raise NotImplementedError

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        raise NotImplementedError

    def start(self) -> None:
        """Listen and serve in a thread of its own; return once clients are accepted."""
        raise NotImplementedError

    def serve(self) -> None:
        """Listen and serve in the caller's thread until ``stop`` or the last client's leave."""
        raise NotImplementedError

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the service: every point removed, sockets closed. Harmless when called twice."""
        raise NotImplementedError

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the serving thread has ended."""
        raise NotImplementedError
