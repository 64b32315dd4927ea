"""Parsed SOQL run over the org's records."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cmp_to_key

from ivr.salesforce.simulator.conditions import Conditions, check_offset
from ivr.salesforce.simulator.errors import malformed_query, no_relationship, not_simulated
from ivr.salesforce.simulator.fields import Field, Kind, SObject, Value
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.paths import Paths, Steps
from ivr.salesforce.simulator.soql_tree import Query
from ivr.salesforce.simulator.values import Record

Json = dict[str, object]


class Runner:
    """Runs queries. `api_root` is written into the records' addresses."""

    def __init__(self, org: Org, api_root: str) -> None:
        self._org = org
        self._paths = Paths(org)
        self._api_root = api_root

    def run(self, query: Query, among: Iterable[Record] | None = None) -> list[Json]:
        """The records that a query selects, of all or `among` some. Raises ApiError."""
        sobject = self._paths.object_of(query)
        return self._rows(sobject, query, self._org.records(sobject) if among is None else among)

    def count(self, query: Query) -> int:
        """How many records COUNT() counts. Raises ApiError."""
        sobject = self._paths.object_of(query)
        return len(self._kept(sobject, query, self._org.records(sobject)))

    def address(self, sobject: SObject, record: Record) -> Json:
        """The `attributes` of a record."""
        return {"type": sobject.name, "url": f"{self._api_root}/sobjects/{sobject.name}/{record['Id']}"}

    def whole(self, sobject: SObject, record: Record) -> Json:
        """A record with all fields that the user may see."""
        fields = {f.name: record.get(f.name) for f in sobject.fields.values()}
        return {"attributes": self.address(sobject, record), **fields}

    def _rows(self, sobject: SObject, query: Query, records: Iterable[Record]) -> list[Json]:
        shown = [self._paths.resolve(sobject, path, query) for path in query.fields]
        children = [(child, *self._child(sobject, child)) for child in query.children]
        rows = self._kept(sobject, query, records)
        return [
            self._shown(sobject, row, shown)
            | {
                str(field.children): self._children(child, item, field, row)
                for child, item, field in children
            }
            for row in rows
        ]

    def _kept(self, sobject: SObject, query: Query, records: Iterable[Record]) -> list[Record]:
        check_offset(query)
        conditions = Conditions(self._paths, query, self._org.now(), self._values)
        test = conditions.test(sobject, query.where) if query.where else None
        orders = [conditions.order(sobject, key) for key in query.order]
        kept = [row for row in records if test is None or test(row)]
        for order in reversed(orders):
            kept.sort(key=cmp_to_key(order))
        stop = None if query.limit is None else query.offset + query.limit
        return kept[query.offset : stop]

    def _values(self, query: Query) -> set[Value]:
        """The values that the one field of a query in parentheses takes."""
        sobject = self._paths.object_of(query)
        if len(query.fields) != 1:
            raise not_simulated("a query in parentheses with other than one field")
        steps = self._paths.resolve(sobject, query.fields[0], query)
        if steps.field.kind is not Kind.ID:
            what = f"The inner and outer selects should be of the Id type: {steps.field.name}"
            raise malformed_query(query.text, query.fields[0].position, what)
        read = self._paths.reader(steps)
        values = {read(row) for row in self._kept(sobject, query, self._org.records(sobject))}
        return values - {None}

    def _child(self, parent: SObject, query: Query) -> tuple[SObject, Field]:
        found = self._org.schema.children(parent, query.object)
        if found is None:
            what = no_relationship(query.object, "FROM part of query call")
            raise malformed_query(query.text, query.object_position, what, "INVALID_TYPE")
        if query.count:
            raise not_simulated("COUNT() in a child query")
        # Errors within are found even when there is no record.
        self._rows(found[0], query, ())
        return found

    def _children(self, query: Query, sobject: SObject, field: Field, parent: Record) -> Json | None:
        mine = [row for row in self._org.records(sobject) if row.get(field.name) == parent["Id"]]
        rows = self._rows(sobject, query, mine)
        return {"totalSize": len(rows), "done": True, "records": rows} if rows else None

    def _shown(self, sobject: SObject, record: Record, shown: list[Steps]) -> Json:
        out: Json = {"attributes": self.address(sobject, record)}
        for steps in shown:
            if not steps.references:
                out[steps.field.name] = record.get(steps.field.name)
                continue
            first, *rest = steps.references
            name = str(first.relationship)
            parent, target = self._paths.parent(first, record), self._paths.parent_object(first, record)
            if parent is None or target is None:
                out[name] = None
                continue
            inner = self._shown(target, parent, [Steps(tuple(rest), steps.field)])
            known = out.get(name)
            out[name] = _merged(known, inner) if isinstance(known, dict) else inner
        return out


def _merged(one: Json, other: Json) -> Json:
    """Two views of one record as one: `Owner.Name` and `Owner.Manager.Name` share `Owner`."""
    merged = dict(one)
    for name, value in other.items():
        known = merged.get(name)
        both = isinstance(known, dict) and isinstance(value, dict)
        merged[name] = _merged(known, value) if both else value  # type: ignore[arg-type]  # both are dicts
    return merged
