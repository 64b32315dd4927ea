"""The configuration of the node that a scenario is played on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ivr.config import hash_password
from ivr.flow.rig.load import ScenarioFile
from ivr.flow.rig.queue import queues_of
from ivr.flow.rig.scenario import Scenario, ScriptedQueue
from ivr.flow.rig.sip.able import callers_ahead
from ivr.flow.rig.sip.answers import OWN_VERSION
from ivr.flow.rig.sip.org import CLIENT_ID, CLIENT_SECRET

PASSWORD = "rig"  # noqa: S105 - of agents who live as long as the scenario, on loopback
NOBODY = "nobody"
WRAP_UP_S = 60.0
RTP_PORTS = 100
PLACES = 2
"""Customers that one worker holds; for more there is an edge."""
Plain = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything is: the node's SIP port and first RTP port, the agents' phones, the far end
    (HOST:PORT), and the URL of each connector."""

    sip: int
    rtp: int
    phones: Mapping[str, int]
    far: str
    connectors: Mapping[str, str]


def node_settings(file: ScenarioFile, scenario: Scenario, folder: Path, places: Places) -> Plain:
    """What stands in the configuration file; JSON is YAML. Writes the flows of callers ahead."""
    queues = queues_of(file.flow, scenario)
    flows, waiting = _flows(file, scenario, folder)
    return {
        "node": {"name": "rig", "data_dir": "data", "drain_s": 0},
        "sip": _sip(scenario, places),
        # Far away on the loopback, so that nobody who calls from 127.0.0.1 is taken for the trunk.
        "trunks": {"far": {"uri": f"sip:{places.far}"}} if places.far else {},
        "entry_points": {"Rig": {"numbers": [scenario.caller.dials], "flow": file.flow.file.stem}, **waiting},
        **_people(scenario, queues, places),
        "connectors": {name: _connector(url, scenario) for name, url in places.connectors.items()},
        "language": file.prompts.language,
        "http": {"listen": "127.0.0.1:0"},
        "desktop": {"listen": "127.0.0.1:0"},
        "flows_dir": str(flows),
        "prompts_dir": str(_prompts(file, folder)),
    }


def dialled_ahead(queue: str) -> str:
    """What callers ahead in a queue dial."""
    return f"ahead-{queue.casefold()}"


def _sip(scenario: Scenario, places: Places) -> Plain:
    capacity = max(PLACES, 1 + callers_ahead(scenario))
    return {
        "edge": "none" if capacity == PLACES else "kamailio",
        "listen": [f"udp:127.0.0.1:{places.sip}"],
        "rtp_ports": f"{places.rtp}-{places.rtp + RTP_PORTS - 1}",
        "capacity": capacity,
    }


def _people(scenario: Scenario, queues: Mapping[str, ScriptedQueue], places: Places) -> Plain:
    hashed = hash_password(PASSWORD)
    teams = {
        name: [a for a, script in scenario.agents.items() if script.queues is None or name in script.queues]
        for name in queues
    }
    return {
        "queues": {
            name: {"teams": [name], "music": queue.music, "ring_s": queue.ring_s, "wrap_up_s": WRAP_UP_S}
            for name, queue in queues.items()
        },
        "teams": {name: {"agents": agents or [NOBODY]} for name, agents in teams.items()},
        "agents": {
            name: {
                "name": name,
                "endpoint": f"sip:{name}@127.0.0.1:{port}",
                "sign_in": {"password_hash": hashed},
            }
            for name, port in places.phones.items()
        },
    }


def _connector(url: str, scenario: Scenario) -> Plain:
    return {
        "type": "salesforce",
        "login_url": url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "api_version": OWN_VERSION,
        "deadline_s": scenario.salesforce.deadline_s,
    }


def _flows(file: ScenarioFile, scenario: Scenario, folder: Path) -> tuple[Path, Plain]:
    """The folder of the flows, and the entry points of callers ahead: their flow stands beside the tested
    one, in a copy of its folder."""
    original = file.flow.file.absolute().parent
    crowded = [name for name, queue in scenario.queues.items() if queue.ahead]
    if not crowded:
        return original, {}
    flows = folder / "flows"
    flows.mkdir()
    for path in original.glob("*.yaml"):
        shutil.copy(path, flows)
    for number, name in enumerate(crowded):
        (flows / f"rig-ahead-{number}.yaml").write_text(json.dumps(_waiting(name)), encoding="utf-8")
    return flows, {
        f"Ahead{number}": {"numbers": [dialled_ahead(name)], "flow": f"rig-ahead-{number}"}
        for number, name in enumerate(crowded)
    }


def _prompts(file: ScenarioFile, folder: Path) -> Path:
    """The folder of the catalogues; a flow that asks for none may have none, a node must."""
    name = f"{file.prompts.language}.yaml"
    if file.prompts.prompts or (file.prompts_dir / name).is_file():
        return file.prompts_dir
    made = folder / "prompts"
    made.mkdir()
    empty = {"language": file.prompts.language, "prompts": {}}
    (made / name).write_text(json.dumps(empty), encoding="utf-8")
    return made


def _waiting(queue: str) -> Plain:
    """A flow that does nothing but wait, before everybody else."""
    queued = {"type": "queue-contact", "queue": queue, "priority": "1", "edges": {"next": "Music"}}
    music = {"type": "play-music", "file": ScriptedQueue().music, "edges": {"next": "Music"}}
    begin = {"type": "start", "edges": {"next": "Queue"}}
    return {
        "name": "ahead",
        "version": "1",
        "start": "Begin",
        "activities": {"Begin": begin, "Queue": queued, "Music": music},
    }
