"""GDB's Remote Serial Protocol: bytes to messages and back, without a socket or a clock.

``framing`` cuts a stream into payloads; the other modules give each family of payloads a frozen
dataclass. ``parse_request`` is the way in. Nothing here raises anything but ``WireError``.

Source: Debugging with GDB, appendix E (GDB 13, and ``x`` and ``error-message`` of later ones).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from onchip.wire.gdb_rsp import (
    file_io,
    flash,
    lldb,
    memory,
    points,
    query,
    registers,
    run_control,
    threads,
    trace_run,
    tracepoints,
)
from onchip.wire.gdb_rsp.framing import Decoder, encode_packet

__all__ = ["Decoder", "Request", "UnknownRequest", "encode_packet", "parse_request"]


@dataclass(frozen=True, slots=True)
class UnknownRequest:
    """A packet that is not known here; the protocol's answer is an empty packet."""

    payload: bytes


Request = (
    memory.MemoryRequest
    | registers.RegisterRequest
    | run_control.RunControlRequest
    | points.PointRequest
    | threads.ThreadRequest
    | query.QueryRequest
    | flash.FlashRequest
    | file_io.FileRequest
    | lldb.LldbRequest
    | tracepoints.TracepointRequest
    | trace_run.TraceRunRequest
    | UnknownRequest
)

_LETTERS: dict[bytes, Callable[[bytes], Request]] = {
    b"m": memory.ReadMemory.decode,
    b"x": memory.ReadMemoryBinary.decode,
    b"M": memory.WriteMemory.decode,
    b"X": memory.WriteMemoryBinary.decode,
    b"g": registers.ReadRegisters.decode,
    b"G": registers.WriteRegisters.decode,
    b"p": registers.ReadRegister.decode,
    b"P": registers.WriteRegister.decode,
    b"?": run_control.AskStopReason.decode,
    b"!": run_control.ExtendedMode.decode,
    b"c": run_control.Resume.decode,
    b"C": run_control.Resume.decode,
    b"s": run_control.Resume.decode,
    b"S": run_control.Resume.decode,
    b"R": run_control.Restart.decode,
    b"k": run_control.Kill.decode,
    b"D": run_control.Detach.decode,
    b"Z": points.InsertPoint.decode,
    b"z": points.RemovePoint.decode,
    b"H": threads.SelectThread.decode,
    b"T": threads.IsThreadAlive.decode,
    b"F": file_io.FileAnswer.decode,
}

_NAMES: dict[bytes, Callable[[bytes], Request]] = {
    b"qCRC": memory.ComputeCrc.decode,
    b"qSearch": memory.SearchMemory.decode,
    b"vCont": run_control.VCont.decode,
    b"vCtrlC": run_control.StopAll.decode,
    b"vKill": run_control.Kill.decode,
    b"vRun": run_control.Run.decode,
    b"vAttach": run_control.Attach.decode,
    b"qC": threads.CurrentThread.decode,
    b"qfThreadInfo": threads.ListThreads.decode,
    b"qsThreadInfo": threads.ListThreads.decode,
    b"qThreadExtraInfo": threads.DescribeThread.decode,
    b"qAttached": threads.IsAttached.decode,
    b"qSupported": query.Supported.decode,
    b"QStartNoAckMode": query.StartNoAckMode.decode,
    b"vMustReplyEmpty": query.MustReplyEmpty.decode,
    b"qXfer": query.ReadObject.decode,
    b"qRcmd": query.MonitorCommand.decode,
    b"qSymbol": query.OfferSymbols.decode,
    b"QPassSignals": query.PassSignals.decode,
    b"QNonStop": query.Switch.decode,
    b"QThreadEvents": query.Switch.decode,
    b"vStopped": query.NextStop.decode,
    b"qMemoryRegionInfo": lldb.DescribeRegion.decode,
    b"qWatchpointSupportInfo": lldb.CountWatchpoints.decode,
    b"vFile": file_io.HostFile.decode,
    b"vFlashErase": flash.FlashErase.decode,
    b"vFlashWrite": flash.FlashWrite.decode,
    b"vFlashDone": flash.FlashDone.decode,
    b"QTinit": tracepoints.TraceInit.decode,
    b"QTDP": tracepoints.decode_tracepoint,
    b"QTDPsrc": tracepoints.TracepointSource.decode,
    b"QTDV": tracepoints.DefineVariable.decode,
    b"QTEnable": tracepoints.SwitchTracepoint.decode,
    b"QTDisable": tracepoints.SwitchTracepoint.decode,
    b"QTro": tracepoints.ReadOnlyRegions.decode,
    b"QTStart": trace_run.ControlTrace.decode,
    b"QTStop": trace_run.ControlTrace.decode,
    b"QTFrame": trace_run.SelectFrame.decode,
    b"QTBuffer": trace_run.SetTraceBuffer.decode,
    b"QTDisconnected": trace_run.SetDisconnected.decode,
    b"QTNotes": trace_run.TraceNotes.decode,
    b"QTSave": trace_run.SaveTrace.decode,
    b"qTStatus": trace_run.AskTraceStatus.decode,
    b"qTP": trace_run.AskTracepoint.decode,
    b"qTV": trace_run.AskVariable.decode,
    b"qTfP": trace_run.ListTrace.decode,
    b"qTsP": trace_run.ListTrace.decode,
    b"qTfV": trace_run.ListTrace.decode,
    b"qTsV": trace_run.ListTrace.decode,
    b"qTBuffer": trace_run.ReadTraceBuffer.decode,
}

_NAME = re.compile(rb"[qQv][A-Za-z]*")


def parse_request(payload: bytes) -> Request:
    """Return the message that a packet's payload is, or ``UnknownRequest``.

    Raises:
        WireError: the packet is known and its body is malformed.
    """
    if payload == b"vCont?":
        return run_control.AskVCont()
    name = _NAME.match(payload)
    decode = _NAMES.get(name[0]) if name else _LETTERS.get(payload[:1])
    return UnknownRequest(payload) if decode is None else decode(payload)
