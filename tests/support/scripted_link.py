"""A link that plays a script: each packet that must be written, and what comes back for it."""

from __future__ import annotations

from onchip.errors import ProbeLost, ProbeTimeout


def packet(text: str) -> bytes:
    """Return the bytes of hexadecimal text; ``|`` and spaces only help to read it."""
    return bytes.fromhex(text.replace("|", " "))


class ScriptedLink:
    """Compares what is written with the script, and answers from it.

    A step is (request, response); a response None never comes, an empty request accepts anything.
    """

    description = "script"

    def __init__(self, *steps: tuple[str, str | None], strict: bool = True) -> None:
        self.steps = [(packet(request), None if r is None else packet(r)) for request, r in steps]
        self.strict = strict
        self.written: list[bytes] = []
        self.events: list[str] = []
        self.closed = False
        self.time_s = 0.0
        self._answers: list[bytes | None] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self.events.append("write")
        if not self.steps:
            raise ProbeLost(f"the script has ended, but {data.hex(' ')} was written")
        request, response = self.steps.pop(0)
        if self.strict and request:
            assert data == request, f"{data.hex(' ')} written, {request.hex(' ')} expected"
        self._answers.append(response)

    def read(self, timeout_s: float) -> bytes:
        self.events.append("read")
        while self._answers:
            answer = self._answers.pop(0)
            if answer is None:
                self.time_s += timeout_s
                raise ProbeTimeout("silence")
            self.time_s += 0.001
            return answer
        self.time_s += timeout_s
        raise ProbeTimeout("nothing was asked")

    def late(self, response: str) -> None:
        """Let a response arrive that nobody waits for any more."""
        self._answers.insert(0, packet(response))

    def close(self) -> None:
        self.closed = True

    def now(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds
