"""How the desktop says things: durations, clock times, states. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from ivr.api.models import AgentStatus, CallStage, MatchView

NOT_READY_REASONS = ("Break", "Lunch", "Meeting", "Training", "Other work")


class Tone(StrEnum):
    """The colour a thing is shown in; never the only carrier of its meaning."""

    PLAIN = "plain"
    INFO = "info"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


def span(seconds: float) -> str:
    """A duration as m:ss or h:mm:ss; never negative."""
    total = max(0, int(seconds))
    hours, rest = divmod(total, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def clock_time(at: datetime) -> str:
    """A moment as HH:MM:SS in this machine's zone."""
    return at.astimezone().strftime("%H:%M:%S")


def status_words(status: AgentStatus, reason: str | None) -> str:
    """An agent's status, with the reason where there is one."""
    words = {
        AgentStatus.SIGNED_OUT: "Signed out",
        AgentStatus.NOT_READY: "Not ready",
        AgentStatus.READY: "Ready",
        AgentStatus.RINGING: "Ringing",
        AgentStatus.TALKING: "On a call",
        AgentStatus.WRAP_UP: "Wrap-up",
    }[status]
    plain = reason.replace("_", " ") if reason else ""
    return f"{words} · {plain}" if plain and status is AgentStatus.NOT_READY else words


def status_tone(status: AgentStatus) -> Tone:
    """The colour of an agent's status."""
    match status:
        case AgentStatus.READY:
            return Tone.GOOD
        case AgentStatus.RINGING | AgentStatus.WRAP_UP:
            return Tone.WARN
        case AgentStatus.TALKING:
            return Tone.INFO
        case AgentStatus.NOT_READY | AgentStatus.SIGNED_OUT:
            return Tone.PLAIN
        case _ as unknown:
            assert_never(unknown)


def stage_words(stage: CallStage) -> str:
    """Where a call is, as its agent would say it."""
    match stage:
        case CallStage.RINGING | CallStage.TREATMENT | CallStage.QUEUED | CallStage.OFFERED:
            return "Incoming call"
        case CallStage.CONNECTED:
            return "On the line"
        case CallStage.ON_HOLD:
            return "On hold"
        case CallStage.WRAP_UP:
            return "Call over · wrap-up"
        case CallStage.ENDED:
            return "Call over"
        case _ as unknown:
            assert_never(unknown)


def stage_tone(stage: CallStage) -> Tone:
    """The colour of a call's stage."""
    match stage:
        case CallStage.CONNECTED:
            return Tone.GOOD
        case CallStage.WRAP_UP | CallStage.ENDED:
            return Tone.PLAIN
        case CallStage.ON_HOLD:
            return Tone.WARN
        case CallStage.RINGING | CallStage.TREATMENT | CallStage.QUEUED | CallStage.OFFERED:
            return Tone.INFO
        case _ as unknown:
            assert_never(unknown)


def match_words(found: MatchView) -> str:
    """What the look-up of the caller gave, in a sentence; empty when the caller is simply known."""
    match found.result:
        case "one":
            return ""
        case "none":
            return "No account in Salesforce has this number."
        case "many":
            several = len(found.candidates) or "Several"
            return f"{several} records in Salesforce have this number. Ask who is calling."
        case "withheld":
            return "The caller withheld the number, so it could not be looked up."
        case "pending":
            return "Looking up the caller in Salesforce…"
        case "error":
            return f"The caller could not be looked up: {found.detail or 'no detail was given'}"
        case other:
            return f"Look-up result: {other}"


def cases_words(found: MatchView) -> str:
    """What is known of a caller's open cases."""
    if found.cases:
        return "Open cases"
    if found.cases_known:
        return "No open cases"
    if found.detail:
        return f"The open cases could not be read: {found.detail}"
    return "Reading the open cases…"


def match_tone(found: MatchView) -> Tone:
    """The colour of the look-up's sentence."""
    return {"error": Tone.BAD, "many": Tone.WARN}.get(found.result, Tone.INFO)


def priority_tone(priority: str | None) -> Tone:
    """The colour of a case's priority; Salesforce organisations name their own, so unknown ones are plain."""
    match (priority or "").casefold():
        case "critical" | "urgent" | "highest" | "high":
            return Tone.BAD
        case "medium" | "normal":
            return Tone.WARN
        case "low" | "lowest":
            return Tone.GOOD
        case _:
            return Tone.PLAIN
