"""Salesforce's JSON read into our values: the edge where its shapes and field names end."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_pascal

from ivr.salesforce.cases import CaseRow
from ivr.salesforce.errors import Garbage
from ivr.salesforce.fields import OrgFields
from ivr.salesforce.match import Row
from ivr.salesforce.model import Case
from ivr.salesforce.reply import Reply

Id = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?$")]

_M = TypeVar("_M", bound=BaseModel)


class _Json(BaseModel):
    """Salesforce adds fields at will: unknown ones are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_pascal)


class _Attributes(_Json):
    type: str


class _Named(_Record):
    name: str | None = None


class _Open(BaseModel):
    """Any fields besides those named here: which ones an org has is configuration."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_pascal)

    def text(self, field: str) -> str | None:
        """A field's text; None when it is empty or this org does not have it."""
        value = (self.model_extra or {}).get(field)
        return value.strip() or None if isinstance(value, str) else None


class _Found(_Open):
    attributes: Annotated[_Attributes, Field(alias="attributes")]
    id: Id
    name: str | None = None
    account_id: Id | None = None
    account: _Named | None = None

    def row(self, fields: OrgFields) -> Row:
        """As the decision wants it."""
        object_ = self.attributes.type
        phones = ((name, self.text(name)) for name in fields.compared(object_))
        return Row(
            object=object_,
            id=self.id,
            name=spoken(self.name),
            greeting=spoken(self.text(fields.greeting.get(object_, ""))),
            account_id=self.account_id,
            account_name=spoken(self.account.name) if self.account else None,
            phones=tuple((name, text) for name, text in phones if text),
        )


class _Rows(_Json):
    records: tuple[_Found, ...]


class _Search(_Json):
    records: Annotated[tuple[_Found, ...], Field(alias="searchRecords", max_length=2_000)]


class _CaseRecord(_Open):
    id: Id
    case_number: str
    subject: str | None = None
    status: str | None = None
    owner: _Named | None = None
    contact_id: Id | None = None

    def row(self, fields: OrgFields) -> CaseRow:
        """As the ranking wants it."""
        case = Case(
            id=self.id,
            number=self.case_number,
            subject=self.subject or "",
            priority=self.text(fields.case_priority),
            status=self.status,
            owner=self.owner.name if self.owner else None,
        )
        return CaseRow(case=case, contact_id=self.contact_id)


class _Cases(_Json):
    records: tuple[_CaseRecord, ...]


class PersonRecord(_Open):
    """A Contact, or the fields that a Lead shares with it."""

    id: Id
    name: str | None = None
    account_id: Id | None = None


class AccountRecord(_Open):
    """An Account whole: which custom fields it has differs by org."""

    id: Id
    name: str | None = None


class CommentRecord(_Record):
    """A CaseComment."""

    id: Id
    comment_body: str | None = None


class _Comments(_Json):
    records: tuple[CommentRecord, ...]


class TaskRecord(_Record):
    """A Task, of which only the call matters."""

    id: Id
    call_object: str | None = None


class _Tasks(_Json):
    records: tuple[TaskRecord, ...]


class _Created(_Json):
    id: Id
    success: bool


class SubReply(_Json):
    """One part of a composite answer."""

    status: Annotated[int, Field(alias="httpStatusCode")]
    reference: Annotated[str, Field(alias="referenceId")]
    body: object = None


class _Composite(_Json):
    parts: Annotated[tuple[SubReply, ...], Field(alias="compositeResponse")]


def spoken(name: str | None) -> str:
    """A name on one line, without stray blanks; empty when there is none."""
    return " ".join((name or "").split())


def read_search(reply: Reply, fields: OrgFields) -> tuple[Row, ...]:
    """The records of a search answer. Raises Garbage."""
    return tuple(found.row(fields) for found in _whole(_Search, reply).records)


def read_rows(body: object, fields: OrgFields) -> tuple[Row, ...]:
    """The same of a query answer that is part of a composite one. Raises Garbage."""
    return tuple(found.row(fields) for found in part_of(_Rows, body).records)


def read_composite(reply: Reply) -> dict[str, SubReply]:
    """The parts of a composite answer by reference. Raises Garbage."""
    return {part.reference: part for part in _whole(_Composite, reply).parts}


def read_cases(body: object, fields: OrgFields) -> tuple[CaseRow, ...]:
    """The cases of a query answer that is part of a composite one. Raises Garbage."""
    return tuple(record.row(fields) for record in part_of(_Cases, body).records)


def read_comments(reply: Reply) -> tuple[CommentRecord, ...]:
    """The comments of a query answer. Raises Garbage."""
    return _whole(_Comments, reply).records


def read_tasks(reply: Reply) -> tuple[TaskRecord, ...]:
    """The Tasks of a query answer. Raises Garbage."""
    return _whole(_Tasks, reply).records


def read_upserted(reply: Reply) -> str:
    """The id of a record just upserted; empty when an older version answers an update with 204 and no body.
    Raises Garbage."""
    return "" if reply.status == HTTPStatus.NO_CONTENT else read_created(reply)


def read_created(reply: Reply) -> str:
    """The id of a record just created. Raises Garbage."""
    created = _whole(_Created, reply)
    if not created.success:
        raise Garbage("a create answered with success false")
    return created.id


def part_of(model: type[_M], body: object) -> _M:
    """Parsed JSON as `model`. Raises Garbage."""
    try:
        return model.model_validate(body)
    except ValidationError as exc:
        raise Garbage(_shape(exc)) from None


def _whole(model: type[_M], reply: Reply) -> _M:
    try:
        return model.model_validate_json(reply.body)
    except ValidationError as exc:
        raise Garbage(_shape(exc), reply=reply) from None


def _shape(exc: ValidationError) -> str:
    first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(step) for step in first["loc"]) or "the answer"
    return f"an answer of another shape: {where}: {first['type']}"
