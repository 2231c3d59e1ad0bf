"""Writes a crash report: as text for a terminal, as Markdown for an issue, as data for a script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

from onchip.rtos.show import JsonValue
from onchip.rtos.show import as_data as threads_as_data
from onchip.rtos.show import as_text as threads_as_text
from onchip.services.crash.report import CrashReport, NamedValue, ReportFrame


def as_text(report: CrashReport) -> str:
    """Return the report for people."""
    return "\n".join(_text_lines(report))


def _text_lines(report: CrashReport) -> Iterator[str]:
    yield _headline(report)
    yield f"  at {report.place} (pc {report.place.address:#010x})"
    yield from (f"  {line}" for line in _details(report))
    if report.suspicions:
        yield "suspicious"
        yield from (f"  {text}" for text in report.suspicions)
    yield "backtrace"
    yield from (f"  {line}" for line in _backtrace(report))
    if report.instructions:
        yield "instructions"
        yield from (f"  {line}" for line in _instructions(report))
    yield "registers" if report.fault is None else "registers of the code that faulted"
    yield from (f"  {line}" for line in _registers(report))
    if report.threads is not None:
        yield "threads"
        yield from (f"  {line}" for line in _threads(report))
    if report.fault is not None and report.fault.status:
        yield "status"
        yield "  " + " ".join(f"{n}={v:#010x}" for n, v in report.fault.status.items())


def as_markdown(report: CrashReport) -> str:
    """Return the report for an issue or a build's log."""
    lines = [
        f"### {_headline(report)}",
        "",
        f"at `{report.place}`, pc `{report.place.address:#010x}`",
    ]
    lines += ["", f"{report.chip}, {report.core}"]
    details = list(_details(report))
    if details:
        lines += ["", *(f"- {line}" for line in details)]
    if report.suspicions:
        lines += ["", "**Suspicious**", "", *(f"- {text}" for text in report.suspicions)]
    for title, block in (
        ("Backtrace", _backtrace(report)),
        ("Instructions", _instructions(report)),
        ("Registers", _registers(report)),
        ("Threads", _threads(report)),
        ("Status", _status(report)),
    ):
        body = list(block)
        if body:
            lines += ["", f"**{title}**", "", "```", *body, "```"]
    return "\n".join(lines)


def as_data(report: CrashReport) -> dict[str, JsonValue]:
    """Return the report as plain data, for JSON."""
    data: dict[str, JsonValue] = asdict(replace(report, threads=None))
    data["headline"] = _headline(report)
    data["threads"] = None if report.threads is None else threads_as_data(report.threads)
    data["instructions"] = [
        {"address": i.address, "code": i.code.hex(), "text": i.text, "is_here": i.is_here}
        for i in report.instructions
    ]
    return data


def _headline(report: CrashReport) -> str:
    if report.fault is None:
        return "No fault is recorded; the core stands here."
    return report.fault.sentence


def _details(report: CrashReport) -> Iterator[str]:
    fault = report.fault
    if fault is None:
        return
    thread = _thread_that_faulted(report)
    if thread:
        yield f"in the thread {thread}"
    if fault.causes:
        yield f"cause {', '.join(fault.causes)}" + (
            " (escalated to HardFault)" if fault.escalated else ""
        )
    if fault.address is not None:
        yield f"fault address {fault.address:#010x}"
    if fault.frame_address is not None and fault.exc_return is not None:
        size = "basic" if fault.exc_return & 0x10 else "extended (FPU)"
        stack = "process" if fault.exc_return & 4 else "main"
        yield (
            f"{size} frame at {fault.frame_address:#010x} on the {stack} stack, "
            f"EXC_RETURN {fault.exc_return:#010x}"
        )
    else:
        yield "no believable stack frame was found"


def _thread_that_faulted(report: CrashReport) -> str | None:
    """Return the kernel's thread that used the process stack, if the fault's frame is there."""
    exc_return = 0 if report.fault is None else report.fault.exc_return or 0
    if report.threads is None or not exc_return & 4:
        return None
    return next((each.name for each in report.threads.threads if each.is_current), None)


def _backtrace(report: CrashReport) -> Iterator[str]:
    names = [_name(frame) for frame in report.frames]
    width = min(max(map(len, names)), 40)
    for index, (frame, name) in enumerate(zip(report.frames, names, strict=True)):
        if frame.interrupted_by is not None:
            yield f"    -- {frame.interrupted_by} --"
        where = "" if frame.place.line is None else f"  {frame.place.line}"
        yield f"#{index:<2} {frame.pc:#010x} {name:<{width}}{where}".rstrip()
        for call in frame.place.inlined:
            yield f"    in {call.function}, inlined at {call.called_at}"
    yield f"    {'' if report.complete else 'incomplete: '}{report.end}"


def _name(frame: ReportFrame) -> str:
    return frame.place.function or "?"


def _instructions(report: CrashReport) -> Iterator[str]:
    for line in report.instructions:
        code = " ".join(f"{line.code[i + 1]:02x}{line.code[i]:02x}" for i in _halves(line.code))
        yield f"{'>' if line.is_here else ' '} {line.address:#010x}  {code:<9}  {line.text}"


def _halves(code: bytes) -> range:
    return range(0, len(code) - len(code) % 2, 2)


def _registers(report: CrashReport) -> Iterator[str]:
    for register in report.registers:
        yield _register(register)


def _register(register: NamedValue) -> str:
    mark = "!" if register.suspicious else " "
    return f"{register.name:>3} {register.value:#010x} {mark} {register.meaning}".rstrip(" ")


def _threads(report: CrashReport) -> Iterator[str]:
    if report.threads is not None:
        yield from threads_as_text(report.threads).splitlines()


def _status(report: CrashReport) -> Iterator[str]:
    if report.fault is not None:
        yield from (f"{name:<5} {value:#010x}" for name, value in report.fault.status.items())
