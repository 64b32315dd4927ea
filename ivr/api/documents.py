"""Documents of the API beside `ivr/api/models.py`: the problems that say more, and a variable's value."""

from __future__ import annotations

from pydantic import BaseModel, Field

from ivr.api.models import ApiModel, NoteView, Problem

REFUSED = "urn:ivr:problem:refused"
REVISION = "urn:ivr:problem:revision"
INVALID = "urn:ivr:problem:invalid"
NOT_READY = "urn:ivr:problem:not-ready"


class SetVariable(ApiModel):
    """A flow variable's new value."""

    value: str = Field(max_length=4000)


class InvalidField(BaseModel):
    """One thing wrong with a request, e.g. `body.revision`."""

    field: str
    detail: str


class ConflictProblem(Problem):
    """409 of a note: what stands there now."""

    current: NoteView | None = None


class InvalidProblem(Problem):
    """422: which fields are wrong, and how."""

    errors: tuple[InvalidField, ...] = ()


class NotReadyProblem(Problem):
    """503 of /readyz: why the node takes no calls."""

    reasons: list[str]
