"""QEMU's GDB server with a fresh machine for each client, as the suite's programs need it.

python -m tests.gdb_suite.qemu cortex-m4       prints the port, then serves until its input ends
"""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import sys
import threading

MACHINES = {"cortex-m4": "mps2-an386", "cortex-m7": "mps2-an500"}
COMMAND = (
    *("qemu-system-arm", "-M", MACHINES[sys.argv[1]], "-display", "none", "-serial", "none"),
    *("-monitor", "none", "-semihosting-config", "enable=on,target=gdb", "-S", "-gdb", "stdio"),
)
_DRAIN_S = 1.0
_LOOK_MS = 20


def main() -> None:
    """Serve until the standard input is closed."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=_serve, args=(listener,), daemon=True).start()
    sys.stdin.read()


def _serve(listener: socket.socket) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_run, args=(client,), daemon=True).start()


def _run(client: socket.socket) -> None:
    """Run one machine on a client's socket, until one of them ends."""
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        machine = subprocess.Popen(COMMAND, stdin=client, stdout=client)
        left = select.poll()
        left.register(client, select.POLLRDHUP)  # QEMU itself runs on without a client
        while machine.poll() is None:
            if left.poll(_LOOK_MS):
                machine.kill()
        # GDB still acknowledges the last packet; refused, it would miss that packet.
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
            client.settimeout(_DRAIN_S)
            while client.recv(4096):
                pass


if __name__ == "__main__":
    main()
