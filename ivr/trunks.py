"""Trunks and their registrations, as the workers report them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from ivr.api.models import TrunkView
from ivr.clock import Clock
from ivr.config import Trunk
from ivr.peers import Unresolvable, resolve
from media.messages import Registrar, Registration

log = structlog.get_logger()

RESOLVE_LIMIT_S = 30.0
RESOLVE_RETRY_S = 2.0
REGISTERED, UNREGISTERED = "registered", "not registered"


class TrunkStates:
    """The last word on each trunk. `on_change` is told the trunk's name."""

    def __init__(self, trunks: Mapping[str, Trunk], on_change: Callable[[str], None]) -> None:
        self._trunks = trunks
        self._on_change = on_change
        self._last: dict[str, Registration] = {}
        self.failing = asyncio.Event()
        """Set when a registration has failed; whoever acts on it clears it."""

    def report(self, registration: Registration) -> None:
        """A worker tells what the registrar said."""
        before = self._last.get(registration.trunk)
        self._last[registration.trunk] = registration
        registered = registration.expires_s > 0
        if not registered:
            self.failing.set()
        changed = before is None or (before.expires_s > 0) != registered or before.code != registration.code
        if changed:
            write = log.info if registered else log.warning
            write(
                "trunk.registration", trunk=registration.trunk, code=registration.code, registered=registered
            )
            self._on_change(registration.trunk)

    def view(self, name: str) -> TrunkView:
        """A trunk for the API."""
        trunk, last = self._trunks[name], self._last.get(name)
        if not trunk.register_:
            state = "no registration"
        else:
            state = REGISTERED if last and last.expires_s > 0 else UNREGISTERED
        return TrunkView(
            name=name,
            uri=trunk.uri,
            register=trunk.register_,
            state=state,
            code=last.code if last else 0,
            reason=last.reason if last else "",
        )

    def views(self) -> list[TrunkView]:
        """All trunks."""
        return [self.view(name) for name in self._trunks]


async def resolve_trunks(trunks: Mapping[str, Trunk], clock: Clock) -> dict[str, str]:
    """Each trunk's address, "IP:port". At boot the network may come later than we: tried for a while, then
    Unresolvable is raised, since a node without its trunk would look well and take no calls."""
    limit = clock.monotonic() + RESOLVE_LIMIT_S
    return {name: await _resolved(name, trunk, clock, limit) for name, trunk in trunks.items()}


async def _resolved(name: str, trunk: Trunk, clock: Clock, limit: float) -> str:
    target = trunk.send_to
    while True:
        try:
            return f"{await resolve(target.host)}:{target.port or 5060}"
        except Unresolvable as exc:
            if clock.monotonic() > limit:
                raise Unresolvable(f"trunk {name}: {exc}") from exc
            log.warning("trunk.unresolvable", trunk=name, error=str(exc))
            await asyncio.sleep(RESOLVE_RETRY_S)


def registrars(trunks: Mapping[str, Trunk], addresses: Mapping[str, str]) -> tuple[Registrar, ...]:
    """The registrations to keep up."""
    return tuple(
        Registrar(
            trunk=name,
            uri=trunk.uri,
            address=addresses[name],
            user=trunk.user or "",
            password=trunk.password.get_secret_value() if trunk.password else "",
        )
        for name, trunk in trunks.items()
        if trunk.register_ and name in addresses
    )
