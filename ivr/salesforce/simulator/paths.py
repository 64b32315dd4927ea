"""From a field's path in a query to its value in a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ivr.salesforce.simulator.errors import malformed_query, no_column, no_relationship, no_type
from ivr.salesforce.simulator.fields import Field, SObject, Value
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.soql_tree import Path, Query
from ivr.salesforce.simulator.values import Record

Read = Callable[[Record], Value]


@dataclass(frozen=True, slots=True)
class Steps:
    """The reference fields on the way, then the field itself."""

    references: tuple[Field, ...]
    field: Field


class Paths:
    """Resolves paths in one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def object_of(self, query: Query) -> SObject:
        """The object after FROM. Raises ApiError."""
        sobject = self._org.schema.find(query.object)
        if sobject is None:
            raise malformed_query(query.text, query.object_position, no_type(query.object), "INVALID_TYPE")
        return sobject

    def resolve(self, sobject: SObject, path: Path, query: Query) -> Steps:
        """The fields that a path names, from this object on. Raises ApiError."""
        references: list[Field] = []
        relationships = path.names[:-1]
        if relationships and relationships[0].lower() in (sobject.name.lower(), (query.alias or "").lower()):
            relationships = relationships[1:]
        for relationship in relationships:
            reference = sobject.reference(relationship)
            target = self._target(reference)
            if reference is None or target is None:
                what = no_relationship(relationship, "field path")
                raise malformed_query(query.text, path.position, what, "INVALID_FIELD")
            references.append(reference)
            sobject = target
        field = sobject.field(path.names[-1])
        if field is None:
            what = no_column(path.names[-1], sobject.name)
            raise malformed_query(query.text, path.position, what, "INVALID_FIELD")
        return Steps(tuple(references), field)

    def reader(self, steps: Steps) -> Read:
        """Reads the value of a record, through its parents."""

        def read(record: Record) -> Value:
            current: Record | None = record
            for reference in steps.references:
                current = self.parent(reference, current) if current else None
            return current.get(steps.field.name) if current else None

        return read

    def parent(self, reference: Field, record: Record) -> Record | None:
        """The record that a reference points to."""
        id_ = record.get(reference.name)
        target = self._org.schema.of_id(id_) if isinstance(id_, str) else None
        return self._org.get(target, id_) if target and isinstance(id_, str) else None

    def parent_object(self, reference: Field, record: Record) -> SObject | None:
        """The object of that record."""
        id_ = record.get(reference.name)
        return self._org.schema.of_id(id_) if isinstance(id_, str) else None

    def _target(self, reference: Field | None) -> SObject | None:
        # Of several objects the first: what all of them have (Name) is what queries read.
        names = reference.references if reference else ()
        return next((item for name in names if (item := self._org.schema.find(name)) is not None), None)
