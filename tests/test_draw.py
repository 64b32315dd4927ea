"""Pictures: nothing overlaps, everything is there, what is inside them is inert, and browsers draw them."""

from __future__ import annotations

import subprocess
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.draw.layers import GAP, lay_out, spread
from ivr.flow.draw.mermaid import mermaid
from ivr.flow.draw.picture import Arrow, Box, Family, Group, Overlay, Picture, Visit, picture, shortened
from ivr.flow.draw.rows import Link, rows_of
from ivr.flow.draw.style import text_width
from ivr.flow.draw.svg import BESIDE_BACK, svg
from ivr.flow.load import load_flow
from tests.cli_support import run_ivr

SHIPPED = Path(__file__).parents[1] / "config" / "flows" / "salesforce_ani_lookup.yaml"
FLOW = load_flow(SHIPPED)
SVG = "{http://www.w3.org/2000/svg}"
CHROMIUM = Path("/usr/bin/chromium")

names = st.integers(0, 11).map(lambda n: f"B{n}")
graphs = st.lists(st.tuples(names, names).filter(lambda pair: pair[0] != pair[1]), max_size=30, unique=True)


def links_of(pairs: list[tuple[str, str]]) -> list[Link]:
    """Links with labels of several widths."""
    return [
        Link(source=a, target=b, width=20.0 * (len(a) + i % 4), weight=1.0 if i % 3 else 0.3)
        for i, (a, b) in enumerate(pairs)
    ]


# --- the layout ------------------------------------------------------------------------------------------


@given(graphs)
@settings(max_examples=150, deadline=None)
def test_boxes_and_labels_never_lie_on_each_other(pairs: list[tuple[str, str]]) -> None:
    widths = {f"B{n}": 60.0 + 10 * n for n in range(12)}
    links = links_of(pairs)
    layout = lay_out(widths, links, "B0")
    extents: dict[int, list[tuple[float, float]]] = {}
    for box, spot in layout.boxes.items():
        extents.setdefault(spot.row, []).append((spot.x - widths[box] / 2, spot.x + widths[box] / 2))
    for link, spots in zip(links, layout.links, strict=True):
        label = spots[1]
        extents.setdefault(label.row, []).append((label.x - link.width / 2, label.x + link.width / 2))
        assert label.row % 2 == 1
    for row in extents.values():
        for (_, right), (left, _) in combinations(sorted(row), 2):
            assert right <= left + 1e-6


@given(graphs)
@settings(max_examples=150, deadline=None)
def test_arrows_run_through_every_row_between_their_ends(pairs: list[tuple[str, str]]) -> None:
    widths = dict.fromkeys((f"B{n}" for n in range(12)), 80.0)
    layout = lay_out(widths, links_of(pairs), "B0")
    for (source, target), spots in zip(pairs, layout.links, strict=True):
        assert spots[0] == layout.boxes[source]
        assert spots[-1] == layout.boxes[target]
        steps = {after.row - before.row for before, after in pairwise(spots)}
        assert steps in ({1}, {-1})


@given(graphs)
def test_a_circle_turns_one_arrow_back_and_no_more(pairs: list[tuple[str, str]]) -> None:
    boxes = [f"B{n}" for n in range(12)]
    rows = rows_of(boxes, links_of(pairs), "B0")
    forward = [pair for pair in pairs if rows[pair[0]] < rows[pair[1]]]
    assert all(rows[a] != rows[b] for a, b in pairs)
    if len(forward) == len(pairs):
        return
    # Whatever goes up closes a circle of arrows that go down.
    for a, b in pairs:
        if rows[a] > rows[b]:
            assert reaches(forward, b, a)


def reaches(pairs: list[tuple[str, str]], start: str, end: str) -> bool:
    """Whether a walk leads from one box to another."""
    seen, waiting = set(), [start]
    while waiting:
        box = waiting.pop()
        if box == end:
            return True
        if box not in seen:
            seen.add(box)
            waiting += [b for a, b in pairs if a == box]
    return False


PLACES = st.lists(
    st.tuples(st.floats(-500, 500), st.floats(0.1, 8), st.floats(5, 200)), min_size=1, max_size=8
)


@given(PLACES)
def test_spreading_keeps_order_and_distance(places: list[tuple[float, float, float]]) -> None:
    wished, weights, widths = zip(*places, strict=True)
    found = spread(wished, weights, widths)
    for at in range(1, len(found)):
        assert found[at] - found[at - 1] >= (widths[at] + widths[at - 1]) / 2 + GAP - 1e-6


def test_spreading_leaves_alone_what_does_not_touch() -> None:
    assert spread([0, 200, 500], [1, 1, 1], [50, 50, 50]) == [0, 200, 500]
    assert spread([0, 0], [1, 1], [50, 50], gap=0) == [-25, 25]
    assert spread([0, 0], [3, 1], [50, 50], gap=0) == pytest.approx([-12.5, 37.5])


# --- the picture -----------------------------------------------------------------------------------------


def test_the_picture_has_every_activity_and_edge() -> None:
    drawn = picture(FLOW)
    assert [group.name for group in drawn.groups] == ["main", "AgentAnswered", "PhoneContactEnded"]
    for group, graph in zip(drawn.groups, FLOW.graphs(), strict=True):
        assert [box.name for box in group.boxes] == list(graph.nodes)
        edges = {(a.source, outcome, a.target) for a in group.arrows for outcome in a.outcomes}
        assert edges == {(n.name, o, t) for n in graph.nodes.values() for o, t in n.edges.items()}


def test_marks_are_those_of_the_flow() -> None:
    boxes = {box.name: box for box in picture(FLOW).groups[0].boxes}
    assert boxes["AccountByANI"].early == "at INVITE, ≤ 1.5 s"
    assert boxes["CasebyContactId"].early == "at INVITE, ≤ 0.3 s"
    assert {name for name, box in boxes.items() if box.waits} >= {"Greet", "Music", "SayCase"}
    assert not boxes["QueueContact"].waits
    assert boxes["QueueContact"].summary == "Support"
    assert boxes["Greet"].summary == "hello"


def test_arrows_say_only_what_is_worth_saying() -> None:
    arrows = {(a.source, a.target): a for a in picture(FLOW).groups[0].arrows}
    assert arrows["Greet", "AccountByANI"].label == ""
    assert arrows["ContactByANI", "GreetNeutral"].label == "none, many, withheld, error"
    assert arrows["GreetByName", "GreetNeutral"].dim
    assert not arrows["GreetByName", "QueueContact"].dim


def test_long_texts_are_cut() -> None:
    assert shortened("a  b\nc") == "a b c"
    assert shortened("x" * 31) == "x" * 29 + "…"


# --- SVG and Mermaid -------------------------------------------------------------------------------------

HOSTILE = Picture(
    title='<script>alert(1)</script> "&',
    groups=(
        Group(
            name="main",
            start="A",
            boxes=(
                Box(name="A", type="play-message", family=Family.VOICE, summary='"]; click A "javascript:x"'),
                Box(name="B", type="end", family=Family.END, summary="</text><script>x</script>"),
            ),
            arrows=(
                Arrow(source="A", target="B", outcomes=("<b>", '"|', "end", "한국어")),
                Arrow(source="A", target="A", outcomes=("again",)),
            ),
        ),
    ),
)


def test_svg_is_well_formed_whatever_is_in_it() -> None:
    root = ElementTree.fromstring(svg(HOSTILE))
    assert root.tag == f"{SVG}svg"
    assert root.findall(f".//{SVG}script") == []
    assert [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "name"] == ["A", "B"]


def test_mermaid_takes_nothing_for_its_own() -> None:
    text = mermaid(HOSTILE)
    assert "<script>" not in text.partition("\n")[2]
    assert 'click A "' not in text
    # Every quote opens or closes a text of ours.
    assert all(line.count('"') % 2 == 0 for line in text.splitlines()[1:])


def test_the_shipped_flow_as_mermaid() -> None:
    text = mermaid(picture(FLOW))
    assert text.count("subgraph") == 3
    assert text.count(" -.->") == sum(a.dim for g in picture(FLOW).groups for a in g.arrows)
    assert "<i>at INVITE, ≤ 1.5 s, waits</i>" not in text
    assert "<i>at INVITE, ≤ 1.5 s</i>" in text


def classes(root: ElementTree.Element, name: str) -> set[str]:
    """The classes of the box with this name."""
    for group in root.iter(f"{SVG}g"):
        if any(text.get("class") == "name" and text.text == name for text in group.findall(f"{SVG}text")):
            return set((group.get("class") or "").split())
    raise AssertionError(name)


def test_the_way_of_a_call_and_how_many_are_where() -> None:
    path = (
        Visit(group="main", activity="NewPhoneContact", outcome="next"),
        Visit(group="main", activity="SetPhoneNumber"),
    )
    overlay = Overlay(counts={("main", "Music"): 7}, path=path)
    root = ElementTree.fromstring(svg(picture(FLOW), overlay))
    assert "visited" in classes(root, "NewPhoneContact")
    assert "visited" in classes(root, "SetPhoneNumber")
    assert "faded" in classes(root, "Greet")
    taken = [path for path in root.iter(f"{SVG}path") if path.get("class") == "arrow taken"]
    assert len(taken) == 1
    assert [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "count"] == ["7"]
    plain = ElementTree.fromstring(svg(picture(FLOW)))
    assert "faded" not in classes(plain, "Greet")


def test_wide_letters_are_wide() -> None:
    assert text_width("한국어", 10) == 30
    assert text_width("iii", 10) < text_width("MMM", 10)


# --- the command -----------------------------------------------------------------------------------------


def test_the_command_draws(tmp_path: Path) -> None:
    assert run_ivr("flow", "draw", str(SHIPPED)).stdout == mermaid(picture(FLOW))
    out = tmp_path / "x.svg"
    assert run_ivr("flow", "draw", str(SHIPPED), "--out", str(out)).exit_code == 0
    assert out.read_text(encoding="utf-8") == svg(picture(FLOW))
    assert run_ivr("flow", "draw", str(SHIPPED), "--format", "svg").stdout == svg(picture(FLOW))


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "x.yaml"
    broken.write_text("name: [", encoding="utf-8")
    assert run_ivr("flow", "draw", str(broken)).exit_code == 1
    assert run_ivr("flow", "draw", str(tmp_path / "none.yaml")).exit_code == 2
    assert run_ivr("flow", "draw", str(SHIPPED), "--out", str(tmp_path / "no" / "x.svg")).exit_code == 1


def crowd(*, back: bool) -> Picture:
    """Four arrows to one early box, long names, and a labelled arrow with or without one back beside it."""
    sources = [f"CollectAttendee{n}" for n in range(4)]
    boxes = (
        Box(name="NewPhoneContact", type="start", family=Family.START),
        *(Box(name=name, type="menu", family=Family.VOICE, waits=True) for name in sources),
        Box(name="Find", type="salesforce-find", family=Family.CONNECTOR, early="at INVITE, ≤ 1.5 s"),
        Box(name="ErrorAttendeeMessageWWWWWW", type="play-message", family=Family.VOICE, waits=True),
    )
    arrows = [Arrow(source="NewPhoneContact", target=name, outcomes=("next",)) for name in sources]
    arrows += [Arrow(source=name, target="Find", outcomes=("1", "2")) for name in sources]
    arrows.append(Arrow(source="Find", target="ErrorAttendeeMessageWWWWWW", outcomes=("many", "none")))
    if back:
        arrows.append(Arrow(source="ErrorAttendeeMessageWWWWWW", target="Find", outcomes=("next",)))
    group = Group(name="main", start="NewPhoneContact", boxes=boxes, arrows=tuple(arrows))
    return Picture(title="crowd", groups=(group,))


def top(drawn: Picture, name: str) -> float:
    """Where a box begins."""
    for group in ElementTree.fromstring(svg(drawn)).iter(f"{SVG}g"):
        if any(text.text == name for text in group.findall(f"{SVG}text")):
            return float((group.get("transform") or "").rstrip(")").split()[1])
    raise AssertionError(name)


def test_a_label_beside_an_arrow_back_has_room() -> None:
    gaps = [
        top(crowd(back=back), "ErrorAttendeeMessageWWWWWW") - top(crowd(back=back), "Find")
        for back in (False, True)
    ]
    assert gaps[1] == gaps[0] + BESIDE_BACK


def test_an_error_turns_nothing_round_where_there_is_another_way() -> None:
    """Queue fails into Wait and that into Neutral, which still stands above Queue, where it leads."""
    heavy = [("S", "Named"), ("S", "Neutral"), ("Named", "Queue"), ("Neutral", "Queue"), ("Wait", "Queue")]
    light = [("Queue", "Wait"), ("Wait", "Neutral")]
    links = [Link(source=a, target=b) for a, b in heavy]
    links += [Link(source=a, target=b, weight=0.3) for a, b in light]
    rows = rows_of(["S", "Named", "Queue", "Wait", "Neutral"], links, "S")
    assert rows == {"S": 0, "Named": 2, "Neutral": 2, "Queue": 4, "Wait": 6}


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium")
@pytest.mark.parametrize("drawn", [picture(FLOW), crowd(back=True)], ids=["shipped", "crowd"])
def test_a_browser_draws_it(tmp_path: Path, drawn: Picture) -> None:
    """The widths that the layout counts with are those of the letters: no text is wider than its box, none
    touches its clock, and every arrow's head can be seen."""
    page = tmp_path / "page.html"
    script = """
      const boxes = [...document.querySelectorAll('g.box[transform]')];
      const wide = boxes.filter(box => [...box.querySelectorAll('text')].some(text =>
        text.getBBox().width > box.querySelector('rect').getBBox().width));
      const touch = (a, b, by) => a.left - by < b.right && b.left - by < a.right
        && a.top - by < b.bottom && b.top - by < a.bottom;
      const place = (thing) => thing.getBoundingClientRect();
      const clocks = boxes.filter(box => [...box.querySelectorAll('.clock')].some(clock =>
        [...box.querySelectorAll('text')].some(text => touch(place(text), place(clock), 1))));
      const heads = [...document.querySelectorAll('path.arrow[d*="C"]')].map(path => {
        const end = path.getPointAtLength(path.getTotalLength()).matrixTransform(path.getScreenCTM());
        return {left: end.x - 4, right: end.x + 4, top: end.y - 8, bottom: end.y + 8};
      });
      const pills = [...document.querySelectorAll('rect.pill')].filter(pill =>
        heads.some(head => touch(head, place(pill), 0)));
      document.body.dataset.found =
        [wide.length, clocks.length, pills.length, boxes.length, heads.length].join(' ');
    """
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><body>{svg(drawn)}<script>{script}</script>',
        encoding="utf-8",
    )
    command = [
        str(CHROMIUM),
        "--no-sandbox",
        "--headless",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    boxes = sum(len(group.boxes) for group in drawn.groups)
    arrows = sum(a.source != a.target for group in drawn.groups for a in group.arrows)
    assert f'data-found="0 0 0 {boxes} {arrows}"' in done.stdout, done.stdout[-200:]
