"""The demo: its proofs can fail, and the whole call passes them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ivr.demo.evidence import heard_music, heard_speech, heard_tone, never_silent
from ivr.demo.options import DemoOptions
from ivr.demo.people import phone
from ivr.demo.run import set_up
from ivr.demo.stay import answer_calls
from ivr.demo.world import DemoError, choose_ports, sip_host_of
from media.listen import Floats
from media.sound import read_mono
from tests.phones import free_port, free_rtp

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


def demo_argv(out: Path) -> list[str]:
    """The demo as a command."""
    return [sys.executable, "-m", "ivr.cli.entry", "demo", "--out", str(out)]


def demo_env() -> dict[str, str]:
    """What it runs in."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def wait_for(reached: Callable[[], bool]) -> None:
    """Until something is so in another process's log, which tells nobody."""
    ends = time.monotonic() + 90
    while not reached():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.process
@pytest.mark.timeout(180)
def test_one_whole_call(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = subprocess.run(
        [*demo_argv(out), "--json"],
        cwd=ROOT,
        env=demo_env(),
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


def test_an_agents_own_phone_decides_where_the_node_listens() -> None:
    def options(agent: str | None, *, lan: bool = False) -> DemoOptions:
        return DemoOptions(json=False, out=Path("unused"), stay=False, lan=lan, agent=agent)

    def host(of: DemoOptions) -> str:
        return asyncio.run(sip_host_of(of))

    assert host(options(None)) == "127.0.0.1"
    assert host(options("sip:me@127.0.0.1:5080")) == "127.0.0.1"
    assert host(options("sip:me@127.0.0.1", lan=True)) == "0.0.0.0"
    with pytest.raises(DemoError, match=r"--agent sip:me@no-such-host\.invalid: no address"):
        host(options("sip:me@no-such-host.invalid"))


@pytest.mark.process
@pytest.mark.timeout(120)
def test_a_demo_that_is_ended_before_its_proofs_has_failed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with subprocess.Popen(
        demo_argv(out), cwd=ROOT, env=demo_env(), stdout=subprocess.PIPE, text=True
    ) as process:
        wait_for(lambda: (out / "node.log").exists() and "call.opened" in (out / "node.log").read_text())
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ended before every step was proved" in said


@pytest.mark.process
@pytest.mark.timeout(120)
def test_a_phone_in_the_agents_place_rings(tmp_path: Path) -> None:
    """No hand on the desktop: Sam is ready when the node is."""

    async def scene() -> None:
        port = free_port()
        options = DemoOptions(
            json=False, out=tmp_path, stay=False, lan=False, agent=f"sip:me@127.0.0.1:{port}"
        )
        async with (
            phone(port, free_rtp()) as agent,
            set_up(options, choose_ports(fixed=False), "127.0.0.1") as (cast, people),
        ):
            waiting = asyncio.create_task(answer_calls(cast, people, scripted=False))
            await cast.caller.call(f"sip:support@{cast.sip}", cast.sip, "<sip:+14155550123@127.0.0.1>")
            async with asyncio.timeout(60):
                leg, _, _ = await agent.rung()
                await leg.answer(200)
                await leg.answered
            waiting.cancel()

    asyncio.run(scene())
