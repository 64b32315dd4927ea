"""How long the library's players live: a frame too short and its own thread calls into what is no more."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import cast

import pytest

from media.messages import LegId, PlayEnded, PlayId
from media.worker import audio
from media.worker.audio import Studio
from media.worker.leg import Leg
from tests.phones import tone

LEG = LegId(1)
SECONDS = 0.5


class Port:
    """Stands for a leg's port on the bridge."""


class PlainLeg:
    """A leg with audio and nothing else."""

    id = LEG

    def __init__(self) -> None:
        self.port = Port()

    def audio(self) -> Port:
        """Its port."""
        return self.port


class Player:
    """Stands for the library's player; tells when it is destroyed."""

    def startTransmit(self, sink: Port) -> None:
        """Begin."""

    def stopTransmit(self, sink: Port) -> None:
        """End."""


class Bench:
    """A studio with a clock to turn and players to count."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.players: weakref.WeakSet[Player] = weakref.WeakSet()
        self.file = str(tone(folder, 440.0, SECONDS))
        monkeypatch.setattr(audio, "_player", lambda path, options: self._made())
        self.studio = Studio(self._emit, lambda: self.now, lambda: None)
        self.studio.add(cast(Leg, PlainLeg()))

    def _made(self) -> Player:
        player = Player()
        self.players.add(player)
        return player

    def _emit(self, event: PlayEnded) -> None:
        self.told.append(event.outcome)

    def play(self, *, loop: bool = False, file: str | None = None) -> None:
        """Begin a file."""
        self.studio.play(LEG, PlayId(1), (file or self.file,), loop)

    def passes(self, seconds: float) -> int:
        """Time passes; returns how many players there are then."""
        self.now += seconds
        self.studio.poll()
        return len(self.players)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """A studio to try."""
    return Bench(monkeypatch, tmp_path)


def test_a_player_whose_file_is_over_rests_before_it_is_destroyed(bench: Bench) -> None:
    bench.play()
    assert bench.passes(SECONDS + 0.1) == 1
    assert bench.told == ["finished"]
    assert bench.passes(audio._REST_S - 0.1) == 1
    assert bench.passes(0.2) == 0


@pytest.mark.parametrize("end", ["stop", "replace", "leg"])
def test_so_does_one_that_is_stopped_at_any_moment(bench: Bench, end: str) -> None:
    leg = bench.studio._legs[LEG]
    bench.play()
    match end:
        case "stop":
            bench.studio.stop(LEG)
        case "replace":
            bench.play()
            bench.studio.stop(LEG)
        case _:
            bench.studio.remove(leg)
    assert bench.passes(audio._REST_S - 0.1) == (2 if end == "replace" else 1)
    assert bench.passes(0.2) == 0


def test_players_at_rest_are_few_enough_for_the_library(bench: Bench) -> None:
    for _ in range(40):
        bench.play()
        assert bench.passes(0.01) <= audio._MOST_RESTING + 1


def test_a_looped_player_is_kept_and_shared(bench: Bench) -> None:
    for _ in range(3):
        bench.play(loop=True)
        bench.studio.stop(LEG)
    assert bench.passes(100.0) == 1


def test_looped_players_that_make_way_rest_too(bench: Bench, tmp_path: Path) -> None:
    for number in range(audio._MOST_LOOPS + 1):
        bench.play(loop=True, file=str(tone(tmp_path, 300.0 + number, 0.1)))
    assert bench.passes(0.0) == audio._MOST_LOOPS + 1
    # Those that nobody heard have made way, but not the one that played until then.
    assert bench.passes(audio._REST_S + 0.1) <= 2
