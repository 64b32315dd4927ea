"""Pebble to our templates: what an expression means is what it meant."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.errors import TemplateError
from ivr.flow.escape import Context
from ivr.flow.template import MAX_SOURCE, parse
from ivr.flow.values import Namespace, Value
from ivr.flow.webex import dates
from ivr.flow.webex.errors import PebbleError
from ivr.flow.webex.pebble import tree as nodes
from ivr.flow.webex.pebble.lexer import Printed, split
from ivr.flow.webex.pebble.mend import mended
from ivr.flow.webex.pebble.names import Known, Names, Output, Type, Variable
from ivr.flow.webex.pebble.parser import parse as parse_tokens
from ivr.flow.webex.pebble.remarks import Remark
from ivr.flow.webex.pebble.translate import named, translate, translate_expression
from ivr.flow.webex.pebble.tree import Binary, Expression, Filter, Name, Unary

NOW = datetime(2025, 2, 6, 21, 9, 2, 712_345, tzinfo=UTC)
VALUES: dict[str, Value | Namespace] = {
    "count": 5,
    "price": Decimal("2.50"),
    "name": "Ann",
    "empty": "",
    "code": "200",
    "vip": True,
    "doc": {"unit": "north", "list": [10, 20], "deep": {"er": "est"}, "nothing": None, "ok": True, "one": 1},
    "NewPhoneContact": Namespace({"ANI": "+14155550123", "DNIS": "+14155550100"}),
    "Menu": Namespace({}),
    "Fetch": Namespace({"httpStatusCode": 200}),
    "Clock": Namespace({"now": NOW}),
}
NAMES = Names(
    variables={
        name: Variable(name=name, type=type_)
        for name, type_ in {
            "count": Type.WHOLE, "price": Type.DECIMAL, "name": Type.TEXT, "empty": Type.TEXT,
            "code": Type.TEXT, "vip": Type.TRUTH, "doc": Type.JSON,
        }.items()
    },
    activities={
        "NewPhoneContact": Known(
            name="NewPhoneContact",
            values={
                "ani": Output(attribute="ANI", instead="anonymous"),
                "dnis": Output(attribute="DNIS", always=True),
                "orgid": "org-1",
            },
        ),
        "Menu_2": Known(name="Menu", values={"optionentered": Output(attribute="OptionEntered")}),
        "Fetch": Known(
            name="Fetch",
            values={"httpstatuscode": Output(attribute="httpStatusCode", type=Type.WHOLE, always=True)},
        ),
    },
    certain=frozenset({"NewPhoneContact", "Fetch"}),
)  # fmt: skip


class Values:
    """A scope of a mapping."""

    def __init__(self, **other: Value | Namespace) -> None:
        self._values = VALUES | other

    def look_up(self, name: str) -> Value | Namespace:
        """The value."""
        return self._values[name]


def rendered(template: str, context: Context = Context.PLAIN, **other: Value | Namespace) -> str:
    """What an export's template comes to here."""
    return parse(context, translate(template, NAMES, context).text).render(Values(**other))


def tree(expression: str) -> Expression:
    """The syntax tree of one expression."""
    (part,) = split(f"{{{{ {expression} }}}}")
    assert isinstance(part, Printed)
    assert part.fault is None
    return parse_tokens(part.tokens)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        # All forms that were seen in real exports.
        ('{{ NewPhoneContact.ANI | replace({"+1":""}) }}', "4155550123"),
        ("{{NewPhoneContact.ani | replace({'+':'', '555':'-'})}}", "141-50123"),
        ("{{NewPhoneContact.ANI|slice(1)}}", "14155550123"),
        ("{{NewPhoneContact.ANI | slice (2,5)}}", "415"),
        (
            "{{NewPhoneContact.ANI | slice(NewPhoneContact.ANI.length -10, NewPhoneContact.ANI.length)}}",
            "4155550123",
        ),
        ("comfort_{{(count % 4) + 1}}.wav", "comfort_2.wav"),
        ("{{count is odd and vip}}", "true"),
        ("{{count is even}}", "false"),
        ("{{ count + 1 }}", "6"),
        ("{{ count <= 4 }}", "false"),
        ('{{ name + "-" + count }}', "Ann-5"),
        ('{{ code == "200" }}', "true"),
        ("{{ Fetch.httpStatusCode == 200 }}", "true"),
        ('{{ Fetch.HTTPStatusCode == "200" }}', "false"),
        ("{{ now() }}", "2025-02-06T21:09:02.712Z[UTC]"),
        ("{{ now() | replace({'[UTC]': ''}) }}", "2025-02-06T21:09:02.712Z"),
        (
            "{{ now() | replace({'[UTC]': ''}) | date(\"yyyy-MM-dd HH:mm:ss\", "
            "existingFormat=\"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\", timeZone=\"America/Toronto\") }}",
            "2025-02-06 16:09:02",
        ),
        ('{{ "15:45:10" | date("h:mm a", existingFormat="HH:mm:ss") }}', "3:45 PM"),
        ('{{ now() | date("EEEE, d MMM yyyy", timeZone="Asia/Seoul") }}', "Friday, 7 Feb 2025"),
        ('{{ "a b&c" | urlencode }}', "a+b%26c"),
        ('{{ "english" }}', "english"),
        ("{{ doc.unit }}", "north"),
        ("{{ epoch() }}/{{ epoch(inMillis=true) }}", "1738876142/1738876142712"),
        # What is not set is nothing; in a sum of texts it is the word null.
        ("<{{ Menu_2.OptionEntered }}>", "<>"),
        ("<{{ nobody }}{{ doc.nothing }}{{ doc.absent }}{{ doc.absent.further }}>", "<>"),
        ('{{ Menu_2.OptionEntered == "1" }}', "false"),
        ('{{ "x" ~ nobody }}', "x"),
        ('{{ nobody + "x" }}', "nullx"),
        ('{{ nobody | default("none") }} {{ empty | default("e") }} {{ name | default("e") }}', "none e Ann"),
        # Types: a text is never a number, a truth value never one.
        ("{{ code == 200 }} {{ 200 == 200.0 }} {{ doc.one == true }} {{ doc.one == 1 }}",
         "false true false true"),
        ("{{ nobody < 1 }} {{ count > 4.5 }}", "false true"),
        ("{{ 7 / 2 }} {{ (0 - 7) / 2 }} {{ (0 - 7) % 3 }} {{ price * 2 }}", "3 -3 -1 5.00"),
        # Precedence: a filter before arithmetic, arithmetic before comparison, comparison before is.
        ("{{ count + 2 == 7 is empty }}", "false"),
        ("{{ 1 + 2 * 3 - 4 }}", "3"),
        ('{{ "a" ~ "b" | upper }}', "AB"),
        ("{{ not vip or count == 5 and vip }}", "true"),
        ('{{ vip ? "yes" : "no" }} {{ count > 9 ? 1 : (count > 4 ? 2 : 3) }}', "yes 2"),
        # Texts, lists, JSON.
        ('{{ name contains "nn" }} {{ [1, 2] contains 2 }} {{ doc.list contains "10" }}', "true true false"),
        ("{{ doc.list[1] }} {{ doc['deep'].er }} {{ doc.list | last }} {{ doc.list.length }}", "20 est 20 2"),
        ('{{ "a,b,,c,," | split(",") | join("+") }}', "a+b++c"),
        ("{{ name | upper }}{{ name | lower }}{{ '  x ' | trim }}{{ name | length }}", "ANNannx3"),
        ("{{ name is empty }}{{ empty is empty }}{{ name is not null }}{{ nobody is null }}",
         "falsetruetruetrue"),
        ('{{ 1234.5 | numberformat("#,##0.00") }} {{ 5 | numberformat("000") }}', "1,234.50 005"),
        ("{{ \"abcdef\" | abbreviate(5) }} {{ 'two words' | title }} {{ \"ab\" | capitalize }}",
         "ab... Two Words Ab"),
        ('{{ name.toUpperCase() }} {{ name.substring(1) }} {{ name.contains("A") }}', "ANN nn true"),
        ('{{ \'{"a": [1, {"b": "c"}]}\' | jsonPath("$.a[1].b") }}', "c"),
        ("{{ max(1, count, 3) }} {{ min(2, 1) }}", "5 1"),
        ("{{ NewPhoneContact.OrgId }}", "org-1"),
        ("{{ \"a\\\"b\" }}{{ 'c\\\\d' }}", 'a"bc\\d'),
        ("a {# not said #}b {{- name -}} c", "a bAnnc"),
        ("{{ true }} {{ null }}{{ 1.50 }}", "true 1.5"),
        # Filters on what is not set: nothing, and of no length.
        ("{{ doc.absent | length == 0 }} {{ (doc.records | length) > 0 }}", "true false"),
        ('<{{ doc.absent | first }}{{ doc.absent | last }}{{ doc.absent | join(",") }}>', "<>"),
        ('<{{ doc.absent | numberformat("0.00") }}{{ [] | first }}{{ [] | last }}>', "<>"),
        ("{{ count | length }}{{ vip | length }} {{ doc.list | length }} {{ doc.deep | length }}", "00 2 1"),
        ("{{ doc.absent | split(',') | length }} {{ doc.absent | sort is null }}", "0 true"),
        ("<{{ doc.absent.length }}> {{ doc.absent.length < 4 }}", "<> false"),
        ("{{ not doc.absent }} {{ doc.absent and vip }} {{ doc.absent ? 1 : 2 }}", "true false 2"),
        ('{{ [doc.absent, "b"] | join("-") }}', "null-b"),
        # An output that is not set is null, not an empty text.
        ("{{ Menu_2.OptionEntered is null }} {{ Menu_2.OptionEntered == null }}", "true true"),
        ("{{ Menu_2.OptionEntered is defined }} {{ Menu_2.OptionEntered is empty }}", "false true"),
        ('{{ Menu_2.OptionEntered is not null ? "set" : "unset" }}', "unset"),
        ("<{{ Menu_2.OptionEntered | slice(0, 1) }}{{ Menu_2.OptionEntered | upper | trim }}>", "<>"),
        ('{{ Menu_2.OptionEntered ~ "x" }} {{ Menu_2.OptionEntered + "x" }}', "x nullx"),
        ("{{ Menu_2.OptionEntered < 1 }} {{ not Menu_2.OptionEntered }}", "false true"),
        ('{{ Menu_2.OptionEntered | default("d") }} {{ Menu_2.OptionEntered contains "1" }}', "d false"),
        # A backslash is one, but before the text's own mark and before another.
        (r"{{ 'a\d\\e\'f' }}", r"a\d\e'f"),
        ('{{ [3, 1, 2] | sort | join(",") }} {{ ["b", "a"] | sort | reverse | first }}', "1,2,3 b"),
        ("{{ doc is map }}{{ doc.list is map }}{{ nobody is map }}", "truefalsefalse"),
        ("{{ doc.list is iterable }}{{ name is iterable }}{{ doc is not iterable }}", "truefalsetrue"),
        ('{{ "hä" | base64encode }} {{ "aMOk" | base64decode }} {{ "YQ" | base64decode }}', "aMOk hä a"),
        ("no expression, }} and { stay", "no expression, }} and { stay"),
    ],
)  # fmt: skip
def test_an_expression_keeps_its_meaning(template: str, text: str) -> None:
    assert rendered(template) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{[name}}", "{{ name", "{{ name | }}", "{{ | upper }}", "{{ name | nosuch }}", "{{ nosuch(1) }}",
        "{{ name is nosuch }}", '{{ name | replace("a", "b") }}', '{{ "a#{name}b" }}', "{% if vip %}x",
        '{{ name | split("(a)") }}', '{{ name | split("|") }}', '{{ name.split("a{2}") }}',
        "{{ name.getClass() }}", "{{ 1..3 }}", "{{ name name }}", "{{ (name }}", "{{ }}", "{{ a } }}",
        '{{ "open }}', '{{ {"a": 1} }}', "{{ epoch(format='x') }}", "{{ " + "(" * 60 + "1" + ")" * 60 + " }}",
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_reported_and_fails_when_it_is_reached(template: str) -> None:
    translation = translate(template, NAMES)
    assert translation.failed
    with pytest.raises(TemplateError, match="not translated from the export"):
        parse(Context.PLAIN, translation.text).render(Values())


@pytest.mark.parametrize(
    "template",
    [
        "{{ name | slice(1, 9) }}", "{{ name | slice(2, 2) }}", "{{ name | slice(0 - 1) }}", "{{ 1 / 0 }}",
        "{{ name - 1 }}", "{{ name < 3 }}", "{{ name / 2 }}", '{{ "x" | date("yyyy") }}',
        '{{ now() | date("QQ") }}', '{{ now() | date("yyyy", timeZone="Mars/North") }}',
        "{{ doc.absent | abs }}", "{{ empty | first }}", "{{ name | join }}", "{{ [1, name] | sort }}",
        "{{ [true, 1] | sort }}", "{{ name | reverse }}", '{{ "?" | base64decode }}',
        "{{ 5 | base64encode }}",
        '{{ "nojson" | jsonPath("$.a") }}', "{{ vip + 1 }}", "{{ 5 | numberformat('0x') }}",
    ],
)  # fmt: skip
def test_what_raises_there_fails_here(template: str) -> None:
    with pytest.raises(TemplateError):
        rendered(template)


def test_a_withheld_number_is_the_word_that_webex_has_for_it() -> None:
    withheld = Namespace({"ANI": "", "DNIS": "1"})
    assert rendered("{{ NewPhoneContact.ANI }}", NewPhoneContact=withheld) == "anonymous"
    with pytest.raises(TemplateError):  # nine letters: slice from the end raises there too
        rendered(
            "{{ NewPhoneContact.ANI | slice(NewPhoneContact.ANI.length - 10) }}", NewPhoneContact=withheld
        )


def test_plain_expressions_stay_readable() -> None:
    assert translate("{{count+1}}", NAMES).text == "{{ count + 1 }}"
    assert translate('{{ code=="x" }}', NAMES).text == '{{ code == "x" }}'
    assert translate("{{Fetch.httpstatuscode}}", NAMES).text == "{{ Fetch.httpStatusCode }}"
    assert translate("{{Menu_2.optionentered}}", NAMES).text == "{{ Menu.OptionEntered | text }}"
    assert translate(r'{{ name | split("\.") }}', NAMES).text == '{{ name | split(".") | text }}'


def test_what_may_be_unset_is_not_an_undefined_name_for_the_check() -> None:
    for template in (
        "{{ Menu_2.OptionEntered }}", "{{ Menu_2.OptionEntered | first }}", "{{ Menu_2.OptionEntered < 1 }}",
        "{{ not Menu_2.OptionEntered }}", "{{ Menu_2.OptionEntered | length }}",
        '{{ Menu_2.OptionEntered | split(",") }}', "{{ Menu_2.OptionEntered is map }}",
        '{{ Menu_2.OptionEntered + "x" }}', '{{ vip ? Menu_2.OptionEntered : "x" }}',
        "{{ [Menu_2.OptionEntered] | length }}",
    ):  # fmt: skip
        references = parse(Context.PLAIN, translate(template, NAMES).text).references
        assert [r.guarded for r in references if r.root == "Menu"] == [True], template


def test_remarks_name_what_is_wrong() -> None:
    def kinds(template: str) -> set[Remark]:
        return {remarked.remark for remarked in translate(template, NAMES).remarks}

    assert kinds("{{ Name }}") == {Remark.UNKNOWN_NAME}
    assert kinds("{{ Fetch.body }}") == {Remark.NO_SUCH_OUTPUT}
    assert kinds("{{ code == 200 }}") == {Remark.TEXT_AND_NUMBER}
    assert kinds("{{ name | slice(1) }}") == {Remark.SLICE}
    assert kinds("{{ Menu_2.OptionEntered == 1 }}") == {Remark.TEXT_AND_NUMBER}
    assert kinds(r'{{ name | split("\\.") }}') == {Remark.DIFFERENT}
    assert kinds("{{[name}}") == {Remark.MALFORMED}
    assert kinds("{{ name | sha256 }}") == {Remark.UNTRANSLATED}
    assert kinds("{{ name }}") == set()
    assert "there is name" in translate("{{ Name }}", NAMES).remarks[0].text


def test_encoding_is_done_once_and_for_the_place() -> None:
    path = translate("/a/{{ name | urlencode }}?q={{ code }}", NAMES, Context.PATH)
    assert path.text == "/a/{{ name }}?q={{ code }}"
    assert rendered("/a/{{ name | urlencode }}", Context.PATH, name="a b/ä") == "/a/a%20b%2F%C3%A4"
    assert rendered("x='{{ name }}'", Context.SOQL, name="O'Brien") == "x='O\\'Brien'"


def test_a_json_body_is_json_with_texts_values_and_json_in_it() -> None:
    body = '{"a": "{{ name }}", "n": {{ count }}, "raw": {{ code }}, "doc": {{ doc }}, "at": "{{ now() }}"}'
    read = json.loads(rendered(body, Context.JSON, name='say "hi"'))
    assert read == {
        "a": 'say "hi"', "n": 5, "raw": 200, "doc": VALUES["doc"], "at": "2025-02-06T21:09:02.712Z[UTC]"
    }  # fmt: skip


def test_precedence_is_pebbles() -> None:
    match tree("a - b | abs"):
        case Binary(operator="-", left=Name(name="a"), right=Filter(name="abs", of=Name(name="b"))):
            pass
        case other:
            pytest.fail(repr(other))
    match tree("a % 2 is odd or b"):
        case Binary(operator="or", left=nodes.Test(name="odd", of=Binary(operator="%"))):
            pass
        case other:
            pytest.fail(repr(other))
    match tree("not a == b"):
        case Binary(operator="==", left=Unary(operator="not")):
            pass
        case other:
            pytest.fail(repr(other))
    match tree("a - b - c"):
        case Binary(operator="-", left=Binary(operator="-"), right=Name(name="c")):
            pass
        case other:
            pytest.fail(repr(other))


@pytest.mark.parametrize(
    ("template", "repaired"),
    [
        ("'%{{[phoneNumber}}%'", "'%{{phoneNumber}}%'"),
        ("{{ a) }} and {{ b | replace({'x':'y'}) }}", "{{ a }} and {{ b | replace({'x':'y'}) }}"),
        ("{{ (a + b }}", "{{ a + b }}"),
        ("{{ a b }}", "{{ a b }}"),
        ("{{ open", "{{ open"),
    ],
)
def test_stray_brackets_are_taken_out_and_nothing_else(template: str, repaired: str) -> None:
    assert mended(template) == repaired


def test_names_in_a_template() -> None:
    assert {"a", "b"} <= named("x {{ a | slice(b) }}")
    assert named("no {names} here") == frozenset()


def test_an_expression_of_a_mixed_template_is_its_text() -> None:
    expression = translate_expression("n{{ count }}-{{ vip }}", NAMES).text
    assert parse(Context.PLAIN, f"{{{{ {expression} }}}}").render(Values()) == "n5-true"


@given(st.text(alphabet="{}[]()|.,:?'\"+-*/%~ax1 \\\n\u00e9", max_size=60))
def test_no_text_breaks_the_translation(text: str) -> None:
    translation = translate(text, NAMES)
    assert len(translation.text) <= MAX_SOURCE
    parse(Context.PLAIN, translation.text)


@given(st.text(max_size=30))
def test_a_literal_comes_through_whole(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    shown = "".join(c for c in text if c in "\n\t" or c.isprintable())
    assert rendered(f"{{{{ '{quoted}' | length }}}}") == str(len(text))
    if shown == text and "\r" not in text:
        assert rendered(f"<{{{{ '{quoted}' }}}}>") in (f"<{text}>", f"<{text.replace(chr(160), ' ')}>")


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2099, 1, 1)))  # noqa: DTZ001
def test_dates_are_read_as_they_are_written(moment: datetime) -> None:
    kept = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
    for pattern in (dates.ZONED, "yyyyMMddHHmmssSSS", "d MMM yyyy, hh:mm:ss.SSS a Z"):
        assert dates.read(dates.write(kept, pattern), pattern) == kept


def test_a_fault_says_where() -> None:
    with pytest.raises(PebbleError, match="a name is expected"):
        tree("a | 1")
