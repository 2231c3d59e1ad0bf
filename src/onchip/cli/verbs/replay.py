"""`onchip replay`: run a command again on the packets that were recorded, without the probe."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from onchip.errors import UsageError

if TYPE_CHECKING:
    from onchip.probe.recording import Recording

EPILOG = """\
examples:
  onchip flash firmware.elf --record session.rec
  onchip replay session.rec                     the same command, answered from the recording
  onchip replay session.rec -- info --json      another command: it may leave the recording
  onchip replay session.rec --show              the packets, for people

The command must ask for what was asked then; where it does not, that is said, with exit code 3.
In Python: onchip.connect("replay:session.rec"). docs/recordings.md has the format.
"""

_OWN_OPTIONS = ("-u", "--probe", "--uid", "-b", "--board", "--record")
"""Options of the recorded command that name the probe, or the recording: they do not count here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("file", metavar="FILE", help="what --record wrote")
    parser.add_argument(
        "words", nargs="*", metavar="VERB", help="a verb with its options, after --"
    )
    parser.add_argument("--show", action="store_true", help="print the packets instead")


def run(arguments: argparse.Namespace) -> int:
    """Run the verb on the recording, which says itself where the verb leaves it."""
    from onchip.probe.recording import Recording

    recording = Recording.load(arguments.file)
    if arguments.show:
        _show(recording)
        return 0
    words = arguments.words or without_probe(recording.command)
    if not words:
        raise UsageError(
            f"{arguments.file} was not recorded by a command, so none can be run again",
            hint=f"name one: onchip replay {arguments.file} -- info",
        )
    from onchip.cli.main import main

    return main([words[0], "--probe", f"replay:{arguments.file}", *words[1:]])


def without_probe(command: tuple[str, ...]) -> list[str]:
    """Return a recorded command line without the options that name its probe."""
    kept: list[str] = []
    words = iter(command)
    for word in words:
        name, equals, _ = word.partition("=")
        if name in _OWN_OPTIONS:
            if not equals:
                next(words, None)
        elif not (word.startswith(("-u", "-b")) and not word.startswith("--")):
            kept.append(word)
    return kept


def _show(recording: Recording) -> None:
    from onchip.wire.cmsis_dap import command_name

    print(f"{recording.probe}, recorded by onchip {recording.onchip}")
    if recording.command:
        print(f"onchip {' '.join(recording.command)}")
    for event in recording.events:
        time = f"{event.time_s:12.6f}"
        if event.kind in ("out", "in"):
            arrow = ">" if event.kind == "out" else "<"
            name = command_name(event.data[0]) if event.data else "(empty)"
            print(f"{time} {arrow} {name:20} {event.data.hex(' ')}".rstrip())
        elif event.kind == "error":
            print(f"{time} ! {event.error}: {event.message}")
        elif event.kind == "close":
            print(f"{time} . closed")
