"""``monitor``: the commands of `onchip.services.commands`, typed in GDB."""

from __future__ import annotations

from onchip.cortex_m import ResetKind
from onchip.services.commands import Command, Interpreter, Machine, Words
from onchip.services.gdb.conversation import Conversation
from onchip.wire.gdb_rsp.points import PointKind

_WATCH_KINDS = {
    "write": PointKind.WRITE_WATCHPOINT,
    "read": PointKind.READ_WATCHPOINT,
    "access": PointKind.ACCESS_WATCHPOINT,
}


def run_command(talk: Conversation, line: str) -> None:
    """Run one line; without a word, ``help``.

    Raises:
        UnknownCommand: there is no such command.
        OnchipError: the command is used wrongly, or fails.
    """
    more = (_GDBSERVER, _semihosting(talk))
    Interpreter(ClientMachine(talk), more=more).run(line if line.strip() else "help")


def _gdbserver(machine: Machine, words: Words) -> None:
    words.end()
    machine.print("this is one: other GDBs may connect to the same port\n")


_GDBSERVER = Command(("gdbserver",), "gdbserver", "say how another GDB connects", _gdbserver)


def _semihosting(talk: Conversation) -> Command:
    """Return the command as OpenOCD and pyOCD spell it: many a ``.gdbinit`` gives it."""

    def serve(machine: Machine, words: Words) -> None:
        if words.next() != "semihosting":
            raise words.wrong()
        if words:
            setting = words.next()
            words.end()
            if setting not in ("enable", "disable"):
                raise words.wrong()
            talk.target.serve_calls(on=setting == "enable")
        state = "disabled" if talk.target.run.calls.console is None else "enabled"
        machine.print(f"semihosting is {state}\n")

    return Command(
        ("arm",),
        "arm semihosting [enable|disable]",
        "serve the program's calls to its debugger, or do not",
        serve,
        "What they may do beside printing is for the options of `onchip gdbserver` to say.",
    )


class ClientMachine(Machine):
    """One client's machine: the core is run through what all clients share."""

    def __init__(self, talk: Conversation) -> None:
        super().__init__(talk.target.session, talk.target.debug)
        self._talk = talk
        self._run = talk.target.run

    def print(self, text: str) -> None:
        """Show ``text`` on the client's terminal."""
        self._talk.print(text)

    def interrupted(self) -> bool:
        """Say whether this client sent Ctrl-C while its command ran."""
        return self._talk.interrupted()

    @property
    def running(self) -> bool:
        """Whether the core runs, for a client or by itself."""
        return self._run.core_runs()

    def halt(self) -> None:
        """Halt the core; a client that waits for a stop is told."""
        self._talk.attach()
        if self._run.running:
            self._run.interrupt()
            self._talk.target.poll()
        else:
            self._run.attach()

    def go(self) -> None:
        """Let the core run; this client's next continue waits for its stop."""
        self._talk.attach()
        if not self._run.running:
            self._run.resume()

    def reset(self, kind: ResetKind, *, halt: bool) -> None:
        """Reset the chip; a client that waits for a stop is told."""
        self._talk.attach()
        self._talk.target.reset(kind, halt=halt)

    def set_breakpoint(
        self, address: int, *, ignore_count: int = 0, temporary: bool = False
    ) -> None:
        """Arm a breakpoint, which is this client's."""
        self._talk.attach()
        self._run.points.insert(
            self._talk,
            PointKind.HARDWARE_BREAKPOINT,
            address,
            2,
            ignore_count=ignore_count,
            temporary=temporary,
        )

    def remove_breakpoint(self, address: int) -> None:
        """Take a breakpoint of this client's out."""
        self._run.points.remove(self._talk, PointKind.HARDWARE_BREAKPOINT, address, 2)
        self._run.points.settle()

    def set_watchpoint(
        self, address: int, length: int, access: str, *, value: int | None = None
    ) -> None:
        """Arm a watchpoint, which is this client's."""
        self._talk.attach()
        self._run.points.insert(self._talk, _WATCH_KINDS[access], address, length, value=value)

    def remove_watchpoint(
        self, address: int, length: int, access: str, *, value: int | None = None
    ) -> None:
        """Take a watchpoint of this client's out."""
        self._run.points.remove(self._talk, _WATCH_KINDS[access], address, length, value=value)
        self._run.points.settle()

    def before_flash(self) -> None:
        """Take out of the chip what nobody wants any more: it may stand in flash."""
        super().before_flash()
        self._talk.attach()
        self._run.points.settle()
