"""Signals to a node that serves a crowd behind the edge: drains, in time and not, and new definitions."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from ivr.api.client import ApiClient
from tests.edge_crowd import well
from tests.edge_support import needs_kamailio
from tests.node_support import rtp_base, run, write_config
from tests.phones import Line, Phone, phone, within
from tests.rtp_meter import RtpMeter, rtp_meter
from tests.served import Served, served
from tests.sipp import needs_sipp, sipp

pytestmark = [
    pytest.mark.sip,
    pytest.mark.process,
    pytest.mark.timeout(150),
    needs_kamailio,
    needs_sipp,
]

TRUNK = 'trunks: {carrier: {uri: "sip:127.0.0.1"}}'
CALLS = 20


def configured(folder: Path, drain_s: int) -> Path:
    """A node for twice as many callers as come."""
    rtp = rtp_base()
    path = write_config(
        folder,
        sip_more="edge: kamailio",
        more=TRUNK,
        abandoned="false",
        rtp=rtp,
        rtp_last=rtp + 40 * CALLS - 1,
    )
    text = path.read_text().replace("capacity: 2", f"capacity: {2 * CALLS}")
    path.write_text(text.replace("drain_s: 30", f"drain_s: {drain_s}"))
    return path


async def heard(meter: RtpMeter, calls: int) -> frozenset[int]:
    """Until so many callers are answered and hear something; where from."""
    senders = await meter.heard(calls)
    await meter.more(senders)
    return senders


async def answered(caller: Phone, node: Served, number: str) -> Line:
    """A call to a number, answered."""
    line = await caller.dial(node.sip, uri=f"sip:{number}@{node.sip}")
    await line.answered()
    return line


async def end_all(operator: ApiClient, calls: int) -> None:
    """The operator ends every call, once so many are left."""
    left = await operator.calls()
    while len(left) > calls:
        await asyncio.sleep(0.05)  # the record is written a moment after the call is over
        left = [call for call in await operator.calls() if call.ended_at is None]
    for call in left:
        await operator.hang_up(call.call_id)


def test_a_drain_lets_calls_finish_takes_no_new_ones_and_leaves_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        config = configured(tmp_path, drain_s=120)
        async with rtp_meter() as meter, phone() as caller, served(config) as node:
            crowd = sipp(
                "caller", node.sip, tmp_path, calls=CALLS, rate=20, service="support", rtp=meter.port
            )
            async with crowd as callers, node.operator() as operator:
                senders = await heard(meter, CALLS)
                patient = await answered(caller, node, "support")
                family = node.family()
                assert len(family) > CALLS
                node.signal(signal.SIGTERM)
                await node.says("node.draining")
                async with sipp("caller", node.sip, tmp_path, calls=10, rate=20, service="support") as late:
                    outcome = well(await late.finished())
                assert outcome.said == ("refused 503 retry-after=10",) * 10
                await meter.more(senders, 25)
                assert meter.lost(senders) == 0
                await patient.leg.hang_up()
                await patient.ended()
                await within(end_all(operator, CALLS))
                outcome = well(await callers.finished())
            assert outcome.tally == {"answered": CALLS, "released": CALLS}
            assert await node.exit_code() == 0
            await node.nothing_left(family)
            assert node.endings() == {"ended_by_operator": CALLS, "abandoned_in_queue": 1}

    run(story())


def test_a_drain_that_takes_too_long_ends_the_rest_cleanly(tmp_path: Path) -> None:
    async def story() -> None:
        config = configured(tmp_path, drain_s=1)
        async with rtp_meter() as meter, served(config) as node:
            crowd = sipp(
                "caller", node.sip, tmp_path, calls=CALLS, rate=20, service="support", rtp=meter.port
            )
            async with crowd as callers:
                await heard(meter, CALLS)
                family = node.family()
                node.signal(signal.SIGTERM)
                outcome = well(await callers.finished())
            assert outcome.tally == {"answered": CALLS, "released": CALLS}
            assert await node.exit_code() == 0
            await node.nothing_left(family)
            assert node.endings() == {"shutdown": CALLS}

    run(story())


def test_a_hang_up_signal_brings_new_definitions_and_a_broken_file_none(tmp_path: Path) -> None:
    async def story() -> None:
        config = configured(tmp_path, drain_s=1)
        good = config.read_text()
        async with phone() as caller, served(config) as node:
            before = await answered(caller, node, "support")
            refused = await caller.dial(node.sip, uri=f"sip:sales@{node.sip}")
            assert (await refused.ended()).code == 404
            config.write_text(good.replace('"service"]', '"service", "sales"]'))
            node.signal(signal.SIGHUP)
            await node.says("definitions.reloaded")
            await (await answered(caller, node, "sales")).leg.hang_up()
            config.write_text(good.replace("teams: [Tier1]", "teams: [Nobody]"))
            node.signal(signal.SIGHUP)
            assert "Nobody" in await node.says("definitions.not_reloaded")
            await (await answered(caller, node, "sales")).leg.hang_up()
            config.write_text("entry_points: [")
            node.signal(signal.SIGHUP)
            await node.until(lambda: True if node.count("definitions.not_reloaded") == 2 else None)
            await (await answered(caller, node, "sales")).leg.hang_up()
            stats = await within(before.leg.read_stats())
            assert not before.leg.ended.done()
            assert stats is not None
            assert stats.rx_packets > 0
            assert stats.rx_lost == 0
            await before.leg.hang_up()
            node.signal(signal.SIGTERM)
            assert await node.exit_code() == 0
            assert node.endings() == {"abandoned_in_queue": 4}
            assert node.count("definitions.reloaded") == 1

    run(story())
