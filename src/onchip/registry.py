"""The table of probe drivers: from a probe's name to a `Link`.

The only module of the debugger that knows the virtual board. A name is one of

    virtual:CHIP[/PROBEMODEL][@FILE]    a board inside this process; its flash kept in FILE
    tcp:HOST:PORT                       a board or probe behind a socket
    SERIAL                              what `onchip list` shows, or a unique beginning of it

Everything heavy is imported by the driver that needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onchip.errors import ProbeNotFound, UsageError

if TYPE_CHECKING:
    from onchip.probe.discovery import PluggedBoard
    from onchip.probe.link import Link
    from onchip.virtual_board.board import VirtualBoard

DEFAULT_PROBE_MODEL = "bulk-512x4"

_SPEC_FORMS = "a probe is named virtual:CHIP, tcp:HOST:PORT, or by its serial from `onchip list`"
_PLUG_IN = "plug a virtual one in with `onchip board stm32f407`, or use --probe virtual:stm32f407"


@dataclass(frozen=True, slots=True)
class VirtualSpec:
    """What ``virtual:CHIP[/PROBEMODEL][@FILE]`` says."""

    chip: str
    probe_model: str = DEFAULT_PROBE_MODEL
    flash_file: Path | None = None

    @classmethod
    def parse(cls, spec: str) -> VirtualSpec:
        """Read a specification, with or without its ``virtual:``.

        Raises:
            UsageError: a part of it is empty.
        """
        body, at, file = spec.removeprefix("virtual:").partition("@")
        chip, slash, model = body.partition("/")
        if not chip or (slash and not model) or (at and not file):
            raise UsageError(
                f"{spec!r} does not name a virtual board",
                hint="the form is virtual:CHIP[/PROBEMODEL][@FILE], as in virtual:stm32f407",
            )
        return cls(chip, model or DEFAULT_PROBE_MODEL, Path(file) if file else None)


def open_link(spec: str | None = None) -> Link:
    """Return a `Link` to the probe that ``spec`` names; None is the only one plugged in.

    Raises:
        UsageError: ``spec`` is no name of a probe, or fits several.
        ProbeNotFound: nothing of that name is there.
        BoardError: the virtual board cannot be built.
    """
    if spec is None:
        return _open_board(_only_board())
    kind, _, rest = spec.partition(":")
    if kind == "virtual":
        return build_board(VirtualSpec.parse(spec)).link(owns_board=True)
    if kind == "tcp":
        return _open_tcp(spec, rest)
    return _open_board(_board_by_serial(spec))


def build_board(spec: VirtualSpec, **options: Any) -> VirtualBoard:
    """Make a virtual board in this process. ``options`` are the chip model's (``locked=True``).

    Raises:
        BoardError: no such chip or probe model, a damaged flash file, or Unicorn is missing.
    """
    from onchip.virtual_board.board import VirtualBoard

    return VirtualBoard(
        chip=spec.chip, probe_model=spec.probe_model, flash_file=spec.flash_file, **options
    )


def plugged_boards() -> list[PluggedBoard]:
    """Return the boards that are plugged in, lowest port first."""
    from onchip.probe import discovery

    return discovery.plugged_boards()


def virtual_chips() -> tuple[str, ...]:
    """Return the names of the chips that a virtual board can carry."""
    from onchip.virtual_board.target.chip import chip_names

    return chip_names()


def probe_models() -> tuple[str, ...]:
    """Return the names of the probes that a virtual board can have."""
    from onchip.virtual_board.probe.model import known_probe_models

    return tuple(known_probe_models())


def _open_tcp(spec: str, rest: str) -> Link:
    host, colon, port = rest.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(
            f"{spec!r} does not name a socket", hint="the form is tcp:HOST:PORT, tcp:127.0.0.1:4441"
        )
    from onchip.probe.tcp import TcpLink

    return TcpLink(host.strip("[]"), int(port))


def _open_board(board: PluggedBoard) -> Link:
    from onchip.probe.tcp import TcpLink

    return TcpLink(board.host, board.port)


def _only_board() -> PluggedBoard:
    boards = plugged_boards()
    if not boards:
        raise ProbeNotFound("no probe is plugged in", hint=_PLUG_IN)
    if len(boards) > 1:
        raise UsageError(
            f"{len(boards)} probes are plugged in: {_names(boards)}",
            hint="choose one with --probe, or name it in ONCHIP_PROBE",
        )
    return boards[0]


def _board_by_serial(prefix: str) -> PluggedBoard:
    boards = plugged_boards()
    fits = [board for board in boards if board.serial.lower().startswith(prefix.lower())]
    exact = [board for board in fits if board.serial.lower() == prefix.lower()]
    if len(exact) == 1 or len(fits) == 1:
        return (exact or fits)[0]
    if fits:
        raise UsageError(
            f"{prefix!r} fits {len(fits)} probes: {_names(fits)}", hint="give more of the serial"
        )
    plugged = f"plugged in: {_names(boards)}" if boards else "none is plugged in"
    raise ProbeNotFound(
        f"no probe named {prefix!r}; {plugged}", hint=_PLUG_IN if not boards else _SPEC_FORMS
    )


def _names(boards: list[PluggedBoard]) -> str:
    return ", ".join(board.serial for board in boards)
