"""Where `onchip` starts: answers at once what needs no more than the interpreter itself.

A script asks for the version, or which probes there are, again and again. argparse and dataclasses
alone would double the time that Python takes to start, so they come after these two questions.
"""

from __future__ import annotations

import os
import sys

from onchip import __version__


def main() -> int:
    """Run `onchip` with the command line's words and return its exit code."""
    words = sys.argv[1:]
    if words == ["--version"]:
        return _say(f"onchip {__version__}")
    if words in (["list"], ["list", "--json"]):
        from onchip.probe.nothing import nothing_plugged_in

        if nothing_plugged_in():
            return _say("[]" if len(words) > 1 else no_probe())
    from onchip.cli.main import main as whole

    return whole()


def no_probe() -> str:
    """Return what `onchip list` says when there is no probe."""
    chips = os.path.join(os.path.dirname(__file__), "..", "virtual_board", "target", "chips")
    names = sorted(name[:-5] for name in os.listdir(chips) if name.endswith(".toml"))
    return (
        "no probe is plugged in\n"
        "plug a virtual board in with `onchip board CHIP`, or use one inside a command with\n"
        f"--probe virtual:CHIP, where CHIP is one of {', '.join(names)}"
    )


def _say(text: str) -> int:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # ExitCode.BROKEN_PIPE
    return 0


if __name__ == "__main__":
    sys.exit(main())
