"""The desktop in a real browser: its own process, a node behind a real server, and Chromium."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Playwright,
    WebSocketRoute,
    expect,
    sync_playwright,
)

from ivr.api.models import AgentStatus, AgentView, MatchView, PopOutcome, RecordView
from ivr.desktop.past_calls import PAGE_ROWS
from ivr.ids import AgentId, CallId
from tests.desktop_support import AGENTS, ARGS, CHROMIUM, NodeThread, desktop, fake_node

REFRESHED_S = 20.0
"""More than enough for a page that asks every three seconds."""
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}}`${1}`'

pytestmark = [
    pytest.mark.browser,
    pytest.mark.process,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def node() -> Iterator[NodeThread]:
    with fake_node() as running:
        yield running


@pytest.fixture(scope="module")
def url(node: NodeThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("desktop")
    with desktop(node.url, str(folder)) as address:
        yield address
    assert list(folder.iterdir()) == [], "the desktop writes no files"


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    # Playwright turns the popup blocker off; people have it on.
    running = playwright.chromium.launch(
        executable_path=str(CHROMIUM), args=list(ARGS), ignore_default_args=["--disable-popup-blocking"]
    )
    yield running
    running.close()


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return iter(count())


@dataclass
class Agent:
    """An agent at a browser, and the node on the other side."""

    name: str
    url: str
    node: NodeThread
    context: BrowserContext
    page: Page

    def sign_in(self, password: str | None = None) -> None:
        """Fill in the form and send it."""
        self.see("sign-in-agent").fill(self.name)
        self.see("sign-in-password").fill(password or f"{self.name}-password")
        self.see("sign-in").click()

    def see(self, testid: str, page: Page | None = None) -> Locator:
        """What has this test id."""
        return (page or self.page).get_by_test_id(testid)

    def go_ready(self) -> None:
        """Sign in and be ready."""
        self.sign_in()
        self.see("ready").click()
        expect(self.see("status")).to_have_text("Ready")

    def view(self) -> AgentView:
        """What the node knows of the agent."""
        found = self.node.run(self.node.fake.agent(AgentId(self.name)))
        assert found is not None
        return found

    def ring(self, match: MatchView | None = None) -> CallId:
        """A call rings here."""
        fake = self.node.fake
        call_id = self.node.run(fake.ring(self.name, match=match) if match else fake.ring(self.name))
        expect(self.see("call-hint")).to_have_text("Answer on your phone")
        return call_id

    def answer(self, call_id: CallId) -> None:
        """The agent picks up the telephone."""
        self.node.run(self.node.fake.connect(call_id))
        expect(self.see("call-stage")).to_have_text("On the line")

    def on_a_call(self) -> CallId:
        """Signed in and talking."""
        self.go_ready()
        call_id = self.ring()
        self.answer(call_id)
        return call_id

    async def had(self, number: str) -> CallId:
        """A call that the agent took and that is over, wrap-up and all."""
        fake, me = self.node.fake, AgentId(self.name)
        call_id = await fake.ring(self.name, await fake.arrive(number=number))
        await fake.connect(call_id)
        await fake.end(call_id)
        await fake.end_wrap_up(me, call_id)
        return call_id

    def note(self, call_id: CallId) -> str:
        """The note as the node has it."""
        found = self.node.run(self.node.fake.note(call_id))
        assert found is not None
        return found.text

    def pop_outcome(self, call_id: CallId) -> PopOutcome:
        """What the node was told of the screen pop."""
        call = self.view().call
        assert call is not None
        assert call.screen_pop is not None
        return call.screen_pop.outcome


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all tests, so that the pages' parts are loaded once."""
    shared = browser.new_context(viewport={"width": 1280, "height": 800})
    shared.set_default_timeout(10_000)
    yield shared
    shared.close()


@pytest.fixture
def agent(context: BrowserContext, url: str, node: NodeThread, numbers: Iterator[int]) -> Iterator[Agent]:
    context.clear_cookies()
    page = context.new_page()
    page.goto(url)
    yield Agent(AGENTS[next(numbers)], url, node, context, page)
    node.up()
    for opened in context.pages:
        opened.close()


@pytest.fixture
def told(node: NodeThread, monkeypatch: pytest.MonkeyPatch) -> list[PopOutcome]:
    """What the node is told of screen pops; the list grows by itself."""
    outcomes: list[PopOutcome] = []
    real = node.fake.acknowledge_pop

    async def watched(agent_id: AgentId, call_id: CallId, pop_id: str, outcome: PopOutcome) -> None:
        outcomes.append(outcome)
        await real(agent_id, call_id, pop_id, outcome)

    monkeypatch.setattr(node.fake, "acknowledge_pop", watched)
    return outcomes


def page_url(url: str, name: str) -> str:
    """A web address on this machine that is not the desktop."""
    return url.replace("127.0.0.1", "localhost") + f"/{name}"


def test_a_wrong_password_says_so_and_a_right_one_signs_in(agent: Agent) -> None:
    """A reload keeps the sign-in; signing out ends it here and at the node."""
    agent.sign_in("wrong")
    expect(agent.see("sign-in-error")).to_have_text("Agent or password is wrong.")
    agent.sign_in()
    expect(agent.see("agent-name")).to_have_text(agent.name.capitalize())
    agent.page.reload()
    expect(agent.see("agent-name")).to_have_text(agent.name.capitalize())
    agent.see("sign-out").click()
    expect(agent.see("sign-in-form")).to_be_visible()
    assert agent.view().status is AgentStatus.SIGNED_OUT


def test_what_is_typed_before_the_connection_stands_signs_in_too(agent: Agent) -> None:
    """On a slow line the form is filled in and sent before the page has its socket."""
    held = hold_the_next_socket(agent.page)
    agent.page.reload()
    for number in range(5):
        agent.see("sign-in-agent").fill(f"first thought {number}")
        agent.see("sign-in-password").fill(f"first thought {number}")
    agent.sign_in()
    let_go(agent, held)
    expect(agent.see("agent-name")).to_have_text(agent.name.capitalize())


def test_nothing_is_loaded_from_elsewhere_and_a_side_panel_is_wide_enough(agent: Agent) -> None:
    """All requests go to the desktop; at 400 px nothing is cut off to the right."""
    asked: list[str] = []
    agent.page.on("request", lambda request: asked.append(request.url))
    agent.page.reload()
    agent.on_a_call()
    assert asked
    assert [address for address in asked if not address.startswith((agent.url, "data:", "blob:"))] == []
    agent.page.set_viewport_size({"width": 400, "height": 800})
    expect(agent.see("call-stage")).to_be_in_viewport()
    assert agent.page.evaluate("document.documentElement.scrollWidth") <= 400


def test_ready_and_not_ready_with_a_reason(agent: Agent) -> None:
    """By keyboard alone, and the node agrees."""
    agent.sign_in()
    expect(agent.see("ready")).to_be_enabled()
    agent.see("ready").focus()
    agent.page.keyboard.press("Enter")
    expect(agent.see("status")).to_have_text("Ready")
    expect(agent.see("ready")).to_be_disabled()
    expect(agent.see("idle")).to_contain_text("Ready.")
    agent.see("not-ready").click()
    agent.see("reason-lunch").click()
    expect(agent.see("status")).to_have_text("Not ready · Lunch")
    assert (agent.view().status, agent.view().reason) == (AgentStatus.NOT_READY, "Lunch")
    expect(agent.see("time-in-state")).to_have_text(re.compile(r"0:0[1-9]"))


def test_a_hostile_name_is_text(agent: Agent) -> None:
    """When it arrives, and in a page that is loaded with it."""
    agent.go_ready()
    record = RecordView(object="Contact", id="1", name=HOSTILE, url="javascript:window.hacked=1")
    agent.ring(MatchView(result="one", account=record, contact=record))
    expect(agent.see("customer-name")).to_have_text(HOSTILE)
    agent.page.reload()
    expect(agent.see("customer-name")).to_have_text(HOSTILE)
    expect(agent.see("records").locator("a")).to_have_count(0)
    assert agent.page.evaluate("window.hacked") is None


def test_a_ringing_call_shows_who_and_why(agent: Agent) -> None:
    """Account, case with its link, priority with its reason, variables, of which one can be edited."""
    agent.go_ready()
    agent.ring()
    expect(agent.see("customer-name")).to_have_text("Maria Garcia")
    expect(agent.see("caller-number")).to_have_text("+1 415 555 0199")
    expect(agent.see("case")).to_contain_text("Generator will not start")
    expect(agent.see("case").get_by_role("link")).to_have_attribute("href", re.compile("^https://.*Case"))
    expect(agent.see("priority")).to_contain_text("open case, priority High")
    expect(agent.see("variable-value")).to_have_text("00001042")
    assert "Incoming call" in agent.page.title()
    field = agent.see("variable-disposition")
    field.fill("resolved")
    field.press("Enter")
    wait_for(agent, lambda: disposition(agent) == "resolved")


def test_a_missed_call_is_said_plainly(agent: Agent) -> None:
    """One button makes the agent ready again."""
    agent.go_ready()
    call_id = agent.ring()
    agent.node.run(agent.node.fake.decline(call_id))
    expect(agent.see("missed")).to_contain_text("You missed a call; you are not ready.")
    expect(agent.see("call-card")).to_be_hidden()
    agent.see("ready-again").click()
    expect(agent.see("missed")).to_be_hidden()
    agent.node.run(agent.node.fake.end(call_id))


def test_an_unknown_caller_and_a_late_match(agent: Agent) -> None:
    """What the look-up finds late takes its place without a reload."""
    agent.go_ready()
    call_id = agent.ring(MatchView(result="none"))
    expect(agent.see("customer-name")).to_have_text("Unknown caller")
    records = tuple(
        RecordView(
            object="Contact", id=name, name=name, url=f"https://sf.example/{name}", reason="MobilePhone"
        )
        for name in ("Ann", "Ben")
    )
    agent.node.run(agent.node.fake.set_match(call_id, MatchView(result="many", candidates=records)))
    expect(agent.see("candidates").get_by_role("link")).to_have_text(["Ann", "Ben"])
    expect(agent.see("match")).to_contain_text("Ask who is calling.")
    expect(agent.see("choose-Ann")).to_be_hidden()
    agent.answer(call_id)
    agent.see("choose-Ann").click()
    expect(agent.see("customer-name")).to_have_text("Ann")
    expect(agent.see("candidates").get_by_role("link")).to_have_text(["Ben"])
    agent.node.run(agent.node.fake.set_match(call_id, MatchView(result="many", candidates=records)))
    agent.node.run(agent.node.fake.set_match(call_id, MatchView(result="none")))
    expect(agent.see("candidates")).to_be_hidden()


def test_the_account_page_opens_in_one_new_tab_and_is_told_once(agent: Agent, told: list[PopOutcome]) -> None:
    """Two tabs of one agent see the call; one of them opens the page."""
    call_id = agent.on_a_call()
    second = agent.context.new_page()
    second.goto(agent.url)
    expect(agent.see("call-stage", second)).to_have_text("On the line")
    with agent.context.expect_page() as opened:
        # Chromium lets a page open another for a moment after its person did something.
        for page in (agent.page, second):
            page.get_by_role("heading", name="Maria Garcia").click()
        agent.node.run(agent.node.fake.pop(call_id, page_url(agent.url, "account")))
    expect(agent.see("pop-text")).to_contain_text("is open in another tab")
    expect(agent.see("pop-text", second)).to_contain_text("is open in another tab")
    assert opened.value.evaluate("window.opener") is None
    assert agent.pop_outcome(call_id) is PopOutcome.OPENED
    assert (len(agent.context.pages), told) == (3, [PopOutcome.OPENED])


def test_a_blocked_account_page_is_told_and_opens_by_a_click(agent: Agent, told: list[PopOutcome]) -> None:
    """Chromium's own blocker, on a page that nobody has touched; a person's click always works."""
    call_id = agent.on_a_call()
    agent.page.reload()
    # Playwright's own look at a page counts as a touch, so what the node is told is waited for first.
    agent.node.run(agent.node.fake.pop(call_id, page_url(agent.url, "account")))
    wait_for(agent, lambda: told == [PopOutcome.BLOCKED])
    expect(agent.see("pop-text")).to_contain_text("Your browser blocked the account page.")
    with agent.context.expect_page():
        agent.see("pop-open").click()
    expect(agent.see("pop-text")).to_contain_text("is open in another tab")
    assert told == [PopOutcome.BLOCKED, PopOutcome.OPENED]


def test_a_pop_without_a_web_address_is_not_opened(agent: Agent, told: list[PopOutcome]) -> None:
    """The node is told that it failed."""
    call_id = agent.on_a_call()
    agent.node.run(agent.node.fake.pop(call_id, "javascript:window.hacked=1"))
    expect(agent.see("pop-text")).to_contain_text("was not opened")
    expect(agent.see("pop-open")).to_have_count(0)
    wait_for(agent, lambda: told == [PopOutcome.FAILED])


def test_notes_are_saved_while_typing_and_after_the_hang_up(agent: Agent) -> None:
    """The cursor stays where it is; finishing wrap-up saves the last word first."""
    call_id = agent.on_a_call()
    notes = agent.see("notes")
    notes.press_sequentially("Generator")
    expect(agent.see("notes-state")).to_have_text(re.compile(r"^Saved \d\d:\d\d:\d\d$"))
    assert agent.note(call_id) == "Generator"
    agent.node.run(agent.node.fake.hold(call_id))
    expect(agent.see("call-stage")).to_have_text("On hold")
    agent.node.run(agent.node.fake.end(call_id))
    expect(agent.see("call-clock")).to_have_text(re.compile(r"^Wrap-up ends in 0:5\d$"))
    notes.press_sequentially(" is out of fuel")
    agent.see("finish-wrap-up").click()
    expect(agent.see("call-card")).to_be_hidden()
    assert agent.note(call_id) == "Generator is out of fuel"
    assert agent.view().status is AgentStatus.READY


def test_notes_take_nothing_before_the_connection_stands(agent: Agent) -> None:
    """What was typed then would arrive in any order; what was kept over a reload comes first."""
    call_id = agent.on_a_call()
    agent.node.down()
    agent.see("notes").press_sequentially("kept")
    expect(agent.see("notes-state")).to_contain_text("Not saved")
    held = hold_the_next_socket(agent.page)
    agent.page.reload()
    expect(agent.see("notes")).not_to_be_editable()
    let_go(agent, held)
    expect(agent.see("notes")).to_be_editable()
    agent.see("notes").press("Control+End")
    agent.see("notes").press_sequentially(" and more")
    agent.node.up()
    expect(agent.see("notes-state")).to_contain_text("Saved")
    assert agent.note(call_id) == "kept and more"


def test_two_tabs_share_the_notes(agent: Agent) -> None:
    """Without a conflict."""
    call_id = agent.on_a_call()
    second = agent.context.new_page()
    second.goto(agent.url)
    agent.see("notes").press_sequentially("from one")
    expect(agent.see("notes", second)).to_have_value("from one")
    agent.see("notes", second).press_sequentially(", from two")
    expect(agent.see("notes")).to_have_value("from one, from two")
    expect(agent.see("notes-state")).to_contain_text("Saved")
    wait_for(agent, lambda: agent.note(call_id) == "from one, from two")


def test_a_conflict_shows_both_texts_and_loses_none(agent: Agent) -> None:
    """Somebody saved another text while this one was typed; the agent keeps both."""
    call_id = agent.on_a_call()
    fake, me = agent.node.fake, AgentId(agent.name)

    def meanwhile() -> bool:
        return agent.node.run(fake.save_note(call_id, me, "theirs", 0)).revision == 1

    agent.node.down()
    agent.see("notes").press_sequentially("mine")
    expect(agent.see("notes-state")).to_contain_text("Not saved")
    assert meanwhile()
    agent.node.up()
    expect(agent.see("notes-theirs")).to_have_text("theirs")
    expect(agent.see("notes")).to_have_value("mine")
    agent.see("keep-both").click()
    expect(agent.see("notes-conflict")).to_be_hidden()
    expect(agent.see("notes-state")).to_contain_text("Saved")
    assert agent.note(call_id).startswith("mine")
    assert agent.note(call_id).endswith("theirs")


def test_the_node_goes_and_comes_back(agent: Agent) -> None:
    """A banner while it is away; what was typed meanwhile is saved when it is back, with no hand's help."""
    call_id = agent.on_a_call()
    agent.node.down()
    expect(agent.see("banner")).to_contain_text("Node not reachable; reconnecting.")
    agent.see("notes").press_sequentially("typed while away")
    expect(agent.see("notes-state")).to_have_text("Not saved: node not reachable, retrying")
    agent.page.reload()
    expect(agent.see("notes")).to_have_value("typed while away")
    agent.node.up()
    expect(agent.see("banner")).to_be_hidden()
    expect(agent.see("notes-state")).to_contain_text("Saved")
    assert agent.note(call_id) == "typed while away"


def test_a_node_started_anew_asks_for_the_password_and_keeps_the_notes(agent: Agent) -> None:
    """Its sessions are gone with it."""
    call_id = agent.on_a_call()
    agent.node.down()
    agent.see("notes").press_sequentially("kept")
    agent.node.forget_sessions()
    agent.node.up()
    expect(agent.see("banner")).to_contain_text("Your sign-in has ended.")
    expect(agent.see("notes")).to_have_value("kept")
    agent.see("again-password").fill(f"{agent.name}-password")
    agent.see("again").click()
    expect(agent.see("banner")).to_be_hidden()
    expect(agent.see("notes-state")).to_contain_text("Saved")
    assert agent.note(call_id) == "kept"


def test_a_desktop_started_anew_still_has_what_was_typed(
    agent: Agent, node: NodeThread, tmp_path: Path
) -> None:
    """Neither process had the text on disk; the tab kept it."""
    with desktop(node.url, str(tmp_path)) as address:
        agent.page.goto(address)
        call_id = agent.on_a_call()
        node.down()
        agent.see("notes").press_sequentially("typed before the restart")
        expect(agent.see("notes-state")).to_contain_text("Not saved")
    node.up()
    with desktop(node.url, str(tmp_path), int(address.rpartition(":")[2])) as address:
        agent.page.goto(address)
        agent.sign_in()
        expect(agent.see("notes")).to_have_value("typed before the restart")
        expect(agent.see("notes-state")).to_contain_text("Saved")
        assert agent.note(call_id) == "typed before the restart"


def test_signing_in_without_a_node_says_so(agent: Agent) -> None:
    """And works once it is there."""
    agent.node.down()
    agent.sign_in()
    expect(agent.see("sign-in-error")).to_contain_text("The node is not reachable.")
    agent.node.up()
    agent.sign_in()
    expect(agent.see("agent-name")).to_be_visible()


def test_how_a_call_went_is_one_click_from_its_card(agent: Agent) -> None:
    """The record, the timeline and the way through the flow; the page outlives the call."""
    call_id = agent.on_a_call()
    with agent.context.expect_page() as opened:
        agent.see("call-story").click()
    page = opened.value
    expect(agent.see("facts", page)).to_contain_text(call_id)
    expect(agent.see("timeline", page)).to_contain_text("connected")
    assert "taken" in drawn(agent, page)
    agent.node.run(agent.node.fake.end(call_id))
    agent.see("finish-wrap-up").click()
    expect(agent.see("facts", page)).to_contain_text("caller hung up")
    agent.see("flow-link", page).click()
    expect(agent.see("heading", page)).to_have_text("support_line")


def test_a_flows_picture_follows_its_calls_and_its_names_are_inert(agent: Agent) -> None:
    """One more call is one more in the picture; a name that is a script stays a name."""
    fake = agent.node.fake
    real = fake.pictures.picture
    group = real.groups[0]
    boxes = (replace(group.boxes[0], summary=HOSTILE), *group.boxes[1:])
    fake.pictures.picture = replace(real, title=HOSTILE, groups=(replace(group, boxes=boxes),))
    try:
        agent.page.goto(f"{agent.url}/flows/support_line")
        agent.sign_in()
        before = greeted(drawn(agent))
        call_id = agent.node.run(fake.arrive(f"{HOSTILE}/picture"))
        wait_for(agent, lambda: greeted(drawn(agent)) == before + 1, REFRESHED_S)
        assert agent.page.evaluate("window.hacked") is None
        expect(agent.page.locator("svg script, .picture svg")).to_have_count(0)
        agent.node.run(fake.end(call_id))
        wait_for(agent, lambda: greeted(drawn(agent)) == before, REFRESHED_S)
    finally:
        fake.pictures.picture = real


def test_past_calls_are_searched_and_paged_through(agent: Agent) -> None:
    """Newest first, each a click from its story; the calls of others are not among them."""
    others = agent.node.run(agent.node.fake.arrive())
    agent.go_ready()
    numbers = [f"+1 415 555 {number:04}" for number in range(PAGE_ROWS + 3)]
    taken = [agent.node.run(agent.had(number)) for number in numbers]
    with agent.context.expect_page() as opened:
        agent.see("calls-link").click()
    page = opened.value
    rows, links = agent.see("call-row", page), agent.see("call-link", page)
    expect(rows).to_have_count(PAGE_ROWS)
    expect(rows.first).to_contain_text(numbers[-1])
    expect(agent.see("newer", page)).to_be_disabled()
    agent.see("older", page).click()
    expect(rows).to_have_count(3)
    expect(rows.last).to_contain_text(numbers[0])
    expect(agent.see("older", page)).to_be_disabled()
    agent.see("calls-text", page).fill(numbers[7])
    expect(rows).to_have_count(1)
    expect(agent.see("page-number", page)).to_have_text("Page 1")
    agent.see("calls-ending", page).click()
    page.get_by_role("option", name="Failed").click()
    expect(agent.see("no-calls", page)).to_have_text("No call of yours is like that.")
    agent.see("calls-ending", page).click()
    page.get_by_role("option", name="Caller hung up").click()
    expect(rows).to_have_count(1)
    for width in (1280, 800, 400):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    links.click()
    expect(agent.see("facts", page)).to_contain_text(taken[7])
    assert others not in page.content()


def test_the_call_of_another_agent_is_not_shown(agent: Agent) -> None:
    """The page says so in words, and has nothing of the call."""
    call_id = agent.node.run(agent.node.fake.arrive())
    agent.page.goto(f"{agent.url}/calls/{call_id}")
    agent.sign_in()
    expect(agent.see("problem")).to_have_text("This call is not yours.")
    expect(agent.see("facts")).to_have_count(0)
    expect(agent.see("picture")).to_be_hidden()
    agent.node.run(agent.node.fake.end(call_id))


def test_signing_out_leaves_the_page_of_flows_too(agent: Agent) -> None:
    """No page of the agent who went stays open."""
    agent.page.goto(f"{agent.url}/flows")
    agent.sign_in()
    expect(agent.see("flow")).to_have_count(1)
    other = agent.context.new_page()
    other.goto(agent.url)
    expect(agent.see("agent-name", other)).to_be_visible()
    agent.see("sign-out", other).click()
    expect(agent.see("sign-in-form")).to_be_visible()


def drawn(agent: Agent, page: Page | None = None) -> str:
    """The picture on the page, once the browser has painted it."""
    image = agent.see("picture", page)
    expect(image).to_be_visible()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    source = image.get_attribute("src") or ""
    head, _, body = source.partition(",")
    assert head == "data:image/svg+xml;base64"
    return b64decode(body).decode()


def greeted(svg: str) -> int:
    """The number of calls at the activity Greet."""
    root = ElementTree.fromstring(svg)
    for box in root.iter("{http://www.w3.org/2000/svg}g"):
        texts = {text.get("class"): text.text for text in box.findall("{http://www.w3.org/2000/svg}text")}
        if texts.get("name") == "Greet":
            return int(texts.get("count") or 0)
    raise AssertionError("there is no such box")


def hold_the_next_socket(page: Page) -> list[WebSocketRoute]:
    """The page's next connection to its server stays in the list until it is let go; later ones stand."""
    held: list[WebSocketRoute] = []

    def hold(socket: WebSocketRoute) -> None:
        if held:
            socket.connect_to_server()
        else:
            held.append(socket)

    page.route_web_socket(re.compile("socket.io"), hold)
    return held


def let_go(agent: Agent, held: list[WebSocketRoute]) -> None:
    """Connect what was held."""
    wait_for(agent, lambda: len(held) == 1)
    held[0].connect_to_server()


def wait_for(agent: Agent, condition: Callable[[], bool], wait_s: float = 5.0) -> None:
    """Let the browser run until the node shows something."""
    for _ in range(int(wait_s * 20)):
        if condition():
            return
        agent.page.wait_for_timeout(50)
    raise AssertionError(f"it did not happen in {wait_s} s")


def disposition(agent: Agent) -> str | None:
    """The editable variable as the node has it."""
    call = agent.view().call
    return {item.name: item.value for item in call.variables}.get("disposition") if call else None
