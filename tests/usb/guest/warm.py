"""A Python that has imported onchip and pyOCD, and forks for each command of the script `onchip`.

The child is a process of its own, with the arguments, folder, environment and standard files of
the script that asked. Only its imports are from before; no library was used before.
"""

import contextlib
import importlib
import os
import pkgutil
import runpy
import sys
import traceback
from pathlib import Path

FIFO = "/run/warm"
LIBRARIES = ("usb1", "libusb_package", "hidraw", "json", "tomllib", "argparse", "pyocd.__main__")


def main() -> None:
    """Import everything, then serve for ever."""
    import onchip

    for module in pkgutil.walk_packages(onchip.__path__, "onchip."):
        if "virtual_board" not in module.name and not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # an extra that is not here
                importlib.import_module(module.name)
    for name in LIBRARIES:
        importlib.import_module(name)
    os.mkfifo(FIFO, 0o600)
    Path("/run/warm.ready").touch()
    while True:
        with Path(FIFO).open(encoding="utf-8") as fifo:
            for line in fifo:
                pid, _, done = line.strip().partition(" ")
                if os.fork() == 0:
                    serve(int(pid), done)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def serve(pid: int, done: str) -> None:
    """Be what process ``pid`` asked for, and tell ``done`` how it ended."""
    status = 1
    try:
        process = Path(f"/proc/{pid}")
        with contextlib.suppress(OSError):
            os.setpgid(0, os.getpgid(pid))  # so that its time limit ends this one too
        for number in range(3):
            given = os.open(process / f"fd/{number}", os.O_RDONLY if number == 0 else os.O_WRONLY)
            os.dup2(given, number)
            os.close(given)
        os.chdir(process / "cwd")
        words = (process / "cmdline").read_bytes().decode().split("\0")[:-1]
        pairs = (process / "environ").read_bytes().decode().split("\0")[:-1]
        os.environ.clear()
        os.environ.update(pair.split("=", 1) for pair in pairs)
        status = run(words[1:])
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        Path(done).write_text(f"{status}\n")
        os._exit(0)


def run(words: list[str]) -> int:
    """Run the program ``words[0]`` and return its exit code."""
    try:
        if words[0].endswith("pyocd"):
            sys.argv = words
            runpy.run_module("pyocd", run_name="__main__")
        elif words[0].endswith("warm-python"):
            sys.argv = words[1:]
            runpy.run_path(words[1], run_name="__main__")
        else:
            from onchip.cli.main import main as onchip

            sys.argv = words
            return onchip()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    main()
