"""What a call needs of the node, as one value. `ivr/app.py` fills it once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.acd.service import AcdService
from ivr.call import Call
from ivr.clock import Clock
from ivr.config.model import Config
from ivr.flow.model import Flow
from ivr.flow.prompts import PromptCatalogue
from ivr.peers import Trunks
from ivr.salesforce.connector import SalesforceConnector
from ivr.store.store import Store
from ivr.telemetry.metrics import Metrics
from media.sound import SoundLibrary
from media.speech.engine import Speaker


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Shared by all calls of a node; each has its own owner."""

    config: Config
    clock: Clock
    acd: AcdService
    store: Store
    speech: Speaker
    sounds: SoundLibrary
    rate: int
    prompts: PromptCatalogue
    flows: Mapping[str, Flow]
    connectors: Mapping[str, SalesforceConnector]
    trunks: Trunks
    metrics: Metrics
    on_call_change: Callable[[Call], None]
    on_screen_pop: Callable[[Call], None]
