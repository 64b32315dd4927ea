"""The whole chain with a browser at its end: telephones, a node, a simulated Salesforce, the desktop's own
process, and Chromium, in which the agent works."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Locator, Page, async_playwright, expect

from ivr.api.models import StreamEvent
from ivr.desktop.child import desktop_child
from ivr.salesforce.simulator.schema import OBJECTS
from media.leg import Leg
from tests.desktop_support import ARGS, CHROMIUM
from tests.node_support import ALICE, ROOT, Scene, run, scene, soon

SHIPPED: dict[str, Any] = {"flow": "salesforce_ani_lookup", "flows": ROOT / "config" / "flows"}
SHARED = "<sip:+15035550161@127.0.0.1>"
WHILE_TALKING = "Asked about the container at customs. "
AFTERWARDS = "Will call back tomorrow at nine."

pytestmark = [
    pytest.mark.sip,
    pytest.mark.browser,
    pytest.mark.process,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Sam at the desktop."""

    stage: Scene
    context: BrowserContext
    page: Page

    def see(self, testid: str) -> Locator:
        """What has this test id."""
        return self.page.get_by_test_id(testid)

    async def ready(self) -> None:
        """Sign in and ask for calls."""
        await self.see("sign-in-agent").fill("sam")
        await self.see("sign-in-password").fill("secret")
        await self.see("sign-in").click()
        await self.see("ready").click()
        await expect(self.see("status")).to_have_text("Ready")

    async def types(self, text: str) -> None:
        """Type at the end of the note."""
        field = self.see("notes")
        await field.focus()
        await field.press("Control+End")
        await field.press_sequentially(text)

    async def wraps_up(self, call_id: str) -> None:
        """Finish wrap-up; returns when what was to be written stands in Salesforce."""
        await self.see("finish-wrap-up").click()
        await expect(self.see("call-card")).to_be_hidden()
        await self.stage.watch.delivery(call_id, "delivered")


@asynccontextmanager
async def at_the_desk(folder: Path, **changes: object) -> AsyncIterator[Desk]:
    """A scene with the desktop's own process and a browser whose person has allowed pop-ups there."""
    async with (
        scene(folder, **changes) as stage,
        desktop_child(stage.node.api.url, "127.0.0.1", 0) as url,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGS))
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(15_000)
        page = await context.new_page()
        await page.goto(url)
        try:
            yield Desk(stage=stage, context=context, page=page)
        finally:
            await browser.close()


async def _opened(desk: Desk, call_id: str) -> None:
    """Until the node has been told that the page is open."""

    def told(event: StreamEvent) -> bool:
        call = ((event.model_extra or {}).get("agent") or {}).get("call") or {}
        pop = call.get("screen_pop") or {}
        return (call.get("call_id"), pop.get("outcome")) == (call_id, "opened")

    await desk.stage.watch.until(lambda e: e.type == "agent" and told(e))


async def _hung_up(desk: Desk, caller: Leg, call_id: str) -> None:
    await caller.hang_up()
    await desk.stage.watch.stage("wrap_up", call_id)
    await expect(desk.see("call-stage")).to_have_text("Call over · wrap-up")


def test_from_the_ringing_telephone_to_the_comment_on_the_case(tmp_path: Path) -> None:
    async def story() -> None:
        async with at_the_desk(tmp_path, **SHIPPED) as desk:
            stage = desk.stage
            await desk.ready()
            caller = await stage.dial(f"<sip:{ALICE}@127.0.0.1>")
            phone: Leg = (await soon(stage.phones["sam"].rung()))[0]
            await expect(desk.see("call-hint")).to_have_text("Answer on your phone")
            await expect(desk.see("customer-name")).to_have_text("Alice Morgan")
            async with desk.context.expect_page() as popping:
                await phone.answer(200)
            call_id = await stage.watch.stage("connected")
            account = await popping.value
            await account.wait_for_load_state()
            assert account.url.startswith(f"{stage.salesforce.url}/lightning/r/Account/")
            assert "Blue Harbor Logistics" in await account.content()
            await _opened(desk, call_id)
            await desk.types(WHILE_TALKING)
            await _hung_up(desk, caller, call_id)
            await desk.types(AFTERWARDS)
            await desk.wraps_up(call_id)
            (comment,) = stage.salesforce.comments(call_id)
            assert WHILE_TALKING + AFTERWARDS in comment
            record = await stage.record_of(call_id)
            on = [r["ParentId"] for r in stage.salesforce.org.records(OBJECTS["casecomment"])]
            assert record.record["case_id"] in on
            (told,) = stage.events_of(record, "screen_pop_acknowledged")
            assert told == {"outcome": "opened", "agent": "sam"}

    run(story())


def test_one_of_two_callers_is_chosen_in_wrap_up(tmp_path: Path) -> None:
    """His page opens, his case is shown, and the note goes to it."""

    async def story() -> None:
        async with at_the_desk(tmp_path) as desk:
            stage = desk.stage
            case = stage.salesforce.opens_case("Joanne Fenwick", "Tanker late")
            owner = str(next(iter(stage.salesforce.org.records(OBJECTS["user"])))["Name"])
            await desk.ready()
            caller = await stage.dial(SHARED)
            await stage.answer()
            call_id = await stage.watch.stage("connected")
            await expect(desk.see("match")).to_contain_text("Ask who is calling.")
            await expect(desk.see("candidate")).to_have_count(2)
            await expect(desk.see("candidate").first).to_contain_text("Fenwick")
            await desk.page.screenshot(path=tmp_path / "chooser.png")
            await desk.types(AFTERWARDS)
            await _hung_up(desk, caller, call_id)
            row = desk.see("candidate").filter(has_text="Joanne Fenwick")
            await expect(row).to_contain_text("Fenwick Dairy Cooperative")
            async with desk.context.expect_page() as popping:
                await row.get_by_role("button", name="This is the caller").click()
            page = await popping.value
            await page.wait_for_load_state()
            assert "Fenwick Dairy Cooperative" in await page.content()
            await expect(desk.see("customer-name")).to_have_text("Joanne Fenwick")
            await expect(desk.see("match")).to_be_hidden()
            await expect(desk.see("case")).to_contain_text("Tanker late")
            await expect(desk.see("case")).to_contain_text(owner)
            await desk.page.screenshot(path=tmp_path / "chosen.png")
            await desk.wraps_up(call_id)
            (comment,) = stage.salesforce.comments(call_id)
            assert AFTERWARDS in comment
            assert (await stage.record_of(call_id)).record["case_id"] == case

    run(story())
