"""Whether a run was good, and what was wrong in the operator's words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from ivr.load.calls import Bridge, Call

LEAST_PACKETS_PER_S = 49.0
LEAST_AUDIO_SHARE = 0.5
MOST_SILENCE_S = 2.0
MOST_WITHOUT_RTP_S = 0.5
LEAST_TALK_S = 1.0
NO_ANSWER = "no answer"


class Fault(StrEnum):
    """What can be wrong with one call, the worst first."""

    UNANSWERED = "not answered"
    NO_RTP = "answered, but no RTP came"
    SLOW_RTP = f"fewer than {LEAST_PACKETS_PER_S:g} RTP packets a second"
    LOSS = "RTP packets were lost"
    SILENCE = f"no audio, or more than {MOST_SILENCE_S:g} s of silence"
    STOPPED = "RTP stopped before the call was over"
    CUT = "the node ended the call before the caller did"


def faults(call: Call) -> tuple[Fault, ...]:
    """All that is wrong with a call; empty: it was good."""
    if not call.answered:
        return (Fault.UNANSWERED,)
    if call.rtp.packets == 0:
        return (Fault.NO_RTP,)
    silence_s = max(call.rtp.longest_silence_s, call.first_audio_s or 0.0)
    quiet = call.rtp.audio_share < LEAST_AUDIO_SHARE or silence_s > MOST_SILENCE_S
    found = (
        ((call.rtp.packets_per_s or 0.0) < LEAST_PACKETS_PER_S, Fault.SLOW_RTP),
        (call.rtp.lost > 0, Fault.LOSS),
        (quiet, Fault.SILENCE),
        ((call.without_rtp_s or 0.0) > MOST_WITHOUT_RTP_S, Fault.STOPPED),
        (call.cut, Fault.CUT),
    )
    return tuple(fault for wrong, fault in found if wrong)


def refusals(calls: Iterable[Call]) -> dict[str, int]:
    """Calls that were not answered by their final status, the most frequent first."""
    codes: Counter[str] = Counter()
    for call in calls:
        if not call.answered:
            code = call.sip.code if call.sip is not None else None
            codes[NO_ANSWER if code is None else str(code)] += 1
    return dict(codes.most_common())


def reasons(calls: Sequence[Call], *, agents: int) -> tuple[str, ...]:
    """Why the run was not good, a sentence each; empty: it was."""
    counted = Counter(fault for call in calls for fault in faults(call))
    found = [f"{counted[fault]} of {len(calls)} calls: {fault.value}" for fault in Fault if counted[fault]]
    found += [_refused(code, count) for code, count in refusals(calls).items()]
    if agents and not any(call.bridge for call in calls):
        found.append("no caller reached an agent: was --hold longer than the greeting, about 6 s?")
    elif deaf := sum(call.bridge is not None and _deaf(call.bridge) for call in calls):
        found.append(f"{deaf} of the bridged callers did not hear the agent")
    return tuple(found)


def _deaf(bridge: Bridge) -> bool:
    """A caller who hangs up as the agent answers has no time to hear anybody."""
    return bridge.to_caller_s is None and (bridge.lasted_s is None or bridge.lasted_s > LEAST_TALK_S)


def _refused(code: str, count: int) -> str:
    match code:
        case "no answer":
            return f"{count} calls got no final answer: is the address right, and is this machine let in?"
        case "503":
            return f"{count} calls were refused with 503: the node was full, or new calls came too fast"
        case "404":
            return f"{count} calls were refused with 404: no entry point answers for this --user"
        case _:
            return f"{count} calls were refused with {code}"
