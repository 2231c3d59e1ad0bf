"""What starts, stops and ends the target, and its breakpoints and watchpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onchip.errors import UsageError
from onchip.services.gdb.handlers import Handlers, Reply
from onchip.services.gdb.target import THREAD
from onchip.wire.gdb_rsp import points, run_control
from onchip.wire.gdb_rsp.replies import OK
from onchip.wire.gdb_rsp.run_control import Action

if TYPE_CHECKING:
    from onchip.services.gdb.stub import Stub


def _stop_reason(stub: Stub, request: run_control.AskStopReason) -> Reply:
    """Attach: the core is halted, unless another client or the options let it run."""
    stub.attach()
    run = stub.target.run
    if not run.running:
        if stub.target.options.halt_on_attach or stub.target.core.poll() is not None:
            run.attach()
            return stub.stop_reply(run.last)
        run.watch()
    stub.waiting = True
    return None


def _resume(stub: Stub, request: run_control.Resume) -> Reply:
    """``c`` and ``s``; their signal says nothing to a core."""
    if request.address is not None:
        stub.target.run.need_halted("writing pc")
        stub.target.core.write_register("pc", request.address & ~1)
    _begin(stub, Action("s" if request.step else "c"))
    return None


def _vcont(stub: Stub, request: run_control.VCont) -> Reply:
    action = request.action_for(THREAD)
    if action is None:
        raise UsageError("vCont has no action for the only thread, 1")
    if action.kind == "t":
        stub.target.run.interrupt()
        return OK
    _begin(stub, action)
    return None


def _begin(stub: Stub, action: Action) -> None:
    """Let the core run; a core that runs already (``monitor resume``) is only waited for."""
    stub.attach()
    run, core = stub.target.run, stub.target.core
    if not run.running and core.halted and run.points.has_breakpoints(stub):
        # GDB takes out the breakpoint that it means to pass. One that is in is met (``jump``).
        name = run.points.stop_name_at(core.read_register("pc"), stub)
        if name is not None:
            run.meet(name)
            stub.waiting = True
            return
    match action.kind:
        case "s" | "S":
            run.need_halted("stepping")
            run.step()
        case "r":
            run.need_halted("stepping")
            run.step_range(action.start, action.end)
        case _ if not run.running:
            run.resume()
    stub.waiting = True


def _ask_vcont(stub: Stub, request: run_control.AskVCont) -> Reply:
    return b"vCont;c;C;s;S;t;r"


def _interrupt(stub: Stub, request: run_control.StopAll) -> Reply:
    stub.target.run.interrupt()
    return OK


def _extended_mode(stub: Stub, request: run_control.ExtendedMode) -> Reply:
    stub.extended = True
    return OK


def _restart(stub: Stub, request: run_control.Restart) -> Reply:
    stub.attach()
    stub.target.reset(halt=True)
    return None


def _run(stub: Stub, request: run_control.Run) -> Reply:
    """Start the program from its beginning: the chip holds it already, so the name is ignored."""
    stub.attach()
    stub.target.reset(halt=True)
    stub.target.run.attach()
    return stub.stop_reply(stub.target.run.last)


def _attach(stub: Stub, request: run_control.Attach) -> Reply:
    return _stop_reason(stub, run_control.AskStopReason())


def _kill(stub: Stub, request: run_control.Kill) -> Reply:
    """End the program: nothing stays armed and the chip is reset.

    With ``vKill`` the client stays, and finds the core before its first instruction. ``k`` is a
    client's last word, unless it is an extended one.
    """
    stub.target.run.points.release(stub)
    stays = request.process is not None or stub.extended
    stub.target.reset(halt=stays)
    if not stays:
        stub.leave()
        stub.closing = True
    return OK if request.process is not None else None


def _detach(stub: Stub, request: run_control.Detach) -> Reply:
    """Take everything out. The client stays connected, unless the server is to end then."""
    stub.leave()
    stub.closing = not stub.target.options.persist
    return OK


def _insert(stub: Stub, request: points.InsertPoint) -> Reply:
    if request.conditions or request.commands:
        raise UsageError("conditions and commands on the target's side are not served")
    stub.attach()
    stub.target.run.points.insert(stub, request.kind, request.address, request.size)
    return OK


def _remove(stub: Stub, request: points.RemovePoint) -> Reply:
    stub.target.run.points.remove(stub, request.kind, request.address, request.size)
    return OK


HANDLERS: Handlers = {
    run_control.AskStopReason: _stop_reason,
    run_control.Resume: _resume,
    run_control.VCont: _vcont,
    run_control.AskVCont: _ask_vcont,
    run_control.StopAll: _interrupt,
    run_control.ExtendedMode: _extended_mode,
    run_control.Restart: _restart,
    run_control.Run: _run,
    run_control.Attach: _attach,
    run_control.Kill: _kill,
    run_control.Detach: _detach,
    points.InsertPoint: _insert,
    points.RemovePoint: _remove,
}
