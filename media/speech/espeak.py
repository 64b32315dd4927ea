"""pyttsx3 on the espeak-ng library that pip brought; used in the engine's process only."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import os
import sys
import threading
from pathlib import Path

RENDER_TIMEOUT_S = 30.0
# What people write and what espeak-ng calls it.
_ALIASES = {
    "en": "en-us",
    "zh": "cmn",
    "zh-cn": "cmn",
    "zh-tw": "cmn",
    "zh-sg": "cmn",
    "zh-hk": "yue",
    "no": "nb",
    "fr": "fr-fr",
    "iw": "he",
}


class UnknownLanguage(Exception):
    """No voice speaks it."""


class RenderFailed(Exception):
    """The engine reported an error or did not finish."""


class EspeakRenderer:
    """Text to WAV files, one after the other, in one thread."""

    def __init__(self) -> None:
        _use_bundled_library()
        pyttsx3 = importlib.import_module("pyttsx3")
        self._engine = pyttsx3.init("espeak")
        self._voices: dict[str, str] = {}
        for voice in self._engine.getProperty("voices"):
            for language in voice.languages[:1]:
                self._voices.setdefault(language.lower(), voice.id)
        self._finished = threading.Event()
        self._fault: str | None = None
        self._rate = 0
        self._engine.connect("finished-utterance", self._on_finished)
        self._engine.connect("error", self._on_error)

    @property
    def version(self) -> str:
        """Names and versions of what makes the sound."""
        names = ("pyttsx3", "espeakng-loader")
        return " ".join(f"{name}/{importlib.metadata.version(name)}" for name in names)

    @property
    def languages(self) -> tuple[str, ...]:
        """The tags that have a voice of their own."""
        return tuple(sorted(self._voices))

    def render(self, text: str, language: str, words_per_minute: int, path: Path) -> None:
        """Write the WAV; `UnknownLanguage` or `RenderFailed`."""
        voice = voice_for(language, self._voices)
        if voice is None:
            raise UnknownLanguage(language)
        self._finished.clear()
        self._fault = None
        self._engine.setProperty("voice", voice)
        if words_per_minute != self._rate:
            self._engine.setProperty("rate", words_per_minute)
            self._rate = words_per_minute
        self._engine.save_to_file(text, str(path))
        self._engine.runAndWait()
        # The library works in a thread of its own; pyttsx3's loop may end before the file is written.
        if not self._finished.wait(RENDER_TIMEOUT_S):
            raise RenderFailed("not finished")
        if self._fault is not None:
            raise RenderFailed(self._fault)

    def on_unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        """For `sys.unraisablehook`: a file that cannot be written raises inside the library's callback, and
        the end of the utterance is never told."""
        self._on_error(unraisable.exc_value)

    def _on_finished(self, *, completed: bool = True, **_: object) -> None:
        if not completed:
            self._fault = "cancelled"
        self._finished.set()

    def _on_error(self, exception: BaseException | None = None, **_: object) -> None:
        self._fault = type(exception).__name__
        self._finished.set()


def voice_for(language: str, voices: dict[str, str]) -> str | None:
    """The voice of a BCP 47 tag: the tag itself, then with fewer and fewer subtags ("ko-KR", "ko")."""
    tag = language.replace("_", "-").lower()
    while tag:
        known = tag if tag in voices else _ALIASES.get(tag, "")
        if known in voices:
            return voices[known]
        tag = tag.rpartition("-")[0]
    return None


def _use_bundled_library() -> None:
    """Make pyttsx3's driver load the library of `espeakng_loader`, whatever the system has."""
    loader = importlib.import_module("espeakng_loader")
    library = loader.get_library_path()
    # The library reads its data from here when its caller names no folder, as pyttsx3 does not.
    os.environ["ESPEAK_DATA_PATH"] = loader.get_data_path()
    load = ctypes.cdll.LoadLibrary
    # The driver tries a list of fixed names as it is imported; each of them is ours for that moment.
    setattr(ctypes.cdll, "LoadLibrary", lambda _: load(library))  # noqa: B010 - mypy, rightly, forbids it
    try:
        bindings = importlib.import_module("pyttsx3.drivers._espeak")
    finally:
        delattr(ctypes.cdll, "LoadLibrary")
    # runAndWait() begins by cancelling what the library seems to play, and its thread flickers between two
    # commands: one file in a thousand came out empty. Nothing is ever cancelled here but by killing us.
    setattr(bindings, "IsPlaying", lambda: 0)  # noqa: B010 - the module is not typed
