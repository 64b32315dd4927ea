"""Pictures of flows over the API: the routes, over a fake node, and what browsers are told of the answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from xml.etree import ElementTree

import httpx
import pytest

from ivr.api.client import ApiClient
from ivr.api.errors import ApiRefused
from ivr.api.fake_app import FakeApp
from ivr.api.fake_flows import FLOW
from ivr.api.testing import OPERATOR_TOKEN

HOSTILE = "</title><script>alert(1)</script>]]>\"onload='x'&"


def client(fake: FakeApp, token: str = OPERATOR_TOKEN) -> ApiClient:
    """The product's client over the application, without a socket."""
    return ApiClient("http://node", token, transport=httpx.ASGITransport(fake.app))


def test_the_client_reads_flows_and_both_pictures() -> None:
    async def main() -> None:
        fake = FakeApp()
        async with client(fake) as api:
            call_id = await fake.node.arrive("a call/with a slash? & more")
            flows = await api.flows()
            assert [(flow.name, flow.calls) for flow in flows] == [(FLOW, 1)]
            now = ElementTree.fromstring(await api.flow_picture(FLOW))
            assert [text.text for text in now.iter() if text.get("class") == "count" and text.text] == ["1"]
            second = await fake.node.arrive("second")
            assert "taken" in await api.call_picture(second)
            with pytest.raises(ApiRefused) as refused:
                await api.flow_picture("none")
            assert refused.value.status == 404
            with pytest.raises(ApiRefused) as refused:
                await api.call_picture("none")
            assert refused.value.status == 404
            assert call_id != second

    asyncio.run(main())


def test_a_picture_may_run_and_fetch_nothing() -> None:
    async def main() -> None:
        fake = FakeApp()
        real = fake.node.pictures.picture
        group = real.groups[0]
        boxes = (replace(group.boxes[0], summary=HOSTILE), *group.boxes[1:])
        fake.node.pictures.picture = replace(real, title=HOSTILE, groups=(replace(group, boxes=boxes),))
        async with fake.operator() as http:
            answer = await http.get(f"/api/v1/flows/{FLOW}")
        assert answer.headers["content-type"].startswith("image/svg+xml")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        root = ElementTree.fromstring(answer.text)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "title", "style", "defs", "marker", "path", "rect", "text", "g", "circle"}
        assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
        assert HOSTILE in "".join(root.itertext())

    asyncio.run(main())
