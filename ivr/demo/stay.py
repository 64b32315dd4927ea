"""After the first call the scripted agent stays signed in and answers: a sentence, then an echo."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ivr.api.errors import ApiError
from ivr.api.models import AgentStatus
from ivr.demo.people import RATE, Phone
from ivr.demo.script import Cast
from media.errors import MediaError
from media.leg import Leg
from media.speech.client import ProcessEngine
from media.speech.errors import SpeechError
from media.speech.speech import Speech

SENTENCE = "Hello, this is Sam, the scripted agent. From now on you hear yourself."
RING_S = 2.0


async def answer_calls(cast: Cast, agent: Phone, *, scripted: bool) -> None:
    """Answer for ever; with a real phone in Sam's place only make him ready, and wait."""
    if not scripted:
        await _ready(cast)
        await asyncio.get_running_loop().create_future()
    async with Speech(
        engine=ProcessEngine(), cache_dir=cast.out / "data" / "agent-speech", rate=RATE
    ) as speech:
        try:
            sentence = await speech.say(SENTENCE, "en-US", timeout_s=10.0)
        except SpeechError:
            sentence = cast.agent_tone
    await _ready(cast)
    async with asyncio.TaskGroup() as tasks:
        while True:
            leg, _, booking = await agent.rung()
            tasks.create_task(_answer(cast, agent, leg, sentence)).add_done_callback(
                lambda _, booking=booking: booking.release()  # type: ignore[misc]  # bound early on purpose
            )


async def _answer(cast: Cast, agent: Phone, leg: Leg, sentence: Path) -> None:
    try:
        await leg.answer(180)
        await asyncio.sleep(RING_S)  # the agent lets it ring
        await leg.answer(200)
        await leg.play((str(sentence),))
        await agent.echo(leg)
        await leg.ended
    except MediaError:
        return  # the caller hung up while it rang
    await _ready(cast)


async def _ready(cast: Cast) -> None:
    """Ready now or, during wrap-up, once its time is over: the notes of a person may still be typed."""
    try:
        me = await cast.desk.me()
        if me.status is AgentStatus.NOT_READY:
            await cast.desk.set_state("sam", AgentStatus.READY)
    except ApiError:
        return
