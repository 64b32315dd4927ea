"""What proves a call: recordings judged by their content, and what the other side says it got. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from media import listen
from media.listen import Floats, Kind

MUSIC_MATCH = 0.85
TONE_SHARE = 0.8
SPEECH_LEVEL_DBFS = -40.0
LONGEST_SILENCE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One step of the call, whether it is proved, and by what."""

    step: str
    proved: bool
    detail: str


def heard_speech(heard: Floats, rate: int, until_s: float) -> Proof:
    """A greeting before the music: loud enough and spoken."""
    part = heard[: int(until_s * rate)]
    level, kind = listen.rms_dbfs(part), listen.classify(part, rate)
    proved = kind is Kind.SPEECH and level > SPEECH_LEVEL_DBFS
    return Proof(
        step="the caller heard speech",
        proved=proved,
        detail=f"{until_s:.1f} s of {kind.value} at {level:.0f} dBFS",
    )


def heard_music(heard: Floats, music: Floats, rate: int, from_s: float, until_s: float) -> Proof:
    """The hold music: this file and no other."""
    part = heard[int(from_s * rate) : int(until_s * rate)]
    found = listen.find(part, music, rate, loop=True)
    return Proof(
        step="then this hold music",
        proved=found.score >= MUSIC_MATCH,
        detail=f"correlation {found.score:.2f} with the file, from second {found.lag_s:.1f} of it",
    )


def heard_tone(who: str, whose: str, heard: Floats, rate: int, frequency_hz: float) -> Proof:
    """One party's tone in the other's ear."""
    share = listen.tone_share(heard, rate, frequency_hz)
    level = listen.rms_dbfs(heard)
    return Proof(
        step=f"the {who} heard the {whose}'s tone",
        proved=share >= TONE_SHARE and level > SPEECH_LEVEL_DBFS,
        detail=f"{100 * share:.0f} % of the energy at {frequency_hz:.0f} Hz, {level:.0f} dBFS",
    )


def never_silent(heard: Floats, rate: int) -> Proof:
    """No gap that a caller would take for a dead line."""
    silence = listen.longest_silence_s(heard, rate)
    return Proof(
        step="the caller was never in silence",
        proved=silence < LONGEST_SILENCE_S,
        detail=f"longest gap {silence:.2f} s of {heard.size / rate:.0f} s",
    )
