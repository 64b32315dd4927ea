"""What the node's record says the caller heard, looked for in his recording."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.api.models import CallView
from ivr.flow.rig.sip.ear import Ear, Stretch
from ivr.flow.rig.sip.far import TONE_HZ
from ivr.flow.rig.sip.told import answered_s
from ivr.flow.rig.story import Kind, Moment, Story
from ivr.transfer import RINGBACK

EDGE_S = 0.3
MUSIC_S = 4.0
SHORTEST_S = 1.0
"""What is shorter cannot be told for sure."""
_TALKS = (("agent", "answered"), ("sip", "transferred"))
_OVER = ("transferred", "transfer_leg_ended", "ended")


def treated_until_s(call: CallView) -> float:
    """How far the recording is of prompts and music: until somebody talks with the caller, or the end."""
    ends = (*_TALKS, ("sip", "ended"))
    times = [e.offset_s for e in call.timeline if (e.source, e.event) in ends]
    return max(0.0, min(times, default=0.0) - answered_s(call))


def spoken_until_s(call: CallView) -> float:
    """How far the recording may hold sentences. Where nobody talked with the caller that is to its last
    sample, for the record's clock and the recording differ a little."""
    talked = any((entry.source, entry.event) in _TALKS for entry in call.timeline)
    return treated_until_s(call) + (0.0 if talked else MUSIC_S)


def rings(call: CallView) -> Iterator[Stretch]:
    """Where in the recording the far end of a transfer is heard ringing."""
    entries = call.timeline
    for index, entry in enumerate(entries):
        if entry.event == "transfer_dials":
            over = next((e.offset_s for e in entries[index:] if e.event in _OVER), entry.offset_s)
            begins_s = entry.offset_s - answered_s(call)
            yield Stretch(from_s=begins_s, until_s=over - answered_s(call))


async def unheard(call: CallView, story: Story, ear: Ear) -> list[Moment]:
    """Music, ringing and a far end's voice that should be in the caller's ear and are not."""
    return [*await _music(call, story, ear), *await _ringing(call, ear), *_voices(call, ear)]


async def _ringing(call: CallView, ear: Ear) -> list[Moment]:
    return [
        _fault(call, ring.from_s, "the caller did not hear it ring")
        for ring in rings(call)
        if not await _hears(ear, RINGBACK, ring.from_s, ring.until_s)
    ]


def _voices(call: CallView, ear: Ear) -> Iterator[Moment]:
    for talk in _talks(call):
        long_enough = talk.until_s - talk.from_s >= SHORTEST_S
        if long_enough and not ear.heard_tone(TONE_HZ, talk.from_s, talk.until_s):
            yield _fault(call, talk.from_s, "the caller did not hear whom he was put through to")


async def _music(call: CallView, story: Story, ear: Ear) -> list[Moment]:
    until_s, missing = treated_until_s(call), []
    for moment in [moment for moment in story.moments if moment.kind is Kind.MUSIC]:
        begins_s = moment.at_s - answered_s(call)
        if not await _hears(ear, moment.text, begins_s, until_s):
            missing.append(_fault(call, begins_s, f"the caller did not hear {moment.text}"))
    return missing


async def _hears(ear: Ear, name: str, from_s: float, until_s: float) -> bool:
    begins_s = from_s + EDGE_S
    ends_s = min(begins_s + MUSIC_S, until_s - EDGE_S)
    return ends_s - begins_s < SHORTEST_S or await ear.heard_music(name, begins_s, ends_s)


def _talks(call: CallView) -> Iterator[Stretch]:
    """Conversations with the far end, edges left out."""
    begins = [e.offset_s for e in call.timeline if e.event == "transferred"]
    ends = [e.offset_s for e in call.timeline if e.event in ("transfer_leg_ended", "ended")]
    for begin in begins:
        end = next((at_s for at_s in ends if at_s > begin), begin)
        yield Stretch(from_s=begin - answered_s(call) + EDGE_S, until_s=end - answered_s(call) - EDGE_S)


def _fault(call: CallView, at_s: float, text: str) -> Moment:
    when_s = round(at_s + answered_s(call), 3)
    return Moment(at_s=when_s, kind=Kind.FAULT, text=f"at {when_s:g} s {text}")
