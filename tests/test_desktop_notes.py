"""Notes are saved while they are typed, and no order of events loses a text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ivr.api.models import NoteView, SaveNote
from ivr.desktop import notes
from ivr.desktop.mirror import Link
from ivr.desktop.notes import DEBOUNCE_S, LONGEST_UNSAVED_S, Draft, Phase
from ivr.desktop.view import notes_state
from tests.desktop_values import note

EMPTY = notes.opened("call-1", NoteView(text="", revision=0, saved_at=None))


def typed(text: str, now: float = 0.0) -> Draft:
    """A draft with a text typed at `now`."""
    return notes.edited(EMPTY, text, now)


def taken(draft: Draft, now: float) -> tuple[Draft, SaveNote]:
    """The save that must be due."""
    after, save = notes.take(draft, now)
    assert save is not None
    return after, save


def test_typing_is_saved_after_a_pause() -> None:
    """Not before it."""
    draft = typed("a")
    assert notes.take(draft, DEBOUNCE_S - 0.01)[1] is None
    assert taken(draft, DEBOUNCE_S)[1] == SaveNote(text="a", revision=0)


def test_typing_without_a_pause_is_saved_too() -> None:
    """The debounce cannot be put off for ever."""
    draft = EMPTY
    for step in range(30):
        draft = notes.edited(draft, "x" * (step + 1), step * 0.1)
    assert draft.due == LONGEST_UNSAVED_S


def test_one_save_at_a_time() -> None:
    """While one is under way nothing more is sent, and typing goes on."""
    draft, _ = taken(typed("a"), 1.0)
    draft = notes.edited(draft, "ab", 1.1)
    assert notes.take(draft, 99.0)[1] is None
    draft = notes.saved(draft, note("a", 1), 1.2)
    assert draft.phase is Phase.DIRTY
    assert taken(draft, 2.0)[1] == SaveNote(text="ab", revision=1)


def test_saved_says_when() -> None:
    """The time is the node's."""
    draft, _ = taken(typed("a"), 1.0)
    draft = notes.saved(draft, note("a", 1), 1.1)
    assert not draft.unsaved
    assert notes_state(draft, Link.UP).text.startswith("Saved ")
    assert notes_state(draft, Link.UP).text.count(":") == 2


def test_an_unreachable_node_is_tried_again_with_the_newest_text() -> None:
    """Waits grow, and text typed meanwhile goes along."""
    draft, _ = taken(typed("a"), 1.0)
    draft = notes.edited(notes.unreachable(draft, 1.0), "ab", 1.5)
    assert notes_state(draft, Link.UP).text == "Not saved: node not reachable, retrying"
    assert notes.take(draft, 1.9)[1] is None
    draft, save = taken(draft, 2.0)
    assert save.text == "ab"
    assert notes.unreachable(draft, 2.0).due == 4.0


def test_without_a_token_nobody_says_saving() -> None:
    """A person has to sign in first."""
    assert notes_state(typed("a"), Link.EXPIRED).text == "Not saved yet: sign in again"


def test_blur_saves_at_once() -> None:
    """Also when a retry waits."""
    assert taken(notes.hurried(typed("a"), 0.1), 0.1)[1].text == "a"
    offline = notes.unreachable(taken(typed("a"), 1.0)[0], 1.0)
    assert taken(notes.hurried(offline, 1.1), 1.1)[1].text == "a"


def test_a_lost_answer_is_no_conflict() -> None:
    """The node has our text already: the save had arrived."""
    draft, save = taken(typed("a"), 1.0)
    draft, save = taken(notes.unreachable(draft, 1.0), 5.0)
    draft = notes.conflict(draft, save, note("a", 1), 5.1)
    assert (draft.phase, draft.revision) == (Phase.CLEAN, 1)


def test_a_conflict_keeps_both_texts() -> None:
    """Until a person chooses; then the save replaces the other revision."""
    draft, save = taken(typed("mine"), 1.0)
    draft = notes.conflict(draft, save, note("theirs", 7), 1.1)
    assert (draft.text, draft.theirs and draft.theirs.text) == ("mine", "theirs")
    assert notes.take(draft, 99.0)[1] is None
    both = taken(notes.keep_both(draft, 2.0), 2.0)[1]
    assert both.revision == 7
    assert both.text.startswith("mine")
    assert both.text.endswith("theirs")
    assert taken(notes.keep_mine(draft, 2.0), 2.0)[1] == SaveNote(text="mine", revision=7)
    assert notes.keep_theirs(draft).text == "theirs"


def test_a_note_saved_elsewhere_replaces_only_what_is_saved() -> None:
    """Our own echo is older than what we know, so it changes nothing."""
    assert notes.remote(EMPTY, note("other", 1), 0.0).text == "other"
    assert notes.remote(typed("mine"), note("other", 1), 0.0).text == "mine"
    clean = notes.saved(taken(typed("a"), 1.0)[0], note("a", 1), 1.0)
    assert notes.remote(clean, note("older", 1), 2.0) is clean


def test_refused_text_stays_and_is_tried_again_when_changed() -> None:
    """The reason is shown."""
    draft = notes.refused(taken(typed("a"), 1.0)[0], "Notes of this call are closed.")
    assert draft.text == "a"
    assert notes_state(draft, Link.UP).text == "Not saved: Notes of this call are closed."
    assert notes.edited(draft, "ab", 2.0).phase is Phase.DIRTY


def test_text_kept_by_a_reloaded_tab_comes_back() -> None:
    """Typed over the revision that the tab knew, so that the node can object."""
    known = notes.opened("call-1", note("old", 3))
    draft = notes.restored(known, "old and new", 2, 0.0)
    assert taken(draft, 0.0)[1] == SaveNote(text="old and new", revision=2)
    assert notes.restored(known, "old", 3, 0.0) is known


def test_restoring_never_shortens_unsaved_text() -> None:
    """What the desktop has and what the tab kept are both there afterwards."""
    draft = typed("abc")
    assert notes.restored(draft, "ab", 0, 0.0).text == "abc"
    assert notes.restored(draft, "abcd", 0, 0.0).text == "abcd"
    both = notes.restored(draft, "xyz", 0, 0.0).text
    assert "abc" in both
    assert "xyz" in both


STEPS = st.lists(
    st.tuples(st.sampled_from(["type", "save", "lost", "elsewhere", "echo", "blur"]), st.text(max_size=3)),
    max_size=40,
)


@given(STEPS)
def test_in_any_order_the_text_on_screen_is_the_text_typed_or_saved(steps: list[tuple[str, str]]) -> None:
    """A small node with revisions against the machine: at the end, once it answers, both have one text."""
    draft, now, node = EMPTY, 0.0, note("", 0)
    for kind, text in steps:
        now += 0.3
        before = draft
        match kind:
            case "type":
                draft = notes.edited(draft, draft.text + text, now)
                assert draft.text == before.text + text
            case "elsewhere":
                node = note(node.text + text, node.revision + 1)
            case "echo":
                draft = notes.remote(draft, node, now)
            case "blur":
                draft = notes.hurried(draft, now)
            case _:
                draft, node = exchange(draft, node, now, lost=kind == "lost")
        assert draft.text == before.text or kind == "type" or not before.unsaved or not before.text.strip()
    for _ in range(4):
        now += 10.0
        if draft.phase is Phase.CONFLICT:
            draft = notes.keep_both(draft, now)
        draft, node = exchange(notes.remote(draft, node, now), node, now, lost=False)
    assert draft.phase is Phase.CLEAN
    assert draft.text == node.text


def exchange(draft: Draft, node: NoteView, now: float, *, lost: bool) -> tuple[Draft, NoteView]:
    """One save against a node; `lost` loses its answer, not its effect."""
    draft, save = notes.take(draft, now)
    if save is None:
        return draft, node
    good = save.revision == node.revision
    kept = note(save.text, node.revision + 1) if good else node
    if lost:
        return notes.unreachable(draft, now), kept
    return (notes.saved(draft, kept, now) if good else notes.conflict(draft, save, node, now)), kept
