"""The console of semihosting as GDB's clients see it: text, and the end of the program.

The calls themselves are served by `onchip.services.semihosting`.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable

from onchip.cortex_m import Core
from onchip.services.semihosting import Semihosting, SemihostingOptions

Input = Callable[[int], bytes]
"""Returns up to so many bytes that were typed for the program."""


def no_input(length: int) -> bytes:
    """Return nothing: the end of the input."""
    return b""


class Console:
    """Serves one core's calls; ``exit_code`` is set once the program ended itself."""

    def __init__(
        self, options: SemihostingOptions | None = None, *, read_input: Input = no_input
    ) -> None:
        self._text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._service = Semihosting(self._print, options, read_input=read_input)

    @property
    def exit_code(self) -> int | None:
        """The exit code of a program that ended itself; None while it has not."""
        return self._service.exit_code

    @exit_code.setter
    def exit_code(self, code: int | None) -> None:
        self._service.exit_code = code

    def call(self, core: Core) -> str:
        """Serve the call that a halted core waits in; return what it printed.

        r0 holds the result afterwards; pc is left at the BKPT.

        Raises:
            TransferError: the core cannot be reached.
        """
        self._text = ""
        result = self._service.call(core)
        core.write_register("r0", result)
        return self._text

    def close(self) -> None:
        """Close what the program left open."""
        self._service.close()

    def _print(self, stream: str, data: bytes) -> None:
        self._text += self._decoder.decode(data)
