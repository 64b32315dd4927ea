"""The one YAML file: read once, checked in full, frozen."""

from __future__ import annotations

from ivr.config.check import rtp_ports_needed
from ivr.config.errors import ConfigError, Problem
from ivr.config.load import load_config, show
from ivr.config.model import (
    Agent,
    Answer,
    Config,
    EntryPoint,
    Queue,
    SalesforceSettings,
    Sip,
    Team,
    Trunk,
)
from ivr.config.password import hash_password, verify_password
from ivr.config.values import HostPort, PortRange, SipListen

__all__ = [
    "Agent",
    "Answer",
    "Config",
    "ConfigError",
    "EntryPoint",
    "HostPort",
    "PortRange",
    "Problem",
    "Queue",
    "SalesforceSettings",
    "Sip",
    "SipListen",
    "Team",
    "Trunk",
    "hash_password",
    "load_config",
    "rtp_ports_needed",
    "show",
    "verify_password",
]
