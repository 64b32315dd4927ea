"""JSONPath as Jayway reads it."""

from __future__ import annotations

import json
from contextlib import suppress
from types import NoneType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.errors import JsonPathError
from ivr.flow.jsonpath import MAX_PATH, Found, compile_path
from ivr.flow.jsonpath_steps import MAX_NODES
from ivr.flow.values import Value

DOC: Value = {
    "records": [
        {"Name": "Acme", "n": 1, "ok": True, "x": None},
        {"Name": "Zed", "n": 5, "tags": ["a", "b"]},
    ],
    "a b": {"c.d": {"x": 7}},
    "s": "hello",
    "0": "zero",
    "@odata": {"count": 3},
    "soap:Body": {"x": 8},
    "$id": "i",
    "a,b&c|d": "odd",
    "numbers": [4, 1, 2, "x"],
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.records.[0].Name", "Acme"),
        ("$.records[0].Name", "Acme"),
        ("records[1].Name", "Zed"),
        ("@.s", "hello"),
        ("$['records'][-1]['n']", 5),
        ('$["a b"]["c.d"].x', 7),
        ("$.records[0].x", None),
        ("$.records[0].ok", True),
        ("$.records.length()", 2),
        ("$.s.length()", 5),
        ("$", DOC),
        ("$.0", "zero"),
        # A name after a dot ends at a dot, bracket, parenthesis or blank only.
        ("$.@odata.count", 3),
        ("$.soap:Body['x']", 8),
        ("$.$id", "i"),
        ("$.a,b&c|d", "odd"),
        # Several names at the end are one object.
        ("$.records[0]['n','Name']", {"n": 1, "Name": "Acme"}),
        ("$['s','nobody']", {"s": "hello"}),
        ("$['nobody','none']", {}),
        ("$.records.size()", 2),
        ("$.numbers.min()", 1.0),
        ("$.numbers.max()", 4.0),
        ("$.numbers.sum()", 7.0),
        ("$.numbers.avg()", 7 / 3),
        ("$.numbers.first()", 4),
        ("$.numbers.last()", "x"),
        ("$.soap:Body.keys()", ["x"]),
    ],
)
def test_a_definite_path_finds_one_value(path: str, found: Value) -> None:
    compiled = compile_path(path)
    assert compiled.definite
    assert compiled.find(DOC) == Found(found)


@pytest.mark.parametrize(
    "path",
    ["$.records[9].Name", "$.nobody", "$.s.x", "$.records.Name", "$.s[0]", "$.records[0].n.length()",
     "$.s['a','b']", "$.s.sum()", "$.records.sum()", "$.s.first()", "$.numbers.keys()"],
)  # fmt: skip
def test_a_definite_path_may_lead_nowhere(path: str) -> None:
    assert compile_path(path).find(DOC) is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.records[*].n", [1, 5]),
        ("$.records[0].*", ["Acme", 1, True, None]),
        ("$..Name", ["Acme", "Zed"]),
        ("$..[0]", [{"Name": "Acme", "n": 1, "ok": True, "x": None}, "a", 4]),
        ("$.records[0:1].Name", ["Acme"]),
        ("$.records[1:].Name", ["Zed"]),
        ("$.records[:-1].Name", ["Acme"]),
        ("$.records[0,1].Name", ["Acme", "Zed"]),
        ("$.records[*]['n','Name']", [{"n": 1, "Name": "Acme"}, {"n": 5, "Name": "Zed"}]),
        ("$..['Name','x']", [{"Name": "Acme", "x": None}]),
        ("$['a b','soap:Body'].x", [8]),
        ("$.records[?(@.n > 2)].Name", ["Zed"]),
        ("$.records[?(@.n >= 1 && @.n < 5)].Name", ["Acme"]),
        ("$.records[?(@.n == 9 || @.Name == 'Zed')].n", [5]),
        ("$.records[?(@.x)].Name", ["Acme"]),
        ("$.records[?(!@.x)].Name", ["Zed"]),
        ("$.records[?(@.Name in ['Zed', 'Other'])].n", [5]),
        ("$.records[?(@.tags contains 'b')].n", [5]),
        ("$.records[?(@.Name != $.records[0].Name)].n", [5]),
        # A number equals a text that says it: by value after the number, by letters before it.
        ("$.records[?(@.n == '5')].n", [5]),
        ("$.records[?(@.n == '5.0')].n", [5]),
        ("$.records[?('5.0' == @.n)].n", []),
        ("$.records[?('5' == @.n)].n", [5]),
        ("$.records[?(@.n != '5')].n", [1]),
        ("$.records[?(@.n in ['5', 'x'])].n", [5]),
        ("$.records[?(@.n nin ['5', 'x'])].n", [1]),
        ("$.records[?(@.n == ' 5')].n", []),
        ("$.records[?(@.n === '5')].n", []),
        ("$.records[?(@.n === 5)].n", [5]),
        ("$.records[?(@.n !== '5')].n", [1, 5]),
        ("$.records[?(@.ok == 1)].n", []),
        ("$.records[?(@.ok === true)].n", [1]),
        ("$.records[?(@.Name in 'Zedd')].n", []),
        ("$.records[?(@.Name contains 'ed')].n", [5]),
        ("$.records[?(@.tags size 2)].n", [5]),
        ("$.records[?(@.Name size 4)].n", [1]),
        ("$.records[?(@.n size 1)].n", []),
        ("$.records[?(@.tags empty false)].n", [5]),
        ("$.records[?(@.Name empty true)].n", []),
        ("$.records[?(@.tags anyof ['b', 'z'])].n", [5]),
        ("$.records[?(@.tags noneof ['y', 'z'])].n", [5]),
        ("$.records[?(@.tags subsetof ['a', 'b', 'c'])].n", [5]),
        ("$.records[?(@.tags subsetof ['a'])].n", []),
        ("$.records[?(@.n>2&&@.Name=='Zed')].n", [5]),
        ("$..[?(@.@odata)].s", ["hello"]),
        ("$.nobody[*]", []),
        ("$.*.nobody", []),
    ],
)
def test_an_indefinite_path_gives_a_list(path: str, found: Value) -> None:
    compiled = compile_path(path)
    assert not compiled.definite
    assert compiled.find(DOC) == Found(found)


def test_a_list_at_the_top() -> None:
    assert compile_path("[0].ticketID").find([{"ticketID": 3}]) == Found(3)


def test_star_of_an_object_is_the_list_of_its_values() -> None:
    assert compile_path("$.*").find({"a": 1, "b": [2]}) == Found([1, [2]])


@pytest.mark.parametrize(
    "path",
    ["", " ", "$.", "$..", "$.a[", "$.a[b]", "$.a['b]", "$[?(@.a]", "$[?(@.a =~ /x/)]", "$.a()", "a b",
     "$.a.length().x()", "$[1,]", "$.a.stddev()", "$.a[*].sum()", "$..a.first()",
     "x" * (MAX_PATH + 1), "$[?(" + "(" * 200 + "@.a" + ")" * 200 + ")]"],
)  # fmt: skip
def test_what_is_no_path_is_an_error(path: str) -> None:
    with pytest.raises(JsonPathError):
        compile_path(path)


def test_the_work_is_bounded() -> None:
    wide: Value = [[0] * 300 for _ in range(300)]
    assert MAX_NODES < 300 * 300
    with pytest.raises(JsonPathError, match="more than"):
        compile_path("$[*][*]").find(wide)
    with pytest.raises(JsonPathError, match="more than"):
        compile_path("$..*..*..*").find(json.loads("[" * 60 + "1" + ",1]" * 60))


@given(path=st.text(alphabet="$@.[]()?*,:'\"ab01 =!<>&|-", max_size=30))
def test_any_text_is_a_path_or_an_error(path: str) -> None:
    with suppress(JsonPathError):  # and nothing else
        assert isinstance(compile_path(path).find(DOC), Found | NoneType)
