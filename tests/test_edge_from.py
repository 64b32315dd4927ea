"""What From tells a peer of us: the public address outside, our own inside, the loopback to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.config import Config
from ivr.peers import from_host
from media.edge.addresses import own_addresses
from tests.edge_support import needs_kamailio
from tests.netns import FarPeer, Place, far_peer, namespace, needs_netns
from tests.node_support import run, scene
from tests.raw_sip import Message, reply

PUBLIC = "203.0.113.5"
NEAR, ELSEWHERE = "10.98.76.0/24", "10.1.0.0/16"


async def from_of(place: Place, folder: Path, networks: str) -> str:
    """From, as an agent's phone in a namespace gets it; nothing that it gets names the loopback."""
    async with far_peer(place) as peer:
        more = f"edge: kamailio\n  public_address: {PUBLIC}\n  local_networks: [{networks}]"
        peer.answers_with(busy)
        async with scene(folder, lambda text: _at(text, place, peer), sip_more=more) as stage:
            await stage.call()
            await stage.ready()
            invite = await peer.request("INVITE")
        assert [text for text in peer.wire if "127.0.0.1" in text] == []
        return invite.header("From")


def _at(text: str, place: Place, peer: FarPeer) -> str:
    """A configuration with its SIP address towards the namespace, and the agent sam in it."""
    lines = []
    for line in text.splitlines():
        if line.strip().startswith("listen:") and "udp:" in line:
            line = line.replace("127.0.0.1", place.ours)
        if line.strip().startswith("sam:"):
            before, _, rest = line.partition('"sip:sam@')
            line = f'{before}"sip:sam@{peer.address}"{rest.partition(chr(34))[2]}'
        lines.append(line)
    return "\n".join(lines)


def busy(request: Message) -> str | None:
    """A phone that has no time."""
    return reply(request, 486, "Busy Here") if request.method == "INVITE" and not request.code else None


@needs_kamailio
@needs_netns
@pytest.mark.sip
@pytest.mark.process
@pytest.mark.parametrize(("networks", "shown"), [(ELSEWHERE, PUBLIC), (NEAR, "10.98.76.1")])
def test_from_has_the_address_that_the_peer_knows_us_by(networks: str, shown: str, tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        header = await from_of(place, tmp_path, networks)
        assert f"@{shown}>" in header
        assert header.count("@") == 1

    with namespace("10.98.76.2", "10.98.76.1") as place:
        run(story(place))


def configured(**sip: object) -> Config:
    """A configuration of SIP alone."""
    return Config.model_validate({"sip": sip})


@pytest.mark.parametrize(
    ("sip", "peer", "shown"),
    [
        ({"public_address": PUBLIC}, "198.51.100.1:5060", PUBLIC),
        ({"public_address": PUBLIC, "listen": ["udp:10.0.0.5:5060"]}, "10.9.9.9:5060", "10.0.0.5"),
        ({"listen": ["udp:192.0.2.200:5060"], "edge": "kamailio"}, "198.51.100.1:5060", "192.0.2.200"),
        ({"listen": ["udp:127.0.0.1:5060"]}, "127.0.0.1:5070", "127.0.0.1"),
        (
            {"listen": ["udp:0.0.0.0:5060"], "edge": "kamailio", "public_address": PUBLIC},
            "127.0.0.1:5060",
            PUBLIC,
        ),
        ({"listen": ["udp:0.0.0.0:5060"], "edge": "kamailio"}, "127.0.0.1:5060", own_addresses()[0]),
    ],
)
def test_which_of_our_addresses_a_peer_is_shown(sip: dict[str, object], peer: str, shown: str) -> None:
    assert from_host(peer, configured(**sip)) == shown
