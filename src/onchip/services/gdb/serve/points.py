"""Breakpoints and watchpoints: ``Z0``-``Z4``, ``z0``-``z4``."""

from __future__ import annotations

from onchip.errors import UsageError
from onchip.services.gdb.agent.conditions import AgentCondition
from onchip.services.gdb.agent.expression import AgentExpression
from onchip.services.gdb.conversation import Conversation
from onchip.services.gdb.serve.handlers import Handlers, Reply
from onchip.wire.gdb_rsp import points
from onchip.wire.gdb_rsp.points import PointKind
from onchip.wire.gdb_rsp.replies import OK

_BREAKPOINTS = (PointKind.SOFTWARE_BREAKPOINT, PointKind.HARDWARE_BREAKPOINT)


def _insert(talk: Conversation, request: points.InsertPoint) -> Reply:
    run = talk.target.run
    condition = None
    if request.conditions or request.commands:
        if request.kind not in _BREAKPOINTS:
            raise UsageError("a watchpoint takes no condition on this side")
        condition = AgentCondition(
            talk.target.seen,
            tuple(AgentExpression(code) for code in request.conditions),
            tuple(AgentExpression(code) for code in request.commands),
        )
    talk.attach()
    run.points.insert(talk, request.kind, request.address, request.size, condition=condition)
    return OK


def _remove(talk: Conversation, request: points.RemovePoint) -> Reply:
    """Let go of a point; it leaves the chip when the core runs on, or now if it runs."""
    run = talk.target.run
    run.points.remove(talk, request.kind, request.address, request.size)
    if run.running:
        run.points.settle()
    return OK


HANDLERS: Handlers = {points.InsertPoint: _insert, points.RemovePoint: _remove}
