"""parse: values out of a JSON document (Webex: Parse)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from ivr.flow.activities.base import Acting, Activity, Leave, Path, Result
from ivr.flow.activities.extracting import Extract, assigned_by, extracted, missed
from ivr.flow.errors import ActivityError
from ivr.flow.template import Reference
from ivr.flow.values import Namespace, Value


class Parse(Activity):
    """Reads the JSON in `input` and sets variables from it. Leaves by `error` when it is no JSON.

    A path that leads nowhere, or to null, leaves its variable as it was.
    """

    type: ClassVar[str] = "parse"

    input: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?$")]
    """A variable, or an activity's output as `Activity.output`; text that is JSON, or a JSON value."""
    extract: Annotated[Extract, Field(min_length=1)]
    """Variables, each with the JSONPath (as Jayway reads it) of its value."""

    def references(self) -> Iterator[tuple[Path, Reference]]:
        """The input."""
        root, _, attribute = self.input.partition(".")
        yield ("input",), Reference(root=root, attribute=attribute or None)

    def assigns(self) -> Mapping[str, Path]:
        """The variables in `extract`."""
        return assigned_by(self.extract)

    async def run(self, acting: Acting) -> Result:
        """Parse."""
        values = extracted(self.extract, _document(self._value(acting)))
        return Leave(assigned=values, detail=missed(self.extract, values))

    def _value(self, acting: Acting) -> Value:
        root, _, attribute = self.input.partition(".")
        try:
            value = acting.variables.look_up(root)
            match value:
                case Namespace():
                    return value[attribute]
                case Mapping() if attribute:
                    return value[attribute]
                case _ if attribute:
                    raise ActivityError(f"{root} has no parts")
                case _:
                    return value
        except KeyError as exc:
            raise ActivityError(f"{self.input} is not set") from exc


def _document(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    try:
        document: Value = json.loads(value)
    except (ValueError, RecursionError) as exc:
        raise ActivityError("the input is no JSON") from exc
    return document
