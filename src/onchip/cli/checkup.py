"""What `onchip doctor` looks at: libraries, permissions, and each probe, step by step.

Every step gives a `Finding`: what was looked at, whether it is well, what was seen, what to do. A
step that fails does not end the rest. A probe is opened, asked what it says of itself, and put to
the test where firmware has been found to claim too much: packets in flight, the longest answer, the
match-wait. Only the last reaches the target, and it changes nothing there: the debug port is
connected as for any other job, and left again.
"""

from __future__ import annotations

import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from onchip import __version__, registry
from onchip.coresight.debug_port import DebugPort
from onchip.dap.client import DapClient
from onchip.errors import OnchipError, ProbeError, ProbeTimeout, WireError
from onchip.probe import trouble
from onchip.probe.hid import load_hidapi
from onchip.probe.link import usb_link
from onchip.probe.usb import load_usb1, open_context
from onchip.wire.cmsis_dap import ExecuteCommands, Info, InfoId

if TYPE_CHECKING:
    from onchip.probe.link import Link
    from onchip.registry import PluggedProbe

Wrap = Callable[["Link"], "Link"]
_ANSWER_S = 2.0
_ROUNDS = 8
_FULL_SPEED_HID = 64


class Verdict(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; everything may work all the same."""
    PROBLEM = "problem"
    """Something does not work, or not as the probe claims."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One step: ``subject`` is "system" or the probe's id."""

    subject: str
    check: str
    verdict: Verdict
    text: str
    advice: str | None = None


def examine(spec: str | None = None, *, wrap: Wrap = lambda link: link) -> Iterator[Finding]:
    """Look at this system, then at every probe plugged in, or at the one that ``spec`` names.

    ``wrap`` is called with each link that is opened; what it returns is used.
    """
    yield from _system()
    if spec is not None:
        yield from _probe_by_name(spec, wrap)
        return
    probes = registry.plugged_probes()
    if not probes:
        yield Finding(
            "system",
            "probes",
            Verdict.NOTE,
            "no probe is plugged in",
            "plug one in; a virtual one with `onchip board stm32f407`. One that is plugged in and "
            "not shown: try another cable and port, some cables carry power alone",
        )
    for probe in probes:
        yield from _plugged(probe, wrap)


# ---- the system


def _system() -> Iterator[Finding]:
    yield Finding(
        "system",
        "onchip",
        Verdict.OK,
        f"{__version__}, Python {platform.python_version()}, {platform.system()}",
    )
    yield _libusb()
    yield _hidapi()
    if sys.platform.startswith("linux"):
        yield _rules()


def _libusb() -> Finding:
    try:
        usb1 = load_usb1()
        open_context(usb1).close()
        version = usb1.getVersion()
    except ProbeError as error:
        return _problem("system", "libusb", error)
    text = f"{version.major}.{version.minor}.{version.micro}, for CMSIS-DAP v2 probes"
    return Finding("system", "libusb", Verdict.OK, text)


def _hidapi() -> Finding:
    try:
        module = load_hidapi()
    except ProbeError as error:
        return _problem("system", "hidapi", error)
    text = f"{module.version_str()} (module {module.__name__}), for CMSIS-DAP v1 probes"
    return Finding("system", "hidapi", Verdict.OK, text)


def _rules() -> Finding:
    installed = trouble.installed_rules()
    if installed is not None:
        return Finding("system", "udev rules", Verdict.OK, str(installed))
    return Finding(
        "system",
        "udev rules",
        Verdict.NOTE,
        f"{trouble.RULES_NAME} is not installed: other rules, or root, must give access to probes",
        f"sudo cp {trouble.rules_file()} /etc/udev/rules.d/",
    )


# ---- one probe


def _plugged(probe: PluggedProbe, wrap: Wrap) -> Iterator[Finding]:
    name = probe.probe_model or "a board"
    text = f"{name}, {probe.protocol}, named by --probe {probe.spec}"
    yield Finding(probe.serial, "found", Verdict.OK, text)
    try:
        link = wrap(registry.open_probe(probe))
    except ProbeError as error:
        yield _problem(probe.serial, "open", error)
        return
    yield from _opened(probe.serial, link, wanted=probe.protocol)


def _probe_by_name(spec: str, wrap: Wrap) -> Iterator[Finding]:
    try:
        link = wrap(registry.open_link(spec))
    except OnchipError as error:
        yield _problem(spec, "open", error)
        return
    yield from _opened(spec, link)


def _opened(subject: str, link: Link, *, wanted: str = "") -> Iterator[Finding]:
    try:
        way = usb_link(link)
        if way is not None and not wanted.startswith(way.protocol) and wanted:
            yield Finding(
                subject,
                "open",
                Verdict.PROBLEM,
                f"only its {way.protocol} interface can be opened, the slower one",
                "see --probe usb:... for what is wrong with the other",
            )
        else:
            yield Finding(subject, "open", Verdict.OK, link.description)
        yield from _spoken_to(subject, link)
    finally:
        link.close()


def _spoken_to(subject: str, link: Link) -> Iterator[Finding]:
    try:
        client = DapClient.ask(link)
        yield _identity(subject, client)
    except OnchipError as error:
        yield _problem(subject, "DAP_Info", error)
        return
    yield from _claims(subject, client)
    steps = (
        (_in_flight, _longest_answer, _round_trip) if client.atomic else (_in_flight, _round_trip)
    )
    for step in steps:
        try:
            yield step(subject, client)
        except OnchipError as error:
            yield _problem(subject, step.__name__.strip("_").replace("_", " "), error)
            return
    yield from _target(subject, link)


def _identity(subject: str, client: DapClient) -> Finding:
    info = client.info
    names = " ".join(name for name in (info.vendor, info.product) if name) or "a probe without name"
    versions = f"CMSIS-DAP {info.protocol_version or '(version not told)'}"
    if info.firmware and info.firmware != info.protocol_version:
        versions += f", firmware {info.firmware}"
    offers = f"{client.info.packet_count} packets of {client.info.packet_size} bytes"
    if not info.has_swd:
        advice = "a probe for JTAG alone cannot be used"
        return Finding(subject, "DAP_Info", Verdict.PROBLEM, f"{names}: no SWD", advice)
    return Finding(subject, "DAP_Info", Verdict.OK, f"{names}, {versions}, {offers}")


def _claims(subject: str, client: DapClient) -> Iterator[Finding]:
    """Say what is not believed, by the quirks or because the way cannot carry it."""
    for quirk in client.quirks:
        yield Finding(subject, "quirk", Verdict.NOTE, f"{quirk.why} ({quirk.source})")
    if client.packet_size < client.info.packet_size and not client.quirks:
        yield Finding(
            subject,
            "packet size",
            Verdict.PROBLEM,
            f"it claims {client.info.packet_size} bytes, its USB interface carries "
            f"{client.packet_size}",
            "onchip keeps to what is carried; its firmware may have an update",
        )
    way = usb_link(client.link)
    if way is not None and way.protocol == "v1" and client.packet_size == _FULL_SPEED_HID:
        yield Finding(
            subject,
            "speed",
            Verdict.NOTE,
            "HID at full speed moves at most one packet of 64 bytes in a millisecond",
            "newer firmware of many probes offers CMSIS-DAP v2, which is several times as fast",
        )


def _in_flight(subject: str, client: DapClient) -> Finding:
    """Write as many packets ahead as the probe says it holds, and see whether all are answered."""
    count = client.packet_count
    questions = [Info((InfoId.PACKET_COUNT, InfoId.PACKET_SIZE)[n % 2]) for n in range(count)]
    link = client.link
    with client.lock:
        for question in questions:
            link.write(question.encode())
        answered = 0
        try:
            for question in questions:
                question.decode_response(link.read(_ANSWER_S))
                answered += 1
        except (ProbeTimeout, WireError):
            client.out_of_step("a test of packets in flight")
            return Finding(
                subject,
                "packets in flight",
                Verdict.PROBLEM,
                f"it says that it holds {count} packets, but of {count} only {answered} were "
                "answered in order",
                "onchip falls back to one in flight by itself when it meets this; please report "
                "the probe and its firmware, so that a quirk can say so from the start",
            )
    return Finding(subject, "packets in flight", Verdict.OK, f"{count} written ahead, all answered")


def _longest_answer(subject: str, client: DapClient) -> Finding:
    """Ask for an answer of nearly the packet size."""
    count = min(255, (client.packet_size - 2) // 3)
    answers = client.command(ExecuteCommands((Info(InfoId.PACKET_COUNT),) * count)).responses
    if len(answers) != count:
        text = f"{count} commands in a packet had {len(answers)} answers"
        return Finding(subject, "longest answer", Verdict.PROBLEM, text, "update its firmware")
    text = f"{2 + 3 * count} of {client.packet_size} bytes"
    return Finding(subject, "longest answer", Verdict.OK, text)


def _round_trip(subject: str, client: DapClient) -> Finding:
    link = client.link
    took = []
    for _ in range(_ROUNDS):
        started = link.now()
        client.command(Info(InfoId.PACKET_COUNT))
        took.append(link.now() - started)
    text = f"{1e3 * statistics.median(took):.2f} ms"
    return Finding(subject, "round trip", Verdict.OK, text)


def _target(subject: str, link: Link) -> Iterator[Finding]:
    """Connect the debug port, which tests the match-wait on the way, and leave it again."""
    try:
        client = DapClient.open(link)
        try:
            dp = DebugPort(client)
            dp.connect()
        except OnchipError as error:
            yield Finding(subject, "target", Verdict.NOTE, error.message, error.hint)
            return
        idr = int(dp.idr)
        yield Finding(subject, "target", Verdict.OK, f"answers, DPIDR {idr:#010x}")
        dp.disconnect()
    except OnchipError as error:
        yield _problem(subject, "target", error)
        return
    if client.polls:
        yield Finding(
            subject,
            "match-wait",
            Verdict.NOTE,
            "the probe's value match does not work: onchip polls from the host, which is slower",
            "its firmware may have an update",
        )
    else:
        yield Finding(subject, "match-wait", Verdict.OK, "the probe waits by itself")


def _problem(subject: str, check: str, error: OnchipError) -> Finding:
    return Finding(subject, check, Verdict.PROBLEM, error.message, error.hint)
