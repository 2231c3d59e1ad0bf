"""One long job at a time, in a thread of its own, while the sockets are served on."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Worker:
    """Runs a job; ``on_done`` is called in its thread at the end."""

    def __init__(self, on_done: Callable[[], None]) -> None:
        self._on_done = on_done
        self._thread: threading.Thread | None = None
        self._done = threading.Event()
        self._done.set()

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return not self._done.is_set()

    def begin(self, job: Callable[[], None]) -> None:
        """Run ``job``, which raises nothing; there must be none under way."""
        assert not self.busy
        self._done.clear()

        def run() -> None:
            try:
                job()
            finally:
                self._done.set()
                self._on_done()

        self._thread = threading.Thread(target=run, name="gdb-job", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until nothing runs."""
        self._done.wait()
