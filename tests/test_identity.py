"""Who calls and whom: the tables, and what holds for any text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.numbers import to_e164
from media.sip import (
    Destination,
    Presentation,
    caller_identity,
    clean_text,
    dialled_user,
    name_addr,
    parse_address,
    parse_addresses,
    parse_destination,
    parse_uri,
    sip_uri,
)

ROOT = Path(__file__).resolve().parent.parent
TABLES = (ROOT / "tests/data/ani_cases.json", ROOT.parent / "shared/cases/ani_cases.json")
Case = dict[str, Any]


def _cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{'own' if table is TABLES[0] else 'shared'}-{case['name']}")
        for table in TABLES
        if table.exists()
        for case in json.loads(table.read_text())["cases"]
    ]


def _lines(headers: dict[str, str | list[str]]) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, values in headers.items()
        for value in (values if isinstance(values, list) else [values])
    ]


def test_own_table_is_wide() -> None:
    table = json.loads(TABLES[0].read_text())
    assert len(table["cases"]) == table["count"] >= 60
    assert len({case["name"] for case in table["cases"]}) == table["count"]


@pytest.mark.parametrize("case", _cases())
def test_caller(case: Case) -> None:
    found = caller_identity(_lines(case["headers"]), trusted=case["trusted_peer"])
    assert found.ani == case["expected_ani"]
    assert found.display == case["expected_display"]
    assert found.presentation == case["expected_presentation"]
    assert found.source == case["expected_source"]
    number = to_e164(found.ani, case["default_region"]) if found.ani else None
    assert number == case["expected_e164"]
    hidden = None if found.presentation is Presentation.RESTRICTED else found.ani
    assert hidden == case["expected_ani_if_privacy_hides"]


_names = st.sampled_from(
    ["From", "f", "P-Asserted-Identity", "Remote-Party-ID", "Privacy", "To", "P-Called-Party-ID", "Diversion"]
)
_sip_text = st.text(
    alphabet='"<>\\;,:@%+= \r\n\t0123456789abcdefsiptelTEL.-()[]\udce9\u202e\u0661', max_size=60
)
_headers = st.lists(
    st.tuples(_names, st.text(max_size=40) | _sip_text | _sip_text.map("<sip:".__add__)), max_size=6
)


@given(_headers, st.booleans())
def test_any_text_gives_a_caller_fit_to_store(headers: list[tuple[str, str]], trusted: bool) -> None:
    found = caller_identity(headers, trusted=trusted)
    if found.ani is not None:
        assert found.ani.isascii()
        assert found.ani.removeprefix("+").isdigit()
    if found.display is not None:
        assert found.display == clean_text(found.display).strip() != ""
        found.display.encode()


@given(_headers, _sip_text | st.text(), st.sampled_from(["request_uri", "to", "p-called-party-id"]))
def test_any_text_gives_a_dialled_user_fit_to_log(
    headers: list[tuple[str, str]], uri: str, rule: Any
) -> None:
    user = dialled_user(headers, uri, rule)
    assert user is None or user == clean_text(user).strip() != ""


@given(_headers)
def test_untrusted_caller_depends_on_from_and_privacy_alone(headers: list[tuple[str, str]]) -> None:
    kept = [(name, value) for name, value in headers if name in {"From", "f", "Privacy"}]
    assert caller_identity(headers, trusted=False) == caller_identity(kept, trusted=False)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("request_uri", "+14155550100"), ("to", "support line"), ("p-called-party-id", "1001")],
)
def test_dialled_user_by_rule(rule: Any, expected: str) -> None:
    headers = [
        ("t", '"Support" <sip:support%20line@example.net>;tag=b'),
        ("P-Called-Party-ID", "<sip:1001;phone-context=example.net@example.net>"),
    ]
    assert dialled_user(headers, "sip:%2B14155550100;npdi@192.0.2.1:5060;user=phone", rule) == expected


@pytest.mark.parametrize("rule", ["request_uri", "to", "p-called-party-id"])
def test_nobody_dialled(rule: Any) -> None:
    assert dialled_user([("To", '"x <sip:1@h>')], "sip:192.0.2.1", rule) is None


def test_dialled_user_keeps_separators_and_case() -> None:
    assert dialled_user([], "tel:+1-415-555-0100;ext=5", "request_uri") == "+1-415-555-0100"
    assert dialled_user([], "sip:Support@example.net", "request_uri") == "Support"


def test_password_is_dropped() -> None:
    uri = parse_uri("sip:alice;isub=1:s3cret@example.net;lr")
    assert uri is not None
    assert (uri.user, uri.host, uri.user_params, uri.params) == (
        "alice",
        "example.net",
        (("isub", "1"),),
        (("lr", None),),
    )
    assert "s3cret" not in repr(uri)


def test_header_parameters() -> None:
    address = parse_address('"A;B" <sip:a@h;x=1>;Tag="q;r" ; y')
    assert address is not None
    assert address.display == "A;B"
    assert address.uri.params == (("x", "1"),)
    assert address.params == (("tag", "q;r"), ("y", None))


def test_list_of_addresses_leaves_out_what_is_malformed() -> None:
    found = parse_addresses('"A, B" <sip:a@h>, nonsense, <tel:+1;x=",">, sip:c@h;q=1')
    assert [address.uri.user for address in found] == ["a", "+1", "c"]
    assert parse_addresses('<sip:a@h>, "B <sip:b@h>') == ()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:1001@192.0.2.10", ("1001", "192.0.2.10", 5060, "udp")),
        ("sip:1001@192.0.2.10:5070;transport=TCP", ("1001", "192.0.2.10", 5070, "tcp")),
        ("sips:a@SIP.Example.net", ("a", "sip.example.net", 5061, "tls")),
        ("sip:sip.carrier.example", (None, "sip.carrier.example", 5060, "udp")),
        ("sip:a@[2001:db8::1]:5062", ("a", "2001:db8::1", 5062, "udp")),
    ],
)
def test_destination(uri: str, expected: tuple[str | None, str, int, str]) -> None:
    user, host, port, transport = expected
    assert parse_destination(uri) == Destination(user=user, host=host, port=port, transport=transport)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "1001@192.0.2.10",
        "tel:+14155551212",
        "sip:a@h:99999",
        "sip:a@h:x",
        "sip:a@h:0",
        "sip:a@",
        "sip:a@h o",
        "sip:a@h;transport=sctp",
        "sip:a@-h",
        "sip:a@h\r\nX: y",
    ],
)
def test_no_destination(uri: str) -> None:
    assert parse_destination(uri) is None


def test_name_addr_quotes_and_escapes() -> None:
    assert name_addr('J. "Jay" \\ Co', "sip:+1@h") == '"J. \\"Jay\\" \\\\ Co" <sip:+1@h>'
    assert name_addr(None, "sip:a@h") == name_addr(" \u202e", "sip:a@h") == "<sip:a@h>"


@given(st.text(), st.text())
def test_name_addr_is_one_line_with_one_uri(display: str, uri: str) -> None:
    value = name_addr(display, uri)
    assert clean_text(value) == value
    value.encode()
    outside = value[value.rindex("<") + 1 : -1]
    assert not set('<>" ') & set(outside)


@given(st.text(min_size=1).filter(str.strip))
def test_display_survives_the_way_out_and_in(display: str) -> None:
    address = parse_address(name_addr(display, "sip:a@h"))
    assert address is not None
    assert address.display == (clean_text(display).strip() or None)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_user_survives_the_way_out_and_in(user: str) -> None:
    uri = parse_uri(sip_uri(user, "h.example", 5062))
    assert uri is not None
    assert (uri.user, uri.host, uri.port) == (user, "h.example", 5062)


def test_sip_uri() -> None:
    assert sip_uri("+1;ext=2", "192.0.2.1") == "sip:+1%3Bext=2@192.0.2.1"
    assert sip_uri(None, "2001:db8::1", 5060) == "sip:[2001:db8::1]:5060"


@pytest.mark.parametrize(
    ("host", "port"), [("h>\r\nX: y", None), ("", None), ("h@x", 5060), ("h", 0), ("h", 70000)]
)
def test_sip_uri_refuses_what_is_no_host(host: str, port: int | None) -> None:
    with pytest.raises(ValueError, match="not a host and port"):
        sip_uri("a", host, port)


@given(st.text())
def test_clean_text_is_stable_and_encodable(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode()
    assert clean_text(cleaned) == cleaned
    assert not any(char in cleaned for char in "\r\n\0\x7f\x85\u202e\u2066\u061c")
