"""The callers of a run: each has a number and a name of its own, and an open case in Salesforce. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MOST_CALLERS = 10_000
_GIVEN = ("Alice", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Irene", "Jonas")
_FAMILY = ("Abbott", "Brandt", "Castillo", "Dalton", "Ellis", "Fischer", "Grant", "Holt", "Ibsen", "Jensen")
_MIDDLE = ("Ann", "Beth", "Cole", "Dean", "Eve", "Finn", "Gail", "Hugh", "Ivy", "Jude")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One caller: `number` is E.164, `given` and `family` are what is spoken."""

    number: str
    given: str
    family: str


def callers(count: int) -> tuple[Caller, ...]:
    """So many callers, no number and hardly a name twice: speech is made anew for nearly every call.

    The numbers look like real ones of the area codes 201 to 210, and never leave the loopback."""
    return tuple(
        Caller(
            number=f"+1{201 + index // 1000}21{index % 1000:03d}00",
            given=f"{_GIVEN[index % 10]} {_MIDDLE[index // 100 % 10]}",
            family=_FAMILY[index // 10 % 10],
        )
        for index in range(count)
    )


def org_yaml(known: tuple[Caller, ...]) -> str:
    """The simulator's data: an account, a contact and an open case for each caller."""
    head = "org: {name: Load, client_id: load, client_secret: load, daily_requests: 10000000}\n"
    return head + "users: [Load]\naccounts:\n" + "".join(map(_account, known))


def _account(caller: Caller) -> str:
    name = f"FirstName: {caller.given}, LastName: {caller.family}"
    return (
        f"  - fields: {{Name: {caller.family} {caller.number[-7:]}, CustomerPriority__c: High}}\n"
        "    contacts:\n"
        f'      - fields: {{{name}, Phone: "{caller.number}"}}\n'
        "        cases: [{fields: {Subject: Load, Priority: High, Status: New}}]\n"
    )
