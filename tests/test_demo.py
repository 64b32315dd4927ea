"""The demo: its proofs can fail, and the whole call passes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ivr.demo.evidence import heard_music, heard_speech, heard_tone, never_silent
from media.listen import Floats
from media.sound import read_mono

ROOT = Path(__file__).parents[1]
RATE = 8000


def tone(hz: float, seconds: float) -> Floats:
    """A sine at a comfortable level."""
    return 0.25 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)


def sound(name: str) -> Floats:
    """A shipped sound at telephone rate."""
    return read_mono(ROOT / "media" / "sounds" / name, RATE)


def test_speech_is_told_from_tone_music_and_silence() -> None:
    speech = sound("technical_problem.wav")
    length = speech.size / RATE
    assert heard_speech(speech, RATE, length).proved
    assert not heard_speech(tone(440, 3), RATE, 3).proved
    assert not heard_speech(sound("defaultmusic_on_hold.wav")[: 4 * RATE], RATE, 4).proved
    assert not heard_speech(np.zeros(3 * RATE), RATE, 3).proved


def test_the_music_must_be_this_file() -> None:
    music = sound("defaultmusic_on_hold.wav")
    assert heard_music(music[5 * RATE : 10 * RATE], music, RATE, 0, 5).proved
    assert not heard_music(tone(440, 5), music, RATE, 0, 5).proved
    assert not heard_music(music[5 * RATE : 10 * RATE][::-1], music, RATE, 0, 5).proved
    noise = np.random.default_rng(1).normal(0, 0.1, 5 * RATE)
    assert not heard_music(noise, music, RATE, 0, 5).proved


def test_a_tone_must_be_the_other_sides() -> None:
    assert heard_tone("caller", "agent", tone(880, 2), RATE, 880).proved
    assert not heard_tone("caller", "agent", tone(523, 2), RATE, 880).proved
    assert not heard_tone("caller", "agent", np.zeros(2 * RATE), RATE, 880).proved


def test_two_seconds_of_nothing_are_silence() -> None:
    gap = np.concatenate([tone(440, 2), np.zeros(int(2.2 * RATE)), tone(440, 2)])
    assert not never_silent(gap, RATE).proved
    assert never_silent(tone(440, 6), RATE).proved


@pytest.mark.process
@pytest.mark.timeout(180)
def test_one_whole_call(tmp_path: Path) -> None:
    out = tmp_path / "out"
    argv = [sys.executable, "-m", "ivr.cli.entry", "demo", "--json", "--out", str(out)]
    done = subprocess.run(
        argv,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=160,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["proved"]
    assert [step["step"] for step in outcome["steps"] if not step["proved"]] == []
    assert len(outcome["steps"]) >= 10
    for name in ("caller.wav", "agent.wav", "call.json", "node.log"):
        assert (out / name).stat().st_size > 0
