"""The one flow of the fake node of `ivr/api/testing.py`, drawn by the product's own pen."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ivr.api.fake_state import FakeState
from ivr.api.models import CallStage, FlowView
from ivr.flow.draw.picture import Arrow, Box, Family, Group, Overlay, Picture, Visit
from ivr.flow.draw.svg import svg
from ivr.ids import CallId

FLOW = "support_line"
GROUP = "main"


def _box(name: str, type_: str, family: Family, summary: str = "") -> Box:
    return Box(name=name, type=type_, family=family, summary=summary)


PICTURE = Picture(
    title=FLOW,
    groups=(
        Group(
            name=GROUP,
            start="NewPhoneContact",
            boxes=(
                _box("NewPhoneContact", "start", Family.START),
                _box("FindCaller", "salesforce-find", Family.CONNECTOR),
                _box("Greet", "play-message", Family.VOICE, "greeting"),
                _box("Queue", "queue-contact", Family.QUEUE, "Support"),
                _box("Music", "play-music", Family.VOICE),
            ),
            arrows=(
                Arrow(source="NewPhoneContact", target="FindCaller", outcomes=("next",)),
                Arrow(source="FindCaller", target="Greet", outcomes=("one",)),
                Arrow(source="FindCaller", target="Queue", outcomes=("none", "error")),
                Arrow(source="Greet", target="Queue", outcomes=("next",)),
                Arrow(source="Queue", target="Music", outcomes=("next",)),
                Arrow(source="Music", target="Music", outcomes=("next",)),
            ),
        ),
    ),
)
_GREETED = (
    Visit(group=GROUP, activity="NewPhoneContact", outcome="next"),
    Visit(group=GROUP, activity="FindCaller", outcome="one"),
)
_QUEUED = (
    *_GREETED,
    Visit(group=GROUP, activity="Greet", outcome="next"),
    Visit(group=GROUP, activity="Queue", outcome="next"),
    Visit(group=GROUP, activity="Music"),
)


class FakePictures:
    """Implements `FlowApi`: calls in treatment are greeted, queued ones hear music. Tests may rename boxes by
    setting `picture`."""

    def __init__(self, state: FakeState) -> None:
        self._state = state
        self.picture = PICTURE

    async def flows(self) -> list[FlowView]:
        """The one flow."""
        return [FlowView(name=FLOW, version="1", calls=len(self._stages()))]

    async def flow_picture(self, name: str) -> str | None:
        """Calls in treatment at Greet, queued ones at Music."""
        stages = self._stages()
        counts = Counter((GROUP, at) for stage in stages if (at := _activity(stage)))
        title = f"{self.picture.title}, {len(stages)} calls now"
        return svg(replace(self.picture, title=title), Overlay(counts=counts)) if name == FLOW else None

    async def call_picture(self, call_id: CallId) -> str | None:
        """To Greet for a call in treatment, to Music for every other."""
        call = self._state.known_calls().get(call_id)
        if call is None:
            return None
        path = (*_GREETED, Visit(group=GROUP, activity="Greet"))
        return svg(self.picture, Overlay(path=path if call.stage is CallStage.TREATMENT else _QUEUED))

    def _stages(self) -> list[CallStage]:
        return [call.stage for call in self._state.known_calls().values() if call.ended_at is None]


def _activity(stage: CallStage) -> str | None:
    match stage:
        case CallStage.TREATMENT:
            return "Greet"
        case CallStage.QUEUED | CallStage.OFFERED:
            return "Music"
        case _:
            return None
