"""The table of probe drivers: from a probe's name to a `Link`.

The only module of the debugger that knows the virtual board. A name is one of

    virtual:CHIP[/PROBEMODEL][@FILE]    a board inside this process; its flash kept in FILE;
                                        CHIP+locked has its read-out protection on
    tcp:HOST:PORT                       a board or probe behind a socket
    SERIAL                              what `onchip list` shows, or a unique beginning of it
    VID:PID[:SERIAL]                    a probe on USB by its numbers, as 0d28:0204
    usb:..., hid:...                    likewise, but by CMSIS-DAP v2, or v1, alone
    replay:FILE                         no probe, but the answers that `--record FILE` wrote down

Everything heavy is imported by the driver that needs it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from onchip.errors import ProbeError, ProbeNotFound, UsageError

if TYPE_CHECKING:
    from onchip.probe.discovery import PluggedBoard
    from onchip.probe.link import Link
    from onchip.probe.plugged import UsbProbe
    from onchip.virtual_board.board import VirtualBoard

    PluggedProbe: TypeAlias = PluggedBoard | UsbProbe

DEFAULT_PROBE_MODEL = "bulk-512x4"

_SPEC_FORMS = (
    "a probe is named virtual:CHIP, tcp:HOST:PORT, VID:PID[:SERIAL], or by its serial from "
    "`onchip list`"
)
_PLUG_IN = "plug a virtual one in with `onchip board stm32f407`, or use --probe virtual:stm32f407"
_NUMBERS = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})(?::(.*))?", re.IGNORECASE)
ProbeT = TypeVar("ProbeT", bound="PluggedProbe")
_TRANSPORTS = {"usb": "v2", "hid": "v1"}


@dataclass(frozen=True, slots=True)
class VirtualSpec:
    """What ``virtual:CHIP[+locked][/PROBEMODEL][@FILE]`` says."""

    chip: str
    probe_model: str = DEFAULT_PROBE_MODEL
    flash_file: Path | None = None
    locked: bool = False

    @classmethod
    def parse(cls, spec: str) -> VirtualSpec:
        """Read a specification, with or without its ``virtual:``.

        Raises:
            UsageError: a part of it is empty.
        """
        body, at, file = spec.removeprefix("virtual:").partition("@")
        chip, slash, model = body.partition("/")
        chip, plus, state = chip.partition("+")
        if not chip or (slash and not model) or (at and not file) or (plus and state != "locked"):
            raise UsageError(
                f"{spec!r} does not name a virtual board",
                hint="the form is virtual:CHIP[+locked][/PROBEMODEL][@FILE], as virtual:stm32f407",
            )
        where = Path(file) if file else None
        return cls(chip, model or DEFAULT_PROBE_MODEL, where, locked=bool(plus))


def open_link(spec: str | None = None, *, token: str = "") -> Link:
    """Return a `Link` to the probe that ``spec`` names; None is the only one plugged in.

    ``token`` is for a server on a socket that asks for one.

    Raises:
        UsageError: ``spec`` is no name of a probe, or fits several.
        ProbeNotFound: nothing of that name is there.
        BoardError: the virtual board cannot be built.
    """
    if spec is None:
        return _open_probe(_only_probe())
    kind, _, rest = spec.partition(":")
    if kind == "virtual":
        return build_board(VirtualSpec.parse(spec)).link(owns_board=True)
    if kind == "tcp":
        return _open_tcp(spec, rest, token)
    if kind == "replay":
        return _open_recording(rest)
    if kind in _TRANSPORTS:
        return _open_probe(_probe_by_transport(rest, _TRANSPORTS[kind]))
    return _open_probe(_probe_by_name(spec))


def build_board(spec: VirtualSpec, **options: Any) -> VirtualBoard:
    """Make a virtual board in this process. ``options`` are its further ones (``serial=``).

    Raises:
        BoardError: no such chip or probe model, a damaged flash file, or Unicorn is missing.
    """
    from onchip.virtual_board.board import VirtualBoard

    return VirtualBoard(
        chip=spec.chip,
        probe_model=spec.probe_model,
        flash_file=spec.flash_file,
        **{"locked": spec.locked} | options,
    )


def recorded(
    link: Link, path: str | Path, *, command: Sequence[str] = (), settings: Mapping[str, Any]
) -> Link:
    """Return a link that writes every packet that crosses ``link`` to the file ``path``.

    Raises:
        RecordingError: the file cannot be written; ``link`` stays open.
    """
    from importlib.metadata import version

    from onchip.probe.recording import RecordingLink

    return RecordingLink(link, path, onchip=version("onchip"), command=command, settings=settings)


def plugged_boards() -> list[PluggedBoard]:
    """Return the boards that are plugged in, lowest port first."""
    from onchip.probe import discovery

    return discovery.plugged_boards()


def plugged_probes() -> list[PluggedProbe]:
    """Return every probe that is plugged in: those on USB, then boards on sockets."""
    return [*_usb_probes()[0], *plugged_boards()]


def open_probe(probe: PluggedProbe) -> Link:
    """Return a `Link` to a probe of `plugged_probes`.

    Raises:
        ProbeError: it cannot be opened; the error's class says why.
    """
    return _open_probe(probe)


def virtual_chips() -> tuple[str, ...]:
    """Return the names of the chips that a virtual board can carry."""
    from onchip.virtual_board.target.chip import chip_names

    return chip_names()


def probe_models() -> tuple[str, ...]:
    """Return the names of the probes that a virtual board can have."""
    from onchip.virtual_board.probe.model import known_probe_models

    return tuple(known_probe_models())


def _open_recording(file: str) -> Link:
    if not file:
        raise UsageError("'replay:' does not name a recording", hint="the form is replay:FILE")
    from onchip.probe.recording import Recording, ReplayLink

    return ReplayLink(Recording.load(file), file)


def _open_tcp(spec: str, rest: str, token: str) -> Link:
    host, colon, port = rest.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(
            f"{spec!r} does not name a socket", hint="the form is tcp:HOST:PORT, tcp:127.0.0.1:4441"
        )
    from onchip.probe.tcp import TcpLink

    return TcpLink(host.strip("[]"), int(port), token=token)


def _open_probe(probe: PluggedProbe) -> Link:
    from onchip.probe.discovery import PluggedBoard

    if isinstance(probe, PluggedBoard):
        from onchip.probe.tcp import TcpLink

        return TcpLink(probe.host, probe.port)
    from onchip.probe.plugged import open_usb

    return open_usb(probe)


def _usb_probes() -> tuple[list[UsbProbe], list[ProbeError]]:
    from onchip.probe import plugged

    return plugged.usb_probes()


def _everything() -> tuple[list[PluggedProbe], str]:
    """Return all probes, and what to say of a bus that could not be searched."""
    usb, troubles = _usb_probes()
    said = "".join(f"; USB was not searched: {trouble}" for trouble in troubles[:1])
    return [*usb, *plugged_boards()], said


def _only_probe() -> PluggedProbe:
    probes, said = _everything()
    if not probes:
        raise ProbeNotFound(f"no probe is plugged in{said}", hint=_PLUG_IN)
    if len(probes) > 1:
        raise UsageError(
            f"{len(probes)} probes are plugged in: {_names(probes)}",
            hint="choose one with --probe, or name it in ONCHIP_PROBE",
        )
    return probes[0]


def _probe_by_transport(name: str, transport: str) -> UsbProbe:
    """Return the probe on USB that ``name`` fits, with no other way left than ``transport``."""
    probes, troubles = _usb_probes()
    if not probes and troubles:
        raise troubles[0]
    able = [probe for probe in probes if transport in probe.transports]
    probe = able[0] if not name and len(able) == 1 else _choose(name, able, "")
    if transport == "v2":
        return replace(probe, hid=None)
    return replace(probe, bulk=None)


def _probe_by_name(name: str) -> PluggedProbe:
    boards = plugged_boards()
    exact = [board for board in boards if board.serial.lower() == name.lower()]
    if len(exact) == 1:
        return exact[0]
    probes, said = _everything()
    return _choose(name, probes, said)


def _choose(name: str, probes: Sequence[ProbeT], said: str) -> ProbeT:
    """Return the one probe that ``name`` fits: a beginning of its id, or VID:PID[:SERIAL].

    Raises:
        UsageError: several fit; they are listed.
        ProbeNotFound: none does.
    """
    numbers = _NUMBERS.fullmatch(name)
    if numbers:
        fits = [probe for probe in probes if _has_numbers(probe, *numbers.groups(""))]
    else:
        fits = [probe for probe in probes if probe.serial.lower().startswith(name.lower())]
    exact = [probe for probe in fits if probe.serial.lower() == name.lower()]
    if len(exact) == 1 or len(fits) == 1:
        return (exact or fits)[0]
    if fits:
        raise UsageError(
            f"{name!r} fits {len(fits)} probes: {_names(fits)}", hint="give more of the serial"
        )
    plugged = f"plugged in: {_names(probes)}" if probes else "none is plugged in"
    raise ProbeNotFound(
        f"no probe named {name!r}; {plugged}{said}", hint=_SPEC_FORMS if probes else _PLUG_IN
    )


def _has_numbers(probe: PluggedProbe, vendor: str, product: str, serial: str) -> bool:
    identity = getattr(probe, "identity", None)
    return (
        identity is not None
        and str(identity) == f"{vendor}:{product}".lower()
        and probe.serial.lower().startswith((serial or probe.serial).lower())
    )


def _names(probes: Sequence[PluggedProbe]) -> str:
    return ", ".join(probe.serial for probe in probes)
