"""Flows, prompts, sounds and speech: what callers will hear."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from ivr.checks.model import CheckResult, failed, ok
from ivr.checks.subject import Subject
from ivr.definitions import load_definitions
from ivr.errors import CannotStart
from media.process import StartError
from media.sound import SoundError, read_mono
from media.speech.client import ProcessEngine
from media.speech.errors import NotSpeakable, SpeechError
from media.speech.speech import Speech

SENTENCE = "One, two, three, four, five."
SAY_LIMIT_S = 10.0


async def definitions(subject: Subject) -> CheckResult:
    """Flows, prompts and sounds load and fit together."""
    config = subject.config
    try:
        found = await asyncio.to_thread(load_definitions, config)
    except CannotStart as exc:
        return failed("; ".join(exc.reasons), "correct these files; `ivr flow check FILE` checks one flow")
    except OSError as exc:
        return failed(
            f"{exc.filename}: {exc.strerror}", f"make node.data_dir ({config.node.data_dir}) writable"
        )
    text = (
        f"{len(found.flows)} flows, {len(found.prompts.prompts)} prompts, {len(found.sounds.names())} sounds"
    )
    if found.warnings:
        text += f"; warnings: {'; '.join(map(str, found.warnings))}"
    return ok(text)


async def speech(subject: Subject) -> CheckResult:
    """The speech engine says a sentence, newly: not one from the node's cache."""
    config = subject.config
    rate = 16000 if config.sip.wideband else 8000
    engine = ProcessEngine()
    with tempfile.TemporaryDirectory(prefix="ivr-check-") as folder:
        try:
            async with Speech(engine=engine, cache_dir=Path(folder) / "speech", rate=rate) as speaker:
                spoken = await speaker.say(SENTENCE, config.language, timeout_s=SAY_LIMIT_S)
                seconds = len(read_mono(spoken, rate)) / rate
                return ok(f"{engine.identity}: a sentence of {seconds:.1f} s in {config.language}")
        except NotSpeakable as exc:
            known = ", ".join(engine.languages[:20])
            return failed(f"{config.language}: {exc}", f"set language to one of {known}")
        except (StartError, SpeechError, SoundError) as exc:
            return failed(str(exc), "install pyttsx3 and espeakng-loader anew: they bring the engine")
