"""The pages that a screen pop opens: a record with what hangs on it. Small, and escaped throughout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import DictLoader, Environment, StrictUndefined

from ivr.salesforce.simulator.fields import Kind, SObject, Value
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.schema import OBJECTS
from ivr.salesforce.simulator.values import Record

_BASE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title><style>
body{margin:0;background:#f3f5f8;color:#181b22;font:15px/1.5 system-ui,sans-serif}
header{background:#0b5cab;color:#fff;padding:.6rem 1.5rem}header a{color:#fff;text-decoration:none}
main{max-width:60rem;margin:1.5rem auto;padding:0 1rem}h1{margin:.2rem 0 1rem;font-size:1.5rem}
section{background:#fff;border:1px solid #dde2ea;border-radius:8px;margin-bottom:1rem;padding:1rem 1.25rem}
h2{font-size:1rem;margin:0 0 .5rem}small{color:#5c6370;text-transform:uppercase;letter-spacing:.05em}
dl{display:grid;grid-template-columns:12rem 1fr;gap:.25rem 1rem;margin:0}dt{color:#5c6370}dd{margin:0}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.3rem .5rem;border-top:1px solid #eceff4}
th{color:#5c6370;font-weight:500}dd,p{white-space:pre-wrap;overflow-wrap:anywhere}
</style></head><body><header><a href="/">{{ org }}</a> &middot; simulated Salesforce org</header>
<main>{% block main %}{% endblock %}</main></body></html>"""

_RECORD = """{% extends "base" %}{% block main %}
<small>{{ object }}</small><h1>{{ title }}</h1>
<section><dl>{% for name, value, link in facts %}<dt>{{ name }}</dt>
<dd>{% if link %}<a href="{{ link }}">{{ value }}</a>{% else %}{{ value }}{% endif %}</dd>{% endfor %}</dl>
</section>
{% for table in tables %}<section><h2>{{ table.title }} ({{ table.rows|length }})</h2>
{% if table.rows %}<table><tr>{% for name in table.columns %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in table.rows %}<tr>{% for value in row.values %}<td>{% if loop.first and row.link %}
<a href="{{ row.link }}">{{ value }}</a>{% else %}{{ value }}{% endif %}</td>{% endfor %}</tr>{% endfor %}
</table>{% endif %}</section>{% endfor %}{% endblock %}"""

_HIDDEN = frozenset(
    {
        "Id",
        "Name",
        "FirstName",
        "LastName",
        "Subject",
        "SystemModstamp",
        "IsDeleted",
        "IsEscalated",
        "Comments",
    }
)
# Object -> (title, child object, the child's reference field, columns)
_RELATED = {
    "Account": (
        ("Contacts", "Contact", "AccountId", ("Name", "Title", "Phone", "MobilePhone")),
        ("Cases", "Case", "AccountId", ("CaseNumber", "Subject", "Priority", "Status")),
    ),
    "Contact": (("Cases", "Case", "ContactId", ("CaseNumber", "Subject", "Priority", "Status")),),
    "Case": (("Comments", "CaseComment", "ParentId", ("CommentBody", "CreatedDate")),),
}


@dataclass(frozen=True, slots=True)
class _Row:
    values: tuple[str, ...]
    link: str | None


@dataclass(frozen=True, slots=True)
class _Table:
    title: str
    columns: tuple[str, ...]
    rows: tuple[_Row, ...]


class Pages:
    """Renders records of one org."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._templates = Environment(
            autoescape=True, undefined=StrictUndefined, loader=DictLoader({"base": _BASE, "record": _RECORD})
        )

    def record(self, object_: str, id_: str) -> str | None:
        """A record's page, or None when there is no such record."""
        # Agents see what the run-as user of the API may not.
        sobject = self._org.schema.find(object_) or OBJECTS.get(object_.lower())
        record = self._org.get(sobject, id_) if sobject else None
        if sobject is None or record is None:
            return None
        return self._render(
            _title(record), sobject.name, tuple(self._facts(sobject, record)), sobject, record
        )

    def home(self) -> str:
        """All accounts."""
        accounts = OBJECTS["account"]
        table = self._table(
            "Accounts", accounts, ("Name", "Phone", "CustomerPriority__c", "SLA__c"), None, ""
        )
        template = self._templates.get_template("record")
        name = self._org.identity.name
        return template.render(title=name, org=name, object="Home", facts=(), tables=(table,))

    def _render(
        self,
        title: str,
        object_: str,
        facts: tuple[tuple[str, str, str | None], ...],
        sobject: SObject,
        record: Record,
    ) -> str:
        tables = [
            self._table(heading, OBJECTS[child.lower()], columns, reference, str(record["Id"]))
            for heading, child, reference, columns in _RELATED.get(sobject.name, ())
        ]
        template = self._templates.get_template("record")
        return template.render(
            title=title, org=self._org.identity.name, object=object_, facts=facts, tables=tables
        )

    def _facts(self, sobject: SObject, record: Record) -> Iterator[tuple[str, str, str | None]]:
        for field in sobject.fields.values():
            value = record.get(field.name)
            if value is None or field.name in _HIDDEN:
                continue
            target = self._org.schema.of_id(str(value)) if field.references else None
            parent = self._org.get(target, str(value)) if target else None
            if target is not None and parent is not None:
                yield str(field.relationship), _title(parent), _link(target, parent)
            elif field.kind is not Kind.ID:
                yield field.name, _shown(value), None

    def _table(
        self, title: str, child: SObject, columns: tuple[str, ...], reference: str | None, owner: str
    ) -> _Table:
        rows = tuple(
            _Row(tuple(_shown(row.get(name)) for name in columns), _link(child, row))
            for row in self._org.records(child)
            if reference is None or row[reference] == owner
        )
        return _Table(title, columns, rows)


def _title(record: Record) -> str:
    for name in ("Name", "CaseNumber", "Subject"):
        if record.get(name):
            subject = record.get("Subject") if name == "CaseNumber" else None
            return f"{record[name]} {subject}" if subject else str(record[name])
    return str(record["Id"])


def _link(sobject: SObject, record: Record) -> str:
    return f"/lightning/r/{sobject.name}/{record['Id']}/view"


def _shown(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
