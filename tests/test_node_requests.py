"""http-request on a whole node, against the simulated org: every kind of exit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.salesforce.simulator.faults import FaultKind
from tests.node_support import Scene, run, scene, soon

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]

FLOW = """\
name: asking
version: "1"
variables:
  account: {{default: nobody}}
start: Begin
activities:
  Begin: {{type: start, edges: {{next: Ask}}}}
  Ask:
    type: http-request
    connector: Salesforce
    path: "{path}"
    soql: "SELECT Id, Name FROM Account WHERE Name LIKE 'Blue Harbor%'"
    timeout_s: 1
    extract: {{account: "$.records.[0].Name"}}
    edges: {{ok: Told, client_error: Refused, server_error: Broken, timeout: Slow, error: Failed}}
  Told:
    type: case
    expression: "{{{{ account }}}}"
    values: [Blue Harbor Logistics]
    edges: {{Blue Harbor Logistics: Wait, default: Failed}}
  Refused:
    type: condition
    expression: "{{{{ Ask.httpStatusCode == 404 }}}}"
    edges: {{"true": Wait, "false": Failed}}
  Broken:
    type: condition
    expression: "{{{{ Ask.httpStatusCode == 503 }}}}"
    edges: {{"true": Wait, "false": Failed}}
  Slow: {{type: condition, expression: "true", edges: {{"true": Wait, "false": Failed}}}}
  Failed: {{type: end}}
  Wait: {{type: queue-contact, queue: Support, edges: {{next: Music}}}}
  Music: {{type: play-music, file: defaultmusic_on_hold.wav, edges: {{next: Music}}}}
"""
QUERY = "/services/data/v62.0/query"


async def asked(stage: Scene) -> dict[str, Any]:
    """What became of the request, for a caller who is in the queue afterwards."""
    leg = await stage.dial()
    await soon(leg.answered)
    call_id = await stage.watch.stage("queued")
    (step,) = stage.events_of(await stage.record_of(call_id), "Ask")
    await leg.hang_up()
    await stage.watch.ended(call_id)
    return step


@pytest.mark.parametrize(
    ("path", "fault", "outcome"),
    [
        (QUERY, None, "ok"),
        ("/services/data/v62.0/nothing", None, "client_error"),
        (QUERY, FaultKind.STATUS, "server_error"),
        (QUERY, FaultKind.SLOW, "timeout"),
    ],
)
def test_a_request_leaves_by_its_answer(
    tmp_path: Path, path: str, fault: FaultKind | None, outcome: str
) -> None:
    async def story() -> None:
        flows = tmp_path / "flows"
        flows.mkdir()
        (flows / "asking.yaml").write_text(FLOW.format(path=path), encoding="utf-8")
        async with scene(tmp_path, flow="asking", flows=flows) as stage:
            if fault is not None:
                stage.salesforce.fault(fault, seconds=20, path="/services/data")
            assert (await asked(stage))["outcome"] == outcome

    run(story())
