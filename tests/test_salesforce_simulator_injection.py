"""No text of a caller changes a query: what we send is read back by the simulator's own parser, and its
structure is the one that a harmless text has.

Texts come as a caller's number through a whole look-up, as what a flow's templates fill in, and as what the
write-back carries (an id, a marker, a call id).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, assert_never
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ivr.flow.errors import TemplateError
from ivr.flow.escape import Context
from ivr.flow.template import parse
from ivr.numbers import E164
from ivr.salesforce.errors import BadRequest
from ivr.salesforce.model import Account, Contact, Match, MatchResult
from ivr.salesforce.simulator.api import Api, ApiRequest
from ivr.salesforce.simulator.fields import Field
from ivr.salesforce.simulator.org import Org
from ivr.salesforce.simulator.policy import Identity
from ivr.salesforce.simulator.schema import OBJECTS
from ivr.salesforce.simulator.search import parse_sosl
from ivr.salesforce.simulator.soql import parse_query
from ivr.salesforce.simulator.soql_tree import (
    Compare,
    Condition,
    Logic,
    Membership,
    Negation,
    Op,
    Order,
    Path,
    Query,
)
from ivr.salesforce.simulator.sosl import AllOf, AnyOf, Search, Term, Wanted, Without
from ivr.salesforce.soql import contains, literal, phrase
from ivr.salesforce.testing import SimulatedOrg, simulated
from ivr.testing.clock import EPOCH

Shape = tuple[object, ...]

PIECES = st.sampled_from(
    [
        "'",
        "\\",
        "\\'",
        '"',
        "{",
        "}",
        "(",
        ")",
        "%",
        "_",
        "*",
        "?",
        ",",
        ";",
        "--",
        "\n",
        "\r",
        "\t",
        "\x00",
        " OR ",
        " AND ",
        " NOT ",
        "Name LIKE '%",
        "' OR Id != null OR Name = '",
        "IN ALL FIELDS RETURNING User(Id)",
        "/",
        "../",
        "%2F",
        "%27",
        "?q=",
        "&",
        "#",
        "+",
        "@{cases.records[0].Id}",
        "{{phone}}",
        "null",
        "1=1",
        "\ud800",
        "\u2019",
        "\u202e",
        "＇",
        "한",
        "4155550123",
        "+14155550123",
    ]
)
TEXT = st.lists(PIECES | st.text(st.characters(exclude_categories=()), max_size=4), max_size=8).map("".join)
ATTACKS = ("' OR Name LIKE '%", "\\' OR Id != null --", '"} IN ALL FIELDS RETURNING User(Id', "../../x?y=1#z")


def shape(query: Query) -> Shape:
    """A query without its values: what is asked, and of what."""
    where = condition(query.where) if query.where is not None else ()
    fields = tuple(path.names for path in query.fields)
    children = tuple(shape(child) for child in query.children)
    order = tuple(key(part) for part in query.order)
    return query.object, query.count, fields, children, where, order, query.limit, query.offset


def key(order: Order) -> Shape:
    return order.path.names, order.descending, order.nulls_last


def condition(part: Condition) -> Shape:
    match part:
        case Compare(path=Path(names=names), op=op, values=values):
            wild = tuple(_wildcards(value.text) for value in values) if op is Op.LIKE else ()
            return names, op, tuple(value.kind for value in values), wild
        case Membership(path=Path(names=names), negated=negated, query=query):
            return names, negated, shape(query)
        case Negation(part=inner):
            return "not", condition(inner)
        case Logic(parts=parts, every=every):
            return every, *(condition(inner) for inner in parts)
        case _:
            assert_never(part)


def _wildcards(raw: str) -> str:
    """The wildcards of a LIKE that are meant, which those after a backslash are not."""
    return "".join(re.findall("[%_]", re.sub(r"\\(?:u[0-9a-fA-F]{4}|.)", "", raw, flags=re.DOTALL)))


def search_shape(search: Search) -> Shape:
    return wanted(search.wanted), search.group, tuple(shape(q) for q in search.returning), search.limit


def wanted(part: Wanted) -> Shape:
    match part:
        case Term(prefix=prefix):
            return "term", prefix
        case AllOf(parts=parts):
            return "all", *(wanted(inner) for inner in parts)
        case AnyOf(parts=parts):
            return "any", *(wanted(inner) for inner in parts)
        case Without(part=inner):
            return "not", wanted(inner)
        case _:
            assert_never(part)


ROOT = "/services/data/v62.0"
CALL_ID = Field(name="Call_Id__c", external_id=True)


# The functions that quote.


def equality(text: str) -> str:
    return f"SELECT Id FROM Contact WHERE Phone_E164__c = {literal(text)} AND IsDeleted = false LIMIT 5"


def listed(text: str) -> str:
    return f"SELECT Id FROM Contact WHERE Name IN ({literal(text)}, {literal('x')}) ORDER BY Name"


def containing(text: str) -> str:
    return f"SELECT Id FROM CaseComment WHERE ParentId = '500' AND CommentBody LIKE {contains(text)}"


@pytest.mark.parametrize("write", [equality, listed, containing])
@given(text=TEXT)
@example(text=ATTACKS[0])
@example(text=ATTACKS[1])
def test_a_quoted_text_leaves_a_query_as_it_is(write: Callable[[str], str], text: str) -> None:
    assert shape(parse_query(write(text))) == shape(parse_query(write("harmless")))


@given(text=TEXT.filter(lambda text: text.strip() != ""))
@example(text=ATTACKS[2])
def test_a_phrase_leaves_a_search_as_it_is(text: str) -> None:
    def write(value: str) -> str:
        find = f"{phrase(value)} OR {phrase('4155550123')}"
        return f"FIND {{{find}}} IN PHONE FIELDS RETURNING Contact(Id LIMIT 5)"

    assert search_shape(parse_sosl(write(text))) == search_shape(parse_sosl(write("harmless")))


def test_the_shape_sees_what_an_unquoted_text_does() -> None:
    def careless(text: str) -> str:
        return f"SELECT Id FROM Contact WHERE Phone = '{text}'"

    harmless = shape(parse_query(careless("harmless")))
    assert shape(parse_query(careless("x' OR Name LIKE '%"))) != harmless
    assert search_shape(parse_sosl("FIND {ab OR cd} RETURNING Contact")) != search_shape(
        parse_sosl("FIND {ab} RETURNING Contact")
    )


# What flows fill in.


class Values:
    """A scope in which every name is the caller's text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def look_up(self, name: str) -> str:
        return self._text


FLOW_QUERY = (
    "SELECT Id, Name FROM Contact WHERE (Phone = '{{ v }}' OR MobilePhone LIKE '%{{ v }}%')"
    " AND Account.Name IN ('{{ v }}', 'x') ORDER BY Name LIMIT 1"
)


@given(text=TEXT)
@example(text=ATTACKS[0])
@example(text=ATTACKS[1])
def test_a_flow_s_query_keeps_its_structure(text: str) -> None:
    template = parse(Context.SOQL, FLOW_QUERY)
    assert shape(parse_query(template.render(Values(text)))) == shape(
        parse_query(template.render(Values("harmless")))
    )


def small_org() -> Org:
    org = Org(Identity(name="Small", client_id="id", client_secret="secret"), lambda: EPOCH)
    org.schema.add_field("Task", CALL_ID)
    return org


@given(text=TEXT)
@example(text=ATTACKS[3])
@example(text="..")
@example(text="a%2Fb")
def test_a_flow_s_path_reaches_one_record_or_nothing(text: str) -> None:
    org = small_org()
    try:
        path = parse(Context.PATH, f"{ROOT}/sobjects/Task/Call_Id__c/{{{{ v }}}}").render(Values(text))
    except TemplateError:
        return
    plain = parse(Context.PLAIN, "{{ v }}").render(Values(text))
    parts = urlsplit(path)
    assert (parts.query, parts.fragment) == ("", "")
    answer = Api(org).answer(ApiRequest(method="PATCH", path=parts.path, body={"Subject": "x"}))
    made = [row["Call_Id__c"] for row in org.records(OBJECTS["task"])]
    assert made == ([plain] if answer.status == 201 else [])
    assert answer.status == 201 or len(plain) > 255


# Whole requests, as the simulated org's log has them.


def asked(log: list[dict[str, Any]]) -> list[Shape]:
    """The structure of each query and search that the org was asked, alone or within a composite."""
    found: list[Shape] = []
    for entry in log:
        found += _asked(entry["path"], entry["query"])
        if entry["path"].rstrip("/").endswith("/composite"):
            for part in json.loads(entry["body"])["compositeRequest"]:
                url = urlsplit(part["url"])
                found += _asked(url.path, url.query)
    return found


def _asked(path: str, query: str) -> list[Shape]:
    text = dict(parse_qsl(query)).get("q", "")
    match path.rstrip("/").rsplit("/", 1)[-1]:
        case "query":
            return [shape(parse_query(text))]
        case "search":
            return [search_shape(parse_sosl(text))]
        case _:
            return []


async def log_of(org: SimulatedOrg) -> list[dict[str, Any]]:
    log: list[dict[str, Any]] = (await org.http.get(f"{org.settings.login_url}/simulator/log")).json()
    return log


def counts(org: Org) -> Mapping[str, int]:
    return {item.name: len(list(org.records(item))) for item in OBJECTS.values()}


async def shapes_of_look_up(number: str) -> list[Shape]:
    async with simulated() as org:
        await org.connector.open_cases(await org.connector.find(E164(number)))
        return asked(await log_of(org))


NUMBERS = (
    TEXT
    | st.from_regex(r"\+[0-9]{1,16}", fullmatch=True)
    | st.tuples(st.sampled_from(["+14155550123", "+821001234567", "4155550123"]), TEXT).map("".join)
)


@settings(max_examples=60, deadline=None)
@given(number=NUMBERS)
@example(number=ATTACKS[0])
@example(number="+14155550123' OR Name LIKE '%")
@example(number="+14155550123\n")
@example(number="+2700000")
def test_whatever_calls_the_search_is_the_same(number: str) -> None:
    harmless = asyncio.run(shapes_of_look_up("+14155550123"))
    found = asyncio.run(shapes_of_look_up(number))
    assert len(harmless) == 2
    # A number of another country has other numbers of terms; nothing else may differ.
    assert [_terms_counted_out(one) for one in found] in (
        [],
        [_terms_counted_out(one) for one in harmless[:1]],
        [_terms_counted_out(one) for one in harmless],
    )


def _terms_counted_out(one: Shape) -> Shape:
    match one:
        case (("any", *terms), *rest):
            return set(terms), *rest
        case (("term", _) as term, *rest):  # a number that there is one way to write
            return {term}, *rest
        case _:
            return one


@settings(max_examples=40, deadline=None)
@given(text=TEXT)
@example(text=ATTACKS[0])
@example(text=ATTACKS[1])
@example(text="[call:%_%_%]")
def test_a_marker_finds_itself_and_nothing_else(text: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            case = org.id_of("Case", "Change of invoice address")
            await org.connector.add_case_comment(case, "Before", "[call:harmless]")
            harmless, before = asked(await log_of(org)), org.comments(case)
            with contextlib.suppress(BadRequest):
                await org.connector.add_case_comment(case, "Note", text)
                await org.connector.add_case_comment(case, "Note", text)
                assert len(org.comments(case)) == len(before) + 1
                assert text in org.comments(case)[-1]
                assert asked(await log_of(org)) == harmless * 3
                return
            assert org.comments(case) == before

    asyncio.run(main())


@settings(max_examples=40, deadline=None)
@given(text=TEXT.map(lambda text: f"call-id:{text}"), by_field=st.booleans())
@example(text="call-id/../../Case", by_field=True)
@example(text="call-id' OR Subject != '", by_field=False)
def test_a_call_id_makes_one_task_and_nothing_else(text: str, by_field: bool) -> None:
    async def main() -> None:
        async with simulated(task_external_id="Call_Id__c" if by_field else None) as org:
            org.org.schema.add_field("Task", CALL_ID)
            before = counts(org.org)
            values = {"Subject": "Call", "CallObject": text, "ActivityDate": "2025-11-20"}
            with contextlib.suppress(BadRequest):
                await org.connector.add_task(values)
                await org.connector.add_task(values)
                made = [row for row in org.org.records(OBJECTS["task"]) if row["CallObject"] == text]
                assert len(made) == 1
                assert made[0]["Call_Id__c"] == (text if by_field else None)
                assert counts(org.org) == {**before, "Task": before["Task"] + 1}
                return
            assert counts(org.org) == before

    asyncio.run(main())


@settings(max_examples=40, deadline=None)
@given(text=TEXT)
@example(text=ATTACKS[0])
@example(text=ATTACKS[3])
@example(text="null")
def test_a_text_that_is_no_id_is_never_sent_as_one(text: str) -> None:
    async def main() -> None:
        async with simulated() as org:
            before = counts(org.org)
            evil = Match(
                result=MatchResult.ONE,
                contact=Contact(id=text, name="x"),
                account=Account(id=text, name="y"),
            )
            await org.connector.open_cases(evil)
            with pytest.raises(BadRequest):
                await org.connector.add_case_comment(text, "Note", "[call:harmless]")
            assert await log_of(org) == []
            assert counts(org.org) == before

    asyncio.run(main())
