"""An agent's states: one table, and `advance`, which applies it.

    signed_out -> not_ready <-> ready -> ringing -> talking -> wrap_up -> ready

What an agent asks for while a call holds him (ringing, talking, wrap-up) is kept as `pending` and takes
effect when the call lets go of him. Asking for ready in wrap-up ends it; signing out does as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from ivr.acd.errors import NotAllowed
from ivr.ids import AgentId, CallId, QueueName


class AgentState(StrEnum):
    """What an agent is doing."""

    SIGNED_OUT = "signed_out"
    NOT_READY = "not_ready"
    READY = "ready"
    RINGING = "ringing"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


class AgentEvent(StrEnum):
    """What happens to an agent."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    SET_READY = "set_ready"
    SET_NOT_READY = "set_not_ready"
    RESERVE = "reserve"
    ANSWER = "answer"
    WITHDRAW = "withdraw"
    SET_ASIDE = "set_aside"
    CALL_OVER = "call_over"
    END_WRAP_UP = "end_wrap_up"
    WRAP_UP_TIMEOUT = "wrap_up_timeout"


S, E = AgentState, AgentEvent

TRANSITIONS: Mapping[AgentState, Mapping[AgentEvent, AgentState]] = {
    S.SIGNED_OUT: {
        E.SIGN_IN: S.NOT_READY,
        E.SIGN_OUT: S.SIGNED_OUT,
    },
    S.NOT_READY: {
        E.SIGN_IN: S.NOT_READY,
        E.SIGN_OUT: S.SIGNED_OUT,
        E.SET_READY: S.READY,
        E.SET_NOT_READY: S.NOT_READY,
    },
    S.READY: {
        E.SIGN_IN: S.READY,
        E.SIGN_OUT: S.SIGNED_OUT,
        E.SET_READY: S.READY,
        E.SET_NOT_READY: S.NOT_READY,
        E.RESERVE: S.RINGING,
    },
    S.RINGING: {
        E.SIGN_IN: S.RINGING,
        E.SIGN_OUT: S.RINGING,
        E.SET_READY: S.RINGING,
        E.SET_NOT_READY: S.RINGING,
        E.ANSWER: S.TALKING,
        E.WITHDRAW: S.READY,
        E.SET_ASIDE: S.NOT_READY,
    },
    S.TALKING: {
        E.SIGN_IN: S.TALKING,
        E.SIGN_OUT: S.TALKING,
        E.SET_READY: S.TALKING,
        E.SET_NOT_READY: S.TALKING,
        E.CALL_OVER: S.WRAP_UP,
    },
    S.WRAP_UP: {
        E.SIGN_IN: S.WRAP_UP,
        E.SIGN_OUT: S.SIGNED_OUT,
        E.SET_READY: S.READY,
        E.SET_NOT_READY: S.WRAP_UP,
        E.END_WRAP_UP: S.READY,
        E.WRAP_UP_TIMEOUT: S.READY,
    },
}
"""The state after an event; what is missing is not allowed. `pending` may replace the state that follows
the end of a call's hold on the agent."""

HELD = frozenset({S.RINGING, S.TALKING, S.WRAP_UP})
"""States in which a call holds the agent."""

_ASKED: Mapping[AgentEvent, AgentState] = {
    E.SIGN_OUT: S.SIGNED_OUT,
    E.SET_NOT_READY: S.NOT_READY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent now. Times are monotonic seconds; `idle_since` counts while ready."""

    id: AgentId
    state: AgentState = AgentState.SIGNED_OUT
    reason: str | None = None
    since: float = 0.0
    idle_since: float = 0.0
    pending: AgentState | None = None
    pending_reason: str | None = None
    call_id: CallId | None = None
    queue: QueueName | None = None
    wrap_up_until: float | None = None


def advance(agent: Agent, event: AgentEvent, now: float, reason: str | None = None) -> Agent:
    """The agent after `event`; raises `NotAllowed`. `reason` goes with a not-ready state."""
    target = TRANSITIONS[agent.state].get(event)
    if target is None:
        raise NotAllowed(agent.id, event, agent.state)
    if agent.state in HELD and target in HELD:
        agent = _note_wish(agent, event, reason)
    elif agent.state in HELD:
        return _let_go(agent, event, target, now, reason)
    return _enter(agent, target, now, reason)


def _note_wish(agent: Agent, event: AgentEvent, reason: str | None) -> Agent:
    match event:
        case AgentEvent.SIGN_OUT | AgentEvent.SET_NOT_READY:
            return replace(agent, pending=_ASKED[event], pending_reason=reason)
        case AgentEvent.SET_READY:
            return replace(agent, pending=None, pending_reason=None)
        case AgentEvent.SIGN_IN if agent.pending is S.SIGNED_OUT:
            return replace(agent, pending=None, pending_reason=None)
        case _:
            return agent


def _let_go(agent: Agent, event: AgentEvent, target: AgentState, now: float, reason: str | None) -> Agent:
    """Leave the call. A wish replaces `target`, but not what the agent asks for just now."""
    if agent.pending is not None and event not in (E.SET_READY, E.SIGN_OUT):
        if target is S.READY:
            reason = agent.pending_reason
        target = S.SIGNED_OUT if agent.pending is S.SIGNED_OUT else S.NOT_READY
    idle_since = agent.idle_since
    agent = replace(agent, pending=None, pending_reason=None, call_id=None, queue=None, wrap_up_until=None)
    agent = _enter(agent, target, now, reason)
    # He did not work in between: the call that was never his costs him no place among the idle.
    return replace(agent, idle_since=idle_since) if event is E.WITHDRAW else agent


def _enter(agent: Agent, target: AgentState, now: float, reason: str | None) -> Agent:
    reason = reason if target is S.NOT_READY else None
    if target is agent.state:
        return replace(agent, reason=reason) if target is S.NOT_READY and reason else agent
    idle_since = now if target is S.READY else agent.idle_since
    return replace(agent, state=target, reason=reason, since=now, idle_since=idle_since)
