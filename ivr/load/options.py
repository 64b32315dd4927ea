"""What a load run is asked for, and whether and when it can be measured. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ivr.load.callers import MOST_CALLERS
from ivr.load.errors import LoadImpossible
from ivr.load.node import MOST_CUSTOMERS

MOST_HOLD_S = 3600.0
MOST_RATE = 90.0
"""The edge takes 100 calls a second from a trunk."""
MOST_PACKETS = 30_000_000
MOST_AGENTS = 100
MOST_DELAY_S = 60.0
PACKETS_PER_S = 50
SETTLE_SHARE, SETTLE_MOST_S = 1 / 3, 15.0
"""Callers are greeted first: the steady phase begins when most of them hear the music."""
EDGE_S = 0.3
LEAST_STEADY_S = 0.5
_USER = re.compile(r"[A-Za-z0-9+._-]{1,64}")
_TARGET = re.compile(r"\d{1,3}(\.\d{1,3}){3}:\d{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """`target` None: a node is started for the run. `rtp`: callers speak too. Times in seconds.

    `salesforce_delay_s`: what each request to the simulated Salesforce takes longer."""

    calls: int
    rate: float
    hold_s: float
    rtp: bool
    target: str | None
    user: str
    agents: int
    talk_s: float
    out: Path
    json: bool = False
    salesforce_delay_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """A run's times in seconds after the first INVITE. `at_once`: callers in the steady phase."""

    ramp_s: float
    steady_from_s: float
    steady_until_s: float
    over_s: float
    at_once: int


def phases(calls: int, rate: float, hold_s: float) -> Phases:
    """When the load is steady: from the last INVITE to the first BYE; or, when calls end before the last one
    has begun, from the first BYE to the last INVITE. Raises LoadImpossible when there is no such time."""
    ramp_s = (calls - 1) / rate
    first, last = sorted((ramp_s, hold_s))
    settle_s = min(SETTLE_MOST_S, (last - first) * SETTLE_SHARE)
    found = Phases(
        ramp_s=ramp_s,
        steady_from_s=first + settle_s,
        steady_until_s=last - EDGE_S,
        over_s=ramp_s + hold_s,
        at_once=min(calls, int(rate * hold_s) + 1),
    )
    if found.steady_until_s - found.steady_from_s < LEAST_STEADY_S:
        raise LoadImpossible(
            f"{calls} calls at {rate:g} a second take {ramp_s:.1f} s to begin, and each holds {hold_s:g} s:"
            " the load is never steady. Make --hold longer or shorter."
        )
    return found


def check(options: LoadOptions) -> Phases:
    """The phases of a run that can be made. Raises LoadImpossible with what to change."""
    limits = (
        (1 <= options.calls <= MOST_CALLERS, f"--calls is 1 to {MOST_CALLERS}"),
        (0 < options.rate <= MOST_RATE, f"--rate is above 0, at most {MOST_RATE:g} a second"),
        (0 < options.hold_s <= MOST_HOLD_S, f"--hold is above 0, at most {MOST_HOLD_S:g} s"),
        (0 <= options.agents <= MOST_AGENTS, f"--agents is 0 to {MOST_AGENTS}"),
        (0 < options.talk_s <= MOST_HOLD_S, f"--talk is above 0, at most {MOST_HOLD_S:g} s"),
        (bool(_USER.fullmatch(options.user)), "--user is letters, digits and +._-"),
        (
            options.target is None or bool(_TARGET.fullmatch(options.target)),
            "--target is an IPv4 address and a port, such as 192.0.2.1:5060",
        ),
        (
            0 <= options.salesforce_delay_s <= MOST_DELAY_S,
            f"--salesforce-delay is 0 to {MOST_DELAY_S:g} s",
        ),
        (
            not (options.target and options.salesforce_delay_s),
            "--salesforce-delay needs a node of our own: leave out --target",
        ),
        (
            not (options.target and options.agents),
            "--agents needs a node of our own: leave out --target, or --agents",
        ),
        (
            options.calls * options.hold_s * PACKETS_PER_S <= MOST_PACKETS,
            f"at most {MOST_PACKETS // 1_000_000} million packets are kept: make --calls or --hold smaller",
        ),
    )
    for fits, sentence in limits:
        if not fits:
            raise LoadImpossible(sentence)
    found = phases(options.calls, options.rate, options.hold_s)
    if options.target is None and found.at_once > MOST_CUSTOMERS:
        raise LoadImpossible(f"{found.at_once} callers at once: at most {MOST_CUSTOMERS} on one machine")
    return found
