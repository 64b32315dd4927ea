"""What a scenario expects against what happened. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ivr.flow.rig.scenario import ANY_NUMBER, Expect, ExpectQueued, ExpectWritten, Within
from ivr.flow.rig.story import Comment, Kind, Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An expectation that does not hold; `at` is where in `expect` it stands."""

    at: tuple[str, ...]
    text: str


def failures(expect: Expect, story: Story) -> list[Failure]:
    """Everything that is not as it should be."""
    return [*_lists(expect, story), *_queue(expect, story), *_ending(expect, story), *_times(expect, story)]


def _lists(expect: Expect, story: Story) -> Iterator[Failure]:
    lists = (
        ("said", expect.said, story.of(Kind.SAID)),
        ("music", expect.music, story.of(Kind.MUSIC)),
        ("asked", expect.asked, story.of(Kind.ASKED)),
        ("transferred", expect.transferred, story.of(Kind.TRANSFERRED)),
        ("popped", expect.popped, story.of(Kind.POPPED)),
        ("walked", expect.walked, story.walked()),
    )
    for name, wanted, got in lists:
        if wanted is not None and not fits(wanted, got):
            yield Failure(at=(name,), text=f"expected {_shown(wanted)}, but it was {_shown(got)}")
    if expect.written is not None:
        yield from _written(expect.written, story.comments)


def fits(wanted: Sequence[str], got: Sequence[str]) -> bool:
    """Whether `got` is `wanted`, in which "..." stands for any number of elements."""
    reached = {0}
    for element in wanted:
        if element == ANY_NUMBER:
            reached = set(range(min(reached), len(got) + 1)) if reached else set()
        else:
            reached = {at + 1 for at in reached if at < len(got) and got[at] == element}
    return len(got) in reached


def _written(wanted: Sequence[ExpectWritten], got: Sequence[Comment]) -> Iterator[Failure]:
    good = len(wanted) == len(got) and all(
        want.text == have.text and want.case in (None, have.case) and want.task_on in (None, have.task_on)
        for want, have in zip(wanted, got, strict=False)
    )
    if not good:
        named = [Comment(text=want.text, case=want.case, task_on=want.task_on) for want in wanted]
        text = f"expected {_shown([str(c) for c in named])}, but it was {_shown([str(c) for c in got])}"
        yield Failure(at=("written",), text=text)


def _queue(expect: Expect, story: Story) -> Iterator[Failure]:
    place = story.queued
    match expect.queued:
        case False if place is not None:
            yield Failure(at=("queued",), text=f"expected no queue, but it was {place.queue}")
        case ExpectQueued(queue=queue, priority=priority) if (
            place is None or place.queue != queue or priority not in (None, place.priority)
        ):
            wanted = queue if priority is None else f"{queue}, priority {priority}"
            got = "no queue" if place is None else f"{place.queue}, priority {place.priority}"
            yield Failure(at=("queued",), text=f"expected {wanted}, but it was {got}")
        case _:
            pass
    rescored = bool(story.of(Kind.RESCORED))
    if expect.rescored is not None and expect.rescored is not rescored:
        yield Failure(at=("rescored",), text=f"expected {_yes(expect.rescored)}, but it was {_yes(rescored)}")


def _ending(expect: Expect, story: Story) -> Iterator[Failure]:
    agent = expect.agent or None
    if expect.agent is not None and story.agent != agent:
        text = f"expected {agent or 'nobody'} to answer, but it was {story.agent or 'nobody'}"
        yield Failure(at=("agent",), text=text)
    if expect.ended is not None and story.ending is not expect.ended:
        yield Failure(at=("ended",), text=f"expected {expect.ended}, but it was {story.ending or 'not over'}")
    values = {view.name: view.value for view in story.variables}
    for name, wanted in (expect.variables or {}).items():
        if values.get(name) != wanted:
            text = f"expected {wanted!r}, but it was {values.get(name)!r}"
            yield Failure(at=("variables", name), text=text)


def _times(expect: Expect, story: Story) -> Iterator[Failure]:
    kinds = {"queued": Kind.QUEUED, "connected": Kind.CONNECTED, "ended": Kind.ENDED}
    for name, kind in kinds.items():
        limit: float | None = getattr(expect.within_s or Within(), name)
        happened = story.first(kind)
        if limit is not None and (happened is None or happened > limit):
            got = "never" if happened is None else f"at {happened:g} s"
            yield Failure(at=("within_s", name), text=f"expected within {limit:g} s, but it was {got}")
    longest = story.longest_silence_s()
    if expect.silence_at_most_s is not None and longest > expect.silence_at_most_s:
        text = f"expected {expect.silence_at_most_s:g} s at most, but it was {longest:.2f} s"
        yield Failure(at=("silence_at_most_s",), text=text)


def _shown(texts: Sequence[str]) -> str:
    return "[" + " | ".join(texts) + "]"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
