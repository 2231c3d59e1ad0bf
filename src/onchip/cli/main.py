"""The entry point of `onchip`: find the verb, run it, turn failure into a line and a code."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from onchip import __version__
from onchip.cli.complaints import TRACEBACK_VARIABLE, as_data, complain, explain
from onchip.cli.exit_codes import MEANINGS, ExitCode
from onchip.cli.signals import hold_back_interrupts, noted_interrupts
from onchip.cli.terminal import print_json

VERBS = {
    "list": "show the probes that are plugged in",
    "doctor": "find out what keeps a probe from working, and what to do",
    "info": "show the probe, the debug hardware and the chip",
    "flash": "program a firmware image, and verify it",
    "run": "flash a program, run it, and end with its exit code",
    "fault": "explain why the program crashed",
    "threads": "list the threads of FreeRTOS, Zephyr, RTX5 or ThreadX",
    "dump": "write a core file for GDB",
    "erase": "erase flash sectors or the whole chip",
    "verify": "compare flash with a firmware image",
    "read": "read memory",
    "write": "write memory",
    "reset": "reset the chip, and halt it if asked",
    "shell": "type commands: halt, step, read, break, load ...",
    "gdbserver": "let GDB debug the chip",
    "board": "plug in a virtual board",
    "selftest": "test probe, board and onchip on each other",
    "serve": "let programs here, or on other machines, use a probe over TCP",
    "replay": "run a recorded command again, without the probe",
    "bench": "measure a probe beside what it could do at best",
    "demo": "see it all on a virtual board",
}

SAME_VERBS = {"cmd": "shell", "commander": "shell", "gdb": "gdbserver", "load": "flash"}
"""What today's pyOCD calls verbs of ours: build tools start them (docs/ide.md)."""


class _Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose errors look like all of ours."""

    def error(self, message: str) -> NoReturn:
        complain(message, f"`{self.prog} --help` shows what it takes")
        raise SystemExit(ExitCode.USAGE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `onchip` with ``argv`` and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    words[:1] = [SAME_VERBS.get(word, word) for word in words[:1]]
    try:
        if words and words[0] in VERBS:
            code = _run_verb(words[0], words[1:])
            if code == ExitCode.INTERRUPTED and argv is None:
                hold_back_interrupts()
            return code
        return _without_verb(words)
    except SystemExit as leaving:  # argparse leaves this way
        return leaving.code if isinstance(leaving.code, int) else ExitCode.USAGE


def _run_verb(verb: str, words: list[str]) -> int:
    with noted_interrupts() as interrupted:
        try:
            code = _imported_verb(verb, words)
            sys.stdout.flush()
            return code
        except KeyboardInterrupt as interrupt:
            return _interrupted(verb, interrupt)
        except BrokenPipeError:
            # the interpreter would complain again when it flushes at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return ExitCode.BROKEN_PIPE
        except Exception as error:  # the outermost loop: no traceback reaches the user
            if os.environ.get(TRACEBACK_VARIABLE):
                raise
            return _interrupted(verb, error) if interrupted.is_set() else explain(error)


def _imported_verb(verb: str, words: list[str]) -> int:
    module = import_module(f"onchip.cli.verbs.{verb}")
    parser = _Parser(
        prog=f"onchip {verb}",
        description=f"{VERBS[verb].capitalize()}.",
        epilog=module.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    arguments = parser.parse_args(words, argparse.Namespace(command_line=(verb, *words)))
    try:
        code: int = module.run(arguments)
    except Exception as error:
        if getattr(arguments, "json", False) and not isinstance(error, BrokenPipeError):
            print_json({"error": as_data(error)})
        raise
    return code


def _interrupted(verb: str, cause: BaseException) -> ExitCode:
    hint = "".join(getattr(cause, "__notes__", ()))  # what the job says of itself
    if not hint and verb in ("flash", "erase"):
        hint = "the flash may be incomplete now: program it again"
    print("\nonchip: interrupted" + (f"\n  hint: {hint}" if hint else ""), file=sys.stderr)
    return ExitCode.INTERRUPTED


def _without_verb(words: list[str]) -> int:
    parser = _Parser(
        prog="onchip",
        usage="onchip VERB [options]",
        description="Debug and program Arm Cortex-M chips through CMSIS-DAP probes.",
        epilog=_verbs_and_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"onchip {__version__}")
    parser.add_argument("verb", nargs="?", metavar="VERB", help=argparse.SUPPRESS)
    arguments, _ = parser.parse_known_args(words)
    if arguments.verb in VERBS:
        parser.error(f"options stand after the verb: onchip {arguments.verb} {words[0]} ...")
    if arguments.verb is None and not words:
        parser.print_help()
        return ExitCode.DONE
    close = difflib.get_close_matches(arguments.verb or "", VERBS, n=1)
    meant = f"; do you mean `onchip {close[0]}`?" if close else ""
    return parser.error(f"there is no verb {arguments.verb or words[0]!r}{meant}")


def _verbs_and_codes() -> str:
    verbs = "\n".join(f"  {verb:<11} {meaning}" for verb, meaning in VERBS.items())
    codes = "\n".join(f"  {code:<11} {meaning}" for code, meaning in MEANINGS.items())
    return (
        f"verbs:\n{verbs}\n\n`onchip VERB --help` tells the verb's options.\n\n"
        f"exit codes:\n{codes}\n\n"
        "With nothing plugged in, try `onchip demo`, or name a virtual board: "
        "--probe virtual:stm32f407"
    )


if __name__ == "__main__":
    raise SystemExit(main())
