"""Screen pops open once, are told once, and only web addresses are opened; drafts outlive their call."""

from __future__ import annotations

import pytest

from ivr.api.models import PopOutcome
from ivr.desktop import notes
from ivr.desktop.browser import open_page, parse_pending
from ivr.desktop.notebook import MAX_DRAFTS, Notebook
from ivr.desktop.pops import PopBook, web_address
from tests.desktop_values import CALL, call, note


def test_one_tab_opens_a_pop() -> None:
    """The second to ask does not, unless the first gave up with nothing done."""
    book = PopBook()
    assert book.claim("p")
    assert not book.claim("p")
    book.release("p")
    assert book.claim("p")
    book.settle("p", PopOutcome.OPENED)
    book.release("p")
    assert not book.claim("p")


def test_an_outcome_is_news_once() -> None:
    """Blocked, then opened by hand, is two pieces of news; anything after opened is none."""
    book = PopBook()
    assert book.settle("p", PopOutcome.BLOCKED)
    assert not book.settle("p", PopOutcome.BLOCKED)
    assert book.outcome("p", PopOutcome.PENDING) is PopOutcome.BLOCKED
    assert book.settle("p", PopOutcome.OPENED)
    assert not book.settle("p", PopOutcome.OPENED)
    assert not book.settle("p", PopOutcome.BLOCKED)


def test_what_another_desktop_opened_counts() -> None:
    """The node's word that it is open beats what was blocked here."""
    book = PopBook()
    book.settle("p", PopOutcome.BLOCKED)
    assert book.outcome("p", PopOutcome.OPENED) is PopOutcome.OPENED


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://x.example/a?b=c", True),
        ("http://127.0.0.1:8080/", True),
        ("HTTPS://X.example/", True),
        ("javascript:alert(1)", False),
        ("java\nscript:alert(1)", False),
        ("https://x.example/\n", False),
        ("//x.example/", False),
        ("https:///nowhere", False),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_web_addresses(url: str, good: bool) -> None:
    """Anything else is not opened."""
    assert (web_address(url) is not None) is good


def test_a_url_is_data_in_the_script() -> None:
    """Quotes do not end the string."""
    assert (
        open_page('https://x/"+alert(1)+"') == 'return window.ivrDesktop.open("https://x/\\"+alert(1)+\\"")'
    )


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        ('{"text": "a", "revision": 2}', ("a", 2)),
        ('{"text": "a", "revision": -1}', None),
        ('{"text": 5, "revision": 2}', None),
        ("not json", None),
        (None, None),
        (7, None),
    ],
)
def test_what_a_tab_kept_is_checked(kept: object, found: tuple[str, int] | None) -> None:
    """It comes from a browser."""
    assert parse_pending(kept) == found


def test_unsaved_notes_outlive_their_call() -> None:
    """Saved ones do not."""
    book = Notebook()
    book.follow(CALL, 0.0)
    book.change("call-1", lambda draft: notes.edited(draft, "x", 0.0))
    book.follow(None, 1.0)
    assert [draft.text for draft in book.leftovers()] == ["x"]
    taken = book.take(1.0)
    assert taken is not None
    book.change("call-1", lambda draft: notes.saved(draft, note("x", 1), 1.0))
    assert book.leftovers() == ()


def test_discarding_is_for_earlier_calls() -> None:
    """The notes of the call in hand stay."""
    book = Notebook()
    book.follow(CALL, 0.0)
    book.change("call-1", lambda draft: notes.edited(draft, "x", 0.0))
    book.discard("call-1")
    assert book.draft() is not None
    book.follow(call(call_id="call-2"), 1.0)
    book.discard("call-1")
    assert book.leftovers() == ()


def test_drafts_are_bounded() -> None:
    """The oldest unsaved one goes, never the one in hand."""
    book = Notebook()
    for number in range(MAX_DRAFTS + 5):
        name = f"call-{number}"
        book.follow(call(call_id=name), 0.0)
        book.change(name, lambda draft: notes.edited(draft, "x", 0.0))
    assert len(book.drafts) == MAX_DRAFTS
    assert book.draft() is not None
