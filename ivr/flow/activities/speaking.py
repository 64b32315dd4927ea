"""Prompts as properties: what an activity says, one after the other, in the call's language."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from ivr.flow.activities.base import Acting, Activity, Need, NeedKind, Path, Properties
from ivr.flow.errors import ActivityError
from ivr.flow.ports import AudioFile, Prompt, Say
from ivr.flow.prompts import MAX_SPEECH, is_language
from ivr.flow.template import PlainTemplate, SpeechTemplate

_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,126}\.wav")


class KeyPrompt(Properties):
    """A prompt of the catalogue, and what to fill its places with."""

    key: str
    """The prompt's key; it is spoken in the call's language."""
    given: Annotated[dict[str, PlainTemplate], Field(alias="with", max_length=10, default_factory=dict)]
    """A value for each of the prompt's places."""

    def prompt(self, acting: Acting, language: str) -> Prompt:
        """The text in the call's language."""
        given = {name: acting.render(template) for name, template in self.given.items()}
        return _say(*acting.prompt(self.key, given, language))

    def need(self, at: Path) -> Need | None:
        """The key."""
        return Need(kind=NeedKind.PROMPT, name=self.key, at=(*at, "key"), given=frozenset(self.given))


class TextPrompt(Properties):
    """Text in the flow itself."""

    text: SpeechTemplate
    """What to say."""

    def prompt(self, acting: Acting, language: str) -> Prompt:
        """The text with its values."""
        return _say(self.text.render(acting.variables, language), language)

    def need(self, at: Path) -> Need | None:
        """Nothing."""
        return None


class FilePrompt(Properties):
    """A recording; the name may be a template."""

    file: PlainTemplate
    """The name of a WAV file in the sound folders."""

    def prompt(self, acting: Acting, language: str) -> Prompt:
        """The file, if that is a file's name and nothing else."""
        name = acting.render(self.file).strip()
        if _FILE.fullmatch(name) is None:
            raise ActivityError(f"this is no name of a WAV file: {name[:40]!r}")
        return AudioFile(name=name)

    def need(self, at: Path) -> Need | None:
        """The file, when its name is fixed."""
        if self.file.constant is None:
            return None
        return Need(kind=NeedKind.SOUND, name=self.file.constant.strip(), at=(*at, "file"))


def _kind(item: object) -> str | None:
    # The blank tells these tags from properties where an error says its place.
    match item:
        case {"key": _} | KeyPrompt():
            return "by key"
        case {"text": _} | TextPrompt():
            return "by text"
        case {"file": _} | FilePrompt():
            return "by file"
        case _:
            return None


AnyPrompt = Annotated[
    Annotated[KeyPrompt, Tag("by key")]
    | Annotated[TextPrompt, Tag("by text")]
    | Annotated[FilePrompt, Tag("by file")],
    Discriminator(
        _kind,
        custom_error_type="prompt",
        custom_error_message="a prompt has one of key, text, file",
    ),
]
Sequence = Annotated[tuple[AnyPrompt, ...], Field(min_length=1, max_length=20)]
NoneOrMore = Annotated[tuple[AnyPrompt, ...], Field(max_length=20)]


class Speaking(Activity):
    """Base of the activities that speak."""

    language: PlainTemplate | None = None
    """The language of these prompts, e.g. `ko-KR`. Without it that of the variable `Global_Language`, where
    the flow has it and it is set, else the node's."""

    def needs(self) -> tuple[Need, ...]:
        """The keys and files of every prompt, and the language where it is fixed."""
        found = [
            item.need((name, index))
            for name in type(self).model_fields
            if name.endswith("prompts")
            for index, item in enumerate(getattr(self, name))
        ]
        if self.language is not None and self.language.constant is not None:
            found.append(Need(kind=NeedKind.LANGUAGE, name=self.language.constant, at=("language",)))
        return tuple(need for need in found if need is not None)

    def said(self, acting: Acting, *items: AnyPrompt) -> list[Prompt]:
        """Render all before the first is played, so that nobody hears half an announcement."""
        language = acting.language if self.language is None else acting.render(self.language).strip()
        if not is_language(language):
            raise ActivityError(f"this is no language: {language[:40]!r}")
        return [item.prompt(acting, language) for item in items]


def _say(text: str, language: str) -> Prompt:
    if not text.strip() or len(text) > MAX_SPEECH:
        raise ActivityError(f"a prompt has 1 to {MAX_SPEECH} characters, not {len(text)}")
    return Say(text=text, language=language)
