"""What an activity is: a checked, frozen set of properties, and a coroutine over the ports.

One activity is one module. The engine and the checks know activities by this interface alone; the reference
pages are made from it as well: the docstring of a class says what the activity does, those of its fields what
each property means, `exits` what each edge means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ivr.clock import Clock
from ivr.flow.errors import PromptError
from ivr.flow.ports import Ports
from ivr.flow.prompts import PromptCatalogue, is_language
from ivr.flow.schedule import Schedules
from ivr.flow.template import Reference, Template
from ivr.flow.values import Value, VariableType
from ivr.flow.variables import Variables

ERROR = "error"
NEXT = "next"
LANGUAGE_VARIABLE = "Global_Language"
"""Webex's name for the variable that says in which language a call is treated."""

Path = tuple[str | int, ...]
"""Where in an activity's properties, e.g. ("prompts", 0, "text")."""


class Port(StrEnum):
    """What of the system an activity touches."""

    VOICE = "voice"
    QUEUE = "queue"
    CONNECTOR = "connector"
    DESKTOP = "desktop"
    TRANSFER = "transfer"


class NeedKind(StrEnum):
    """Kinds of things outside a flow that it names."""

    QUEUE = "queue"
    CONNECTOR = "connector"
    SOUND = "sound"
    PROMPT = "prompt"
    SCHEDULE = "schedule"
    LANGUAGE = "language"
    AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something that must exist outside the flow. `given`: the values that a prompt is filled with."""

    kind: NeedKind
    name: str
    at: Path
    given: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why an activity's properties cannot be used."""

    at: Path
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The activity is done and leaves by the edge `outcome`."""

    outcome: str = NEXT
    outputs: Mapping[str, Value] = field(default_factory=dict)
    assigned: Mapping[str, Value] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The flow ends here. `hung_up` when the activity ended the call."""

    hung_up: bool = False
    detail: str = ""


Result = Leave | Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class SubFlowCall:
    """A sub-flow to run: its name, the values that it is given, and which of its variables are wanted."""

    flow: str
    given: Mapping[str, Value]
    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubFlowDone:
    """A sub-flow is over: how it ended, and the variables that were wanted and are set."""

    finish: Finish
    values: Mapping[str, Value]


RunSubFlow = Callable[[SubFlowCall], Awaitable[SubFlowDone]]
"""Raises `ActivityError` when the sub-flow fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What a running activity has at hand."""

    ports: Ports
    prompts: PromptCatalogue
    variables: Variables
    default_queue: str
    clock: Clock
    run_sub_flow: RunSubFlow
    schedules: Schedules = field(default_factory=dict)

    @property
    def language(self) -> str:
        """The language in which the call is treated now: the node's where the variable holds none."""
        try:
            chosen = self.variables.look_up(LANGUAGE_VARIABLE)
        except KeyError:
            return self.prompts.language
        return chosen if isinstance(chosen, str) and is_language(chosen) else self.prompts.language

    def render(self, template: Template) -> str:
        """The template's text now. Raises `TemplateError`."""
        return template.render(self.variables, self.language)

    def prompt(self, key: str, given: Mapping[str, Value], language: str) -> tuple[str, str]:
        """A prompt of the catalogue and its language: that of the node where the language wanted has no such
        prompt. Raises `PromptError`."""
        catalogue = self.prompts.spoken(language)
        if catalogue is not None and key in catalogue.prompts:
            return catalogue.text(key, given), catalogue.language
        if key not in self.prompts.prompts:
            raise PromptError(f"no catalogue has a prompt {key!r}")
        return self.prompts.text(key, given), self.prompts.language


class Properties(BaseModel):
    """Base of activities and of the parts of their properties: frozen, unknown keys are errors, and the
    docstring of a field is its description."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Activity(Properties, ABC):
    """Base of all activities. Every one may also leave by `error`."""

    type: ClassVar[str]
    """The activity's name in a flow file, in Webex's words."""
    uses: ClassVar[frozenset[Port]] = frozenset()
    waits: ClassVar[bool] = False
    """True when each run takes time that a caller can hear, so that a loop through it does not spin."""
    entry: ClassVar[bool] = False
    """True for the activity with which a main flow begins."""
    available: ClassVar[bool] = True
    """False when it is understood but cannot be done yet: reached, it leaves by `error`."""
    exits: ClassVar[Mapping[str, str]] = {NEXT: "Done."}
    """What each edge besides `error` means; a name in capitals stands for several, as CHOICE for digits."""

    def outcomes(self) -> tuple[str, ...]:
        """The edges besides `error` that must be wired; none for an activity that ends the flow."""
        return tuple(self.exits)

    def outputs(self) -> Mapping[str, VariableType] | None:
        """What it sets, read as `ActivityName.output`; None when that cannot be known."""
        return {}

    def assigns(self) -> Mapping[str, Path]:
        """The flow variables that it sets, and where it says so."""
        return {}

    def needs(self) -> tuple[Need, ...]:
        """What must exist outside the flow."""
        return ()

    def problems(self) -> tuple[Problem, ...]:
        """Why it cannot be run at all."""
        return ()

    def sub_flow(self) -> str | None:
        """The name of the sub-flow that it runs."""
        return None

    def limit_s(self) -> float | None:
        """After how many seconds a run has failed; None when it may go on until it is cancelled."""
        return 10.0

    @abstractmethod
    async def run(self, acting: Acting) -> Result:
        """Do it. What is raised here leaves by `error`."""

    def templates(self) -> Iterator[tuple[Path, Template]]:
        """Every template in its properties and where it stands."""
        return _templates((), self)

    def references(self) -> Iterator[tuple[Path, Reference]]:
        """Every name that it reads and where."""
        for path, template in self.templates():
            for reference in template.references:
                yield path, reference


def _templates(path: Path, value: object) -> Iterator[tuple[Path, Template]]:
    match value:
        case Template():
            yield path, value
        case BaseModel():
            for name, info in type(value).model_fields.items():
                yield from _templates((*path, info.alias or name), getattr(value, name))
        case Mapping():
            for key, element in value.items():
                yield from _templates((*path, str(key)), element)
        case list() | tuple():
            for index, element in enumerate(value):
                yield from _templates((*path, index), element)
        case _:
            return
