"""Phones, passwords and registrations in Kamailio, told over RPC: nothing secret is written to a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from media.edge.lines import RegistrarSaid
from media.edge.model import EdgePhone, EdgeRegistration, EdgeTrunk
from media.edge.rpc import Rpc, RpcFault
from media.errors import EdgeError
from media.messages import Registration

LOOK_S = 5.0
SETTLE_S = 0.1
_ONLINE = 4  # UAC_REG_ONLINE
_CHALLENGES = (401, 407)
_NO_ANSWER = (408, "no answer")

log = structlog.get_logger()


async def tell_phones(rpc: Rpc, phones: Iterable[EdgePhone]) -> None:
    """Who may register. Those told before and not named now may not any more."""
    wanted = {phone.user: phone.ha1 for phone in phones}
    for user in await _known_users(rpc):
        if user not in wanted:
            await rpc.call("htable.delete", "users", user)
            with suppress(RpcFault):  # it was not registered
                await rpc.call("ul.rm", "location", user)
    for user, ha1 in wanted.items():
        await rpc.call("htable.sets", "users", user, ha1)


async def _known_users(rpc: Rpc) -> list[str]:
    try:
        table = await rpc.call("htable.dump", "users")
    except RpcFault:
        return []
    slots = table if isinstance(table, list) else []
    return [item["name"] for slot in slots for item in slot.get("slot", [])]


async def tell_trunks(rpc: Rpc, trunks: Iterable[EdgeTrunk]) -> None:
    """Where each is, passwords for challenges, and the registrations to keep up."""
    for trunk in trunks:
        if trunk.host:
            await rpc.call("htable.sets", "places", trunk.name, trunk.host)
        if trunk.password:
            await rpc.call("htable.sets", "secrets", f"{trunk.name}::user", trunk.user)
            await rpc.call("htable.sets", "secrets", f"{trunk.name}::password", trunk.password)
        if trunk.registration is not None:
            await _register(rpc, trunk, trunk.registration)


async def tell_moved(rpc: Rpc, trunk: EdgeTrunk) -> None:
    """A trunk that has been told before is somewhere else now."""
    if trunk.registration is not None:
        with suppress(RpcFault):  # it was not known: that is what we want
            await rpc.call("uac.reg_remove", trunk.token)
    await tell_trunks(rpc, [trunk])


async def _register(rpc: Rpc, trunk: EdgeTrunk, registration: EdgeRegistration) -> None:
    await rpc.call(
        "uac.reg_add",
        trunk.token,
        trunk.user,
        registration.host,
        trunk.user,
        registration.host,
        "",  # any realm that the registrar names
        trunk.user,
        trunk.password,
        ".",
        f"sip:{registration.address}",
        registration.expires_s,
        0,
        0,
        registration.socket,
        registration.contact_address,
    )


class Registrations:
    """What becomes of the registrations; `report` is told as if a worker kept them up."""

    def __init__(self, trunks: Iterable[EdgeTrunk], report: Callable[[Registration], None]) -> None:
        self._trunks = {
            (trunk.user, trunk.registration.host): trunk for trunk in trunks if trunk.registration is not None
        }
        self._report = report
        self._said: dict[str, int] = {}
        self._wake = asyncio.Event()

    def heard(self, said: RegistrarSaid) -> None:
        """A registrar has answered."""
        user, _, host = said.aor.removeprefix("sip:").rpartition("@")
        trunk = self._trunks.get((user, host))
        if trunk is None:
            return
        before, self._said[trunk.name] = self._said.get(trunk.name), said.code
        if said.code not in _CHALLENGES or before in _CHALLENGES:  # the first is only a question
            self._wake.set()

    async def run(self, rpc: Callable[[], Rpc]) -> None:
        """Report after each answer and every few seconds, for ever."""
        while self._trunks:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
                    await asyncio.sleep(SETTLE_S)  # it says what it was told before it acts on it
            self._wake.clear()
            try:
                records = await rpc().call("uac.reg_dump")
            except EdgeError as exc:
                log.debug("edge.registrations_unknown", error=str(exc))
                continue
            self._look(records if isinstance(records, list) else [records])

    def _look(self, records: Iterable[Any]) -> None:
        by_token = {trunk.token: trunk for trunk in self._trunks.values()}
        for record in records:
            trunk = by_token.get(record.get("l_uuid", "")) if isinstance(record, dict) else None
            if trunk is not None:
                self._report(self._state(trunk, record))

    def _state(self, trunk: EdgeTrunk, record: Mapping[str, Any]) -> Registration:
        said = self._said.get(trunk.name, 0)
        if int(record.get("flags", 0)) & _ONLINE:
            left = max(1, int(record.get("diff_expires", 1)))
            return Registration(trunk=trunk.name, code=200, reason="OK", expires_s=left)
        code, reason = said, "credentials refused" if said in _CHALLENGES else ""
        if said in (0, 200):
            code, reason = _NO_ANSWER
        return Registration(trunk=trunk.name, code=code, reason=reason, expires_s=0)
