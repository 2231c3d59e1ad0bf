"""What starts, stops and ends the target: ``? c C s S vCont vCtrlC R k vKill D vRun vAttach``."""

from __future__ import annotations

from onchip.errors import UsageError
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.run.stops import NO_SIGNAL, SIGINT, Stop
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.services.gdb.thread_list import PROCESS
from onchip.wire.gdb_rsp import query, run_control
from onchip.wire.gdb_rsp.replies import OK
from onchip.wire.gdb_rsp.run_control import Action

_NO_PROCESS = f"there is one process here, {PROCESS}: the core's program"


def _stop_reason(talk: Conversation, request: run_control.AskStopReason) -> Reply:
    """Attach: the core is halted, unless another client or the options let it run.

    A core that runs on is told as stopped by no signal, its registers as not available: a client
    that came to look at memory need not wait for a stop. In non-stop mode nothing is halted.
    """
    talk.attach()
    run = talk.target.run
    if not run.core_runs() or (not run.running and _halts(talk)):
        run.attach()
        talk.stops.start(run.last)
        return talk.stop_reply(run.last)
    if not run.running:
        run.watch()
    if talk.stops.on:
        return OK
    talk.behind = True
    return talk.stop_reply(Stop(NO_SIGNAL))


def _halts(talk: Conversation) -> bool:
    return talk.target.options.halt_on_attach and not talk.stops.on


def _next_stop(talk: Conversation, request: query.NextStop) -> Reply:
    stop = talk.stops.acknowledge()
    return OK if stop is None else talk.stop_reply(stop)


def _resume(talk: Conversation, request: run_control.Resume) -> Reply:
    """``c`` and ``s``; their signal says nothing to a core."""
    if request.address is not None:
        talk.target.run.need_halted("writing pc")
        talk.target.core.write_register("pc", request.address & ~1)
    return _begin(talk, Action("s" if request.step else "c"))


def _vcont(talk: Conversation, request: run_control.VCont) -> Reply:
    """Do what is asked of the thread that executes: a core cannot run one of the others.

    Of several actions the leftmost that fits a thread holds for it.
    """
    current = talk.current_thread
    for action in request.actions:
        wanted = None if action.thread is None else action.thread.thread
        if wanted not in (None, -1, 0, current) and action.kind in "sSr":
            if wanted not in talk.thread_ids():
                raise UsageError(f"there is no thread {wanted}")
            raise UsageError(
                f"thread {wanted} does not execute, so it cannot be stepped",
                hint="set a breakpoint where it waits, and continue",
            )
    action_here = request.action_for(current)
    if action_here is None and len(talk.thread_ids()) > 1:
        action_here = request.actions[0]  # only another thread is to run: all of them do
    if action_here is None:
        raise UsageError(f"vCont has no action for thread {current}, which executes")
    if action_here.kind == "t":
        if talk.target.run.running:
            talk.target.run.interrupt(NO_SIGNAL if talk.stops.on else SIGINT)
        return OK
    return _begin(talk, action_here)


def _begin(talk: Conversation, action: Action) -> Reply:
    """Let the core run; a core that runs already (``monitor resume``) is only waited for."""
    talk.attach()
    talk.view = None
    run, core = talk.target.run, talk.target.core
    if talk.missed is not None:  # it stopped while this client believed that it stood
        stop, talk.missed = talk.missed, None
        return talk.stop_reply(stop)
    told = talk.told if talk.told is run.last else None
    if talk.goes_on(by_step=action.kind in "sS"):
        run.stay()
        return talk.wait()
    if not run.running and core.halted and run.points.has_breakpoints(talk):
        # GDB takes out the breakpoint that it means to pass. One that is in is met (``jump``), but
        # not again where it was just met: GDB goes on so from a dprintf that it could not compile
        # for the agent, which it believes never to stop, and would do so for ever.
        pc = core.read_register("pc")
        name = run.points.stop_name_at(pc, talk)
        was_met = told is not None and told.at_breakpoint(pc)
        if name is not None and not was_met and run.points.judge(pc).wanted_by:
            run.meet(name)
            return talk.wait()
    match action.kind:
        case "s" | "S":
            run.need_halted("stepping")
            run.step()
        case "r":
            run.need_halted("stepping")
            run.step_range(action.start, action.end)
        case _ if not run.running:
            run.resume()
    return talk.wait()


def _ask_vcont(talk: Conversation, request: run_control.AskVCont) -> Reply:
    return b"vCont;c;C;s;S;t;r"


def _interrupt(talk: Conversation, request: run_control.StopAll) -> Reply:
    talk.target.run.interrupt()
    return OK


def _switch(talk: Conversation, request: query.Switch) -> Reply:
    """``QNonStop`` changes how stops are told; ``QThreadEvents`` nothing: a core stays."""
    if request.name == "QNonStop":
        talk.stops.clear()
        talk.stops.on = request.on
    return OK


def _pass_signals(talk: Conversation, request: query.PassSignals) -> Reply:
    talk.passed_signals = request.signals
    return OK


def _extended_mode(talk: Conversation, request: run_control.ExtendedMode) -> Reply:
    talk.extended = True
    return OK


def _restart(talk: Conversation, request: run_control.Restart) -> Reply:
    talk.attach()
    talk.target.reset(halt=True)
    return None


def _run(talk: Conversation, request: run_control.Run) -> Reply:
    """Start the program from its beginning: the chip holds it already, so the name is ignored."""
    talk.attach()
    talk.target.reset(halt=True)
    talk.target.run.attach()
    talk.stops.clear()
    return talk.stop_reply(talk.target.run.last)


def _attach(talk: Conversation, request: run_control.Attach) -> Reply:
    _check_process(request.process)
    if talk.stops.on:
        talk.attach()
        return OK
    return _stop_reason(talk, run_control.AskStopReason())


def _kill(talk: Conversation, request: run_control.Kill) -> Reply:
    """End the program: nothing stays armed and the chip is reset.

    With ``vKill`` the client stays, and finds the core before its first instruction. ``k`` is a
    client's last word, unless it is an extended one.
    """
    _check_process(request.process)
    talk.target.run.points.release(talk)
    stays = request.process is not None or talk.extended
    talk.target.reset(halt=stays)
    if not stays:
        talk.leave()
        talk.closing = True
    return OK if request.process is not None else None


def _detach(talk: Conversation, request: run_control.Detach) -> Reply:
    """Take everything out. The client stays connected, unless the server is to end then."""
    _check_process(request.process)
    talk.leave()
    talk.closing = not talk.target.options.persist
    return OK


def _check_process(process: int | None) -> None:
    if process not in (None, PROCESS):
        raise UsageError(_NO_PROCESS)


HANDLERS: Handlers = {
    run_control.AskStopReason: _stop_reason,
    query.NextStop: _next_stop,
    run_control.Resume: _resume,
    run_control.VCont: _vcont,
    run_control.AskVCont: _ask_vcont,
    run_control.StopAll: _interrupt,
    query.Switch: _switch,
    query.PassSignals: _pass_signals,
    run_control.ExtendedMode: _extended_mode,
    run_control.Restart: _restart,
    run_control.Run: _run,
    run_control.Attach: _attach,
    run_control.Kill: _kill,
    run_control.Detach: _detach,
}
