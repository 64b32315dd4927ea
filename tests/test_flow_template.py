"""Templates: what they may say, and that hostile values stay inert in every context."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.errors import TemplateError
from ivr.flow.escape import Context
from ivr.flow.template import MAX_SOURCE, Reference, parse
from ivr.flow.values import Namespace, Value

texts = st.text(max_size=80)
hostile = st.one_of(
    texts,
    st.sampled_from(
        [
            "' OR Name LIKE '%",
            "\\",
            "\\'",
            '","admin":true,"x":"',
            "../../x",
            "..",
            "a/b?c=d#e",
            "<speak>&amp;</speak>",
            "{{ secret }}",
            "{% for x in y %}",
            "\r\nX-Evil: 1",
            "\u202eabc",
            "javascript:alert(1)",
            "%27",
            "\ud800",
        ]
    ),
)


class Values:
    """A scope of given values."""

    def __init__(self, **values: Value | Namespace) -> None:
        self._values = values

    def look_up(self, name: str) -> Value | Namespace:
        return self._values[name]


def render(context: Context, source: str, **values: Value | Namespace) -> str:
    return parse(context, source).render(Values(**values))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Hello", "Hello"),
        ("{{ A.Name }}, {{ A.NAME | upper }}", "Anna, ANNA"),
        ("{{ n + 1 }} {{ n * 2 }} {{ n / 2 }} {{ n % 2 }}", "5 8 2.0 0"),
        ("{{ 'one' if n == 1 else 'more' }}", "more"),
        ("{{ n == 4 }} {{ n is odd }} {{ flag }}", "true false true"),
        ("{{ missing | default('x') }}{{ '' | default('y') }}", "xy"),
        ("{{ missing is defined }} {{ A.missing is defined }}", "false false"),
        ("{{ '00-10 26' | digits }}", "0 0 1 0 2 6"),
        ("{{ '+1415' | replace('+1', '') }}", "415"),
        ("{{ doc.items[1].k }} {{ doc['items'] | length }}", "v 2"),
        ("{{ '415555'[0:3] }}", "415"),
        ("{{ 'b' in ['a', 'b'] }}", "true"),
        ("{{ money | round(1) }} {{ '7' | int + 1 }}", "1.3 8"),
        ("{{ when }}", "2025-01-01T12:00:00+00:00"),
    ],
)
def test_expressions(source: str, expected: str) -> None:
    text = render(
        Context.PLAIN,
        source,
        A=Namespace({"name": "Anna"}),
        n=4,
        flag=True,
        doc={"items": [{"k": "u"}, {"k": "v"}]},
        money=Decimal("1.25"),
        when=datetime(2025, 1, 1, 12, tzinfo=UTC),
    )
    assert text == expected


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in a %}{% endfor %}",
        "{% set x = 1 %}",
        "{% if a %}b{% endif %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{{ range(9) }}",
        "{{ a.upper() }}",
        "{{ a | attr('x') }}",
        "{{ a | map('upper') }}",
        "{{ a is mapping }}",
        "{{ 2 ** 9 }}",
        "{{ self }}",
        "{{ {'a': 1} }}",
        "{{ a",
        "{{ }}",
        "{{[a}}",
        "{{ " + "(" * 1500 + "1" + ")" * 1500 + " }}",
        "x" * (MAX_SOURCE + 1),
    ],
)
def test_refused_when_parsed(source: str) -> None:
    with pytest.raises(TemplateError):
        parse(Context.PLAIN, source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ missing }}",
        "{{ A.missing }}",
        "{{ a.__class__ }}",
        "{{ a['__class__'] }}",
        "{{ a * 1000000000 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'aaaa' | replace('a', big) | replace('b', big) | replace('b', big) }}",
        "{{ 1 / 0 }}",
        "{{ a | int }}",
        "{{ missing | upper }}",
        "{{ missing | spoken }}",
        "{{ nothing }}",
        "{{ [] | first }}",
        "{{ big ~ big ~ big ~ big ~ big ~ big ~ big ~ big ~ big }}",
    ],
)
def test_refused_when_rendered(source: str) -> None:
    template = parse(Context.PLAIN, source)
    with pytest.raises(TemplateError):
        template.render(Values(a="text", A=Namespace({}), big="b" * 4000, nothing=None))


def test_references_know_their_guards() -> None:
    template = parse(Context.PLAIN, "{{ x }} {{ A.b | default(c) }} {{ D['e'] is defined }}")
    assert set(template.references) == {
        Reference(root="x", attribute=None),
        Reference(root="A", attribute="b", guarded=True),
        Reference(root="c", attribute=None),
        Reference(root="D", attribute="e", guarded=True),
    }


def test_constant_text_is_known_without_rendering() -> None:
    assert parse(Context.PLAIN, "Support").constant == "Support"
    assert parse(Context.PLAIN, "{{ x }}").constant is None


@given(hostile)
def test_plain_text_has_no_control_characters(value: str) -> None:
    text = render(Context.PLAIN, "[{{ v }}]", v=value)
    assert text.startswith("[")
    assert not any(ord(c) < 32 and c not in "\n\t" for c in text)
    assert not any(c in text for c in "\u202e\u2066\x7f\x85\ud800")
    text.encode()


@given(hostile)
def test_speech_has_nothing_that_an_engine_could_read_as_markup(value: str) -> None:
    text = render(Context.SPEECH, "Hello {{ v }}.", v=value)
    assert not set(text) & set("<>&[]{}|\\^~`#;*_=\n\r\t\x00")
    assert len(text) <= len("Hello .") + 200


@given(hostile)
def test_a_soql_string_keeps_to_its_quotes(value: str) -> None:
    text = render(Context.SOQL, "SELECT Id FROM Contact WHERE Name = '{{ v }}' LIMIT 1", v=value)
    inside, after = _soql_literal(text, text.index("'"))
    assert after == " LIMIT 1"
    assert inside == render(Context.PLAIN, "{{ v }}", v=value)


@given(hostile)
def test_a_soql_pattern_has_no_wildcards_of_the_value(value: str) -> None:
    text = render(Context.SOQL, "WHERE Phone LIKE '%{{ v }}' LIMIT 1", v=value)
    inside = text.removeprefix("WHERE Phone LIKE '%").removesuffix("' LIMIT 1")
    unescaped = inside.replace("\\\\", "").replace("\\%", "").replace("\\_", "")
    assert "%" not in unescaped
    assert "_" not in unescaped


@given(hostile)
def test_text_is_refused_where_soql_has_no_quotes(value: str) -> None:
    with pytest.raises(TemplateError):
        render(Context.SOQL, "LIMIT {{ v }}", v=value)


def test_soql_takes_numbers_and_dates_without_quotes() -> None:
    when = datetime(2025, 1, 1, 12, tzinfo=UTC)
    assert render(Context.SOQL, "LIMIT {{ n }}", n=3) == "LIMIT 3"
    assert render(Context.SOQL, "CreatedDate > {{ t }}", t=when) == "CreatedDate > 2025-01-01T12:00:00Z"


@given(hostile)
def test_a_url_segment_stays_one_segment(value: str) -> None:
    try:
        url = render(Context.URL, "https://x.example/r/{{ v }}/view", v=value)
    except TemplateError:
        assert not render(Context.PLAIN, "{{ v }}", v=value).strip(".")
        return
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("https", "x.example", "", "")
    segments = parts.path.split("/")
    assert len(segments) == 4
    assert segments[2] not in (".", "..", "")
    assert unquote(segments[2]) == render(Context.PLAIN, "{{ v }}", v=value)


@given(hostile)
def test_a_query_parameter_stays_one_parameter(value: str) -> None:
    url = render(Context.URL, "https://x.example/?a={{ v }}&b=1", v=value)
    found = parse_qs(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    assert found == {"a": [render(Context.PLAIN, "{{ v }}", v=value)], "b": ["1"]}
    assert render(Context.QUERY, "{{ v }}", v=value) == url.removeprefix(
        "https://x.example/?a="
    ).removesuffix("&b=1")


@pytest.mark.parametrize(
    "source", ["{{ v }}", "{{ v }}://x", "javascript:{{ v }}", "//{{ v }}/x", "/x/{{ v }}"]
)
def test_a_url_begins_with_a_known_scheme(source: str) -> None:
    with pytest.raises(TemplateError):
        parse(Context.URL, source)


@given(hostile)
def test_a_host_is_a_host_or_nothing(value: str) -> None:
    try:
        url = render(Context.URL, "https://{{ v }}.force.example/x", v=value)
    except TemplateError:
        return
    host = urlsplit(url).hostname
    assert host is not None
    assert host == f"{value}.force.example".lower()


@given(hostile)
def test_a_path_never_climbs_or_becomes_a_host(value: str) -> None:
    try:
        path = render(Context.PATH, "/data/{{ v }}", v=value)
    except TemplateError:
        return
    assert path.startswith("/data/")
    assert path.count("/") == 2


json_values = st.recursive(
    st.one_of(st.booleans(), st.integers(), texts), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(hostile, json_values)
def test_json_keeps_its_shape(value: str, document: Value) -> None:
    text = render(Context.JSON, '{"a": {{ v }}, "b": "say {{ v }}!", "c": {{ d }}}', v=value, d=document)
    read = json.loads(text.encode())
    assert read == {"a": value, "b": f"say {render(Context.PLAIN, '{{ v }}', v=value)}!", "c": document}


def test_a_value_is_never_a_template() -> None:
    for context in (Context.PLAIN, Context.JSON, Context.QUERY, Context.SPEECH):
        assert "hunter2" not in render(context, "{{ v }}", v="{{ secret }}", secret="hunter2")


def _soql_literal(text: str, quote: int) -> tuple[str, str]:
    """The literal that opens at `quote`, unescaped as SOQL does, and what follows it."""
    named = {"n": "\n", "t": "\t"}
    inside, index = "", quote + 1
    while text[index] != "'":
        if text[index] == "\\":
            index += 1
            inside += named.get(text[index], text[index])
        else:
            inside += text[index]
        index += 1
    return inside, text[index + 1 :]
