"""The BYE for a worker that cannot say it: built from its dialog alone (RFC 3261 12.1, 12.2.1.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from media.sip.bye import CSEQ, Dialog, answered_branch, bye, next_hop, route_set

DIALOG = Dialog(
    call_id="c1@192.0.2.1",
    local="<sip:ivr@192.0.2.9>;tag=ours",
    remote='"Kim, <A>" <sip:+14155550123@192.0.2.1>;tag=theirs',
    target='"Kim" <sip:kim@192.0.2.1:5071;ob;alias=192.0.2.7~5080~1>;expires=30',
    routes=("<sip:192.0.2.9:5060;lr;w=3>", "<sip:198.51.100.1;lr>"),
)
BRANCH = "z9hG4bK0a1b"


def test_the_request_goes_the_dialogs_way_and_names_it() -> None:
    text = bye(DIALOG, sent_by="127.0.0.1:7003", branch=BRANCH).decode()
    assert text == (
        "BYE sip:kim@192.0.2.1:5071;ob;alias=192.0.2.7~5080~1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:7003;rport;branch={BRANCH}\r\n"
        "Max-Forwards: 70\r\n"
        "Route: <sip:192.0.2.9:5060;lr;w=3>\r\n"
        "Route: <sip:198.51.100.1;lr>\r\n"
        "From: <sip:ivr@192.0.2.9>;tag=ours\r\n"
        'To: "Kim, <A>" <sip:+14155550123@192.0.2.1>;tag=theirs\r\n'
        "Call-ID: c1@192.0.2.1\r\n"
        f"CSeq: {CSEQ} BYE\r\n"
        "Content-Length: 0\r\n\r\n"
    )


def test_its_number_is_above_what_a_worker_comes_to_and_below_the_limit() -> None:
    assert 2**15 + 500_000 < CSEQ < 2**31 - 500_000


@pytest.mark.parametrize(
    ("target", "routes", "place"),
    [
        ("<sip:a@192.0.2.1:5071>", (), ("192.0.2.1", 5071, "udp")),
        ("<sip:192.0.2.1>", (), ("192.0.2.1", 5060, "udp")),
        ("sip:a@192.0.2.1:5071;expires=3", (), ("192.0.2.1", 5071, "udp")),
        ("<sip:a@192.0.2.1;transport=tcp>", (), ("192.0.2.1", 5060, "tcp")),
        ("<sip:a@192.0.2.1>", ("<sip:198.51.100.1:5080;lr>",), ("198.51.100.1", 5080, "udp")),
    ],
)
def test_it_goes_to_the_first_route_or_to_the_contact(
    target: str, routes: tuple[str, ...], place: tuple[str, int, str]
) -> None:
    hop = next_hop(replace(DIALOG, target=target, routes=routes))
    assert hop is not None
    assert (hop.host, hop.port, hop.transport) == place


@pytest.mark.parametrize("target", ["", "<>", "<tel:+1>", "*", "<sip:a@>", "<sip:a@[::1>"])
def test_to_a_contact_that_is_none_it_cannot_go(target: str) -> None:
    assert next_hop(replace(DIALOG, target=target, routes=())) is None


def test_a_route_set_is_in_the_order_of_our_requests() -> None:
    lines = ('<sip:a;lr>, "x, y" <sip:b;lr>', "<sip:c;lr>")
    assert route_set(lines, reverse=False) == ("<sip:a;lr>", '"x, y" <sip:b;lr>', "<sip:c;lr>")
    assert route_set(lines, reverse=True) == ("<sip:c;lr>", '"x, y" <sip:b;lr>', "<sip:a;lr>")
    assert route_set((), reverse=True) == ()


@pytest.mark.parametrize(
    ("message", "branch"),
    [
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h:1;rport=1;branch=z9hG4bKx;received=h\r\n\r\n", "z9hG4bKx"),
        (b"SIP/2.0 481 Gone\r\nCall-ID: c\r\nv:SIP/2.0/UDP h:1; branch=z9hG4bKx\r\n\r\n", "z9hG4bKx"),
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=one\r\nVia: SIP/2.0/UDP h;branch=two\r\n\r\n", "one"),
        (b"SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP h:1;branch=z9hG4bKx\r\n\r\n", None),
        (b"INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h:1;branch=z9hG4bKx\r\n\r\n", None),
        (b"SIP/2.0 200 OK\r\nX: Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n", None),
        (b"\r\n\r\n", None),
    ],
)
def test_an_answer_is_known_by_its_first_branch(message: bytes, branch: str | None) -> None:
    assert answered_branch(message) == branch
