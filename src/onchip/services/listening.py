"""Opening the socket that a server listens on."""

from __future__ import annotations

import socket

from onchip.errors import UsageError


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at ``host``:``port``; port 0 takes any that is free.

    Raises:
        UsageError: the address cannot be used, most often because the port is taken.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another port with --port, or 0 for any",
        ) from error
