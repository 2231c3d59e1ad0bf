"""What IDEs and build tools pass to today's pyOCD, understood by `gdbserver` and `flash`.

Cortex-Debug, Zephyr's west and PlatformIO start a debug server with fixed command lines. Here are
the options of those lines: other spellings of ours, options with a meaning (``-O name=value``), and
options that change nothing, each of which says so on standard error. An option that would change
what happens to the chip is never passed over in silence.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

from onchip.cli.options import address, frequency, port
from onchip.errors import UsageError

_CATCH = {
    "b": "busfault",
    "c": "usagefault-check",
    "h": "hardfault",
    "i": "interrupt",
    "m": "memmanage",
    "p": "nocp",
    "r": "reset",
    "s": "usagefault-state",
}
_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True} | {
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
_UNUSED = {
    "config": "onchip reads no configuration file",
    "telnet_port": "the semihosting console goes to standard output",
    "daparg": "it is an option of another program's driver",
}


def add_classic(parser: argparse.ArgumentParser) -> None:
    """Add what both verbs take. Hidden from ``--help``: our own spellings stand there."""
    hidden = argparse.SUPPRESS
    parser.add_argument("--uid", "-b", "--board", dest="probe", help=hidden)
    parser.add_argument(
        "-M", dest="connect", choices=("attach", "halt", "under-reset"), help=hidden
    )
    parser.add_argument("-O", dest="classic", action="append", default=[], help=hidden)
    parser.add_argument("-W", "--no-wait", action="store_true", help=hidden)
    parser.add_argument("-v", "--verbose", action="count", help=hidden)
    parser.add_argument("-q", "--quiet", action="count", help=hidden)
    parser.add_argument("--color", nargs="?", help=hidden)
    parser.add_argument("-j", "--project", "--dir", help=hidden)
    # sums that the chip computes decide alone what is there: our --verify sums
    parser.add_argument(
        "--trust-crc", dest="verify", action="store_const", const="sums", help=hidden
    )
    parser.add_argument("--no-config", action="store_true", help=hidden)
    parser.add_argument("--config", help=hidden)
    parser.add_argument("-da", "--daparg", help=hidden)


def add_classic_server(parser: argparse.ArgumentParser) -> None:
    """Add what the GDB server takes besides."""
    hidden = argparse.SUPPRESS
    parser.add_argument("-T", "--telnet-port", type=port, help=hidden)
    parser.add_argument("-S", dest="semihosting", action="store_true", help=hidden)
    parser.add_argument(
        "-bh", "--soft-bkpt-as-hard", dest="hardware_breakpoints", action="store_true", help=hidden
    )
    parser.add_argument("-C", "--vector-catch", type=catch_names, help=hidden)
    parser.add_argument("--core", choices=("0",), help=hidden)
    parser.set_defaults(vector_catch=frozenset({"hardfault"}), resume_on_detach=True, verify="sums")


def erase_mode(text: str) -> str:
    """Read ``sector``, ``chip``, or pyOCD's ``auto``, which is ``sector`` here.

    Raises:
        argparse.ArgumentTypeError: it is none of them.
    """
    if text not in ("auto", "sector", "chip"):
        raise argparse.ArgumentTypeError(f"{text!r} is no way to erase; use sector or chip")
    return "sector" if text == "auto" else text


def catch_names(text: str) -> frozenset[str]:
    """Read pyOCD's letters of vector catch sources, ``all`` or ``none``.

    Raises:
        argparse.ArgumentTypeError: a letter stands for none.
    """
    if text in ("all", "a"):
        return frozenset(_CATCH.values())
    if text in ("none", "n"):
        return frozenset()
    unknown = set(text) - set(_CATCH)
    if unknown:
        raise argparse.ArgumentTypeError(
            f"{''.join(sorted(unknown))!r} is no vector catch; use letters of {''.join(_CATCH)}"
        )
    return frozenset(_CATCH[letter] for letter in text)


def settle(arguments: argparse.Namespace) -> None:
    """Apply the ``-O name=value`` options, and tell which options change nothing.

    Raises:
        UsageError: a value cannot be meant.
    """
    for text in arguments.classic:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_").lower()
        if name not in _OPTIONS:
            _note(f"-O {name}", "onchip has no such option")
            continue
        where, read = _OPTIONS[name]
        if hasattr(arguments, where):
            setattr(arguments, where, _read(name, value if equals else "1", read))
    if arguments.target in ("cortex_m", "cortex-m"):
        arguments.target = None  # pyOCD's name for a chip that it does not know: ask the chip
    if arguments.pack and arguments.target is None:
        _note("--pack", "name the device of the pack with --target")
    for name, reason in _UNUSED.items():
        if getattr(arguments, name, None) is not None:
            _note(f"--{name.replace('_', '-')}", reason)


def stays(arguments: argparse.Namespace) -> bool:
    """Say whether the GDB server outlives its last client.

    A user who detaches expects to come back. An IDE waits for the server to end; what tells it
    apart is the telnet port that each of them passes.
    """
    if arguments.persist is None:
        return arguments.telnet_port is None
    return bool(arguments.persist)


def image_and_base(file: str, base: int | None) -> tuple[str, int | None]:
    """Split ``FILE@ADDRESS``, pyOCD's way to place a BIN file.

    Raises:
        UsageError: it names another address than ``base``.
    """
    name, at, text = file.rpartition("@")
    if not at or not name:
        return file, base
    try:
        place = address(text)
    except argparse.ArgumentTypeError:
        return file, base  # the file's name has an @
    if base is not None and base != place:
        raise UsageError(f"{file} names another address than --base 0x{base:08x}")
    return name, place


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false") from None


def _connect_mode(text: str) -> str:
    modes: Iterable[str] = ("attach", "halt", "under-reset")
    if text not in modes:
        raise argparse.ArgumentTypeError(f"{text!r} is no way to connect; use {', '.join(modes)}")
    return text


_OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    "chip_erase": ("erase", erase_mode),
    "connect_mode": ("connect", _connect_mode),
    "enable_semihosting": ("semihosting", _boolean),
    "fast_program": ("verify", lambda text: "sums" if _boolean(text) else "full"),
    "frequency": ("frequency", frequency),
    "gdbserver_port": ("port", port),
    "keep_unwritten": ("no_keep", lambda text: not _boolean(text)),
    "persist": ("persist", _boolean),
    "resume_on_disconnect": ("resume_on_detach", _boolean),
    "smart_flash": ("skip_same", _boolean),
    "soft_bkpt_as_hard": ("hardware_breakpoints", _boolean),
    "step_into_interrupt": ("step_into_interrupts", _boolean),
    "target_override": ("target", str),
    "telnet_port": ("telnet_port", port),
    "vector_catch": ("vector_catch", catch_names),
}
"""pyOCD's session options that mean something here, where they go, how they are read."""


def _read(name: str, value: str, read: Callable[[str], object]) -> object:
    try:
        return read(value)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"-O {name}={value}: {error}") from None


def _note(option: str, reason: str) -> None:
    print(f"onchip: {option} changes nothing: {reason}", file=sys.stderr)
