"""The prompt catalogue: the texts that callers hear, by key, one file for each language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr.flow.errors import FlowFileError, PromptError
from ivr.flow.template import SpeechTemplate, Template
from ivr.flow.values import Value
from ivr.flow.wording import mistakes, placed
from ivr.flow.yaml_file import YamlFile, read_yaml

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
MAX_SPEECH = 500
"""Characters in one prompt: about 40 seconds of speech."""


def is_language(text: str) -> bool:
    """Whether it has the form of a BCP 47 tag."""
    return _TAG.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptCatalogue:
    """The prompts of one language; `language` is a BCP 47 tag. `others` are those of other languages, for
    flows that change the language of a call."""

    language: str
    prompts: Mapping[str, Template]
    others: Mapping[str, PromptCatalogue] = field(default_factory=dict, repr=False)

    def text(self, key: str, given: Mapping[str, Value]) -> str:
        """The prompt with `given` in its places. Raises `PromptError` and `TemplateError`."""
        if key not in self.prompts:
            raise PromptError(f"the catalogue {self.language} has no prompt {key!r}")
        return self.prompts[key].render(_Given(given), self.language)

    def spoken(self, language: str) -> PromptCatalogue | None:
        """The catalogue of a language: of that tag, else of any with the same primary language."""
        known = {self.language: self, **self.others}
        wanted = language.lower()
        for tag, catalogue in known.items():
            if tag.lower() == wanted:
                return catalogue
        primary = wanted.partition("-")[0]
        same = (catalogue for tag, catalogue in known.items() if tag.lower().partition("-")[0] == primary)
        return next(same, None)

    def places(self, key: str) -> frozenset[str]:
        """The names that the prompt must be given."""
        return frozenset(ref.root for ref in self.prompts[key].references if not ref.guarded)


@dataclass(frozen=True, slots=True)
class _Given:
    values: Mapping[str, Value]

    def look_up(self, name: str) -> Value:
        return self.values[name]


class _Catalogue(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
    prompts: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], SpeechTemplate]


_NAME = re.compile(r"[a-z]{2,3}-[A-Za-z0-9]{2,8}\.yaml")


def load_prompts(path: Path) -> PromptCatalogue:
    """The catalogue in a YAML file, and as its `others` those beside it, whose files are named as a language,
    e.g. ko-KR.yaml. Raises `FlowFileError`."""
    beside = [file for file in sorted(path.parent.glob("*.yaml")) if _NAME.fullmatch(file.name)]
    others = [_load(file) for file in beside if file.name != path.name]
    return replace(_load(path), others={catalogue.language: catalogue for catalogue in others})


def _load(path: Path) -> PromptCatalogue:
    file = read_yaml(path)
    try:
        read = _Catalogue.model_validate(file.content)
    except ValidationError as exc:
        raise _refused(file, exc) from exc
    return PromptCatalogue(language=read.language, prompts=read.prompts)


def _refused(file: YamlFile, exc: ValidationError) -> FlowFileError:
    found = [
        FlowFileError(file.path, file.line(at), placed(at or ("the file",), text))
        for at, text in mistakes(exc.errors(include_url=False))
    ]
    return FlowFileError.together(found)
