"""The look-up of a caller: two round trips, one search for candidates, one composite for the confirmed one.

Records keep phone numbers as they were typed, so a query by the field's text misses most of them; the search
index compares digits. Where the org keeps a normalised field that is asked first, by equality: what it finds
needs no search, what it does not find costs a round trip more. All that is found is confirmed in `match.py`.

Each request is given far longer than a caller waits: what comes late still counts. So many of them may be
under way at once, and no more.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import structlog

from ivr.numbers import E164, search_variants, to_e164
from ivr.salesforce import queries
from ivr.salesforce.cases import best_first, whose
from ivr.salesforce.client import ApiCall, SalesforceClient
from ivr.salesforce.errors import Denied, RequestFault, SalesforceError, ServerFault
from ivr.salesforce.judge import error_of
from ivr.salesforce.match import Row, decide
from ivr.salesforce.model import Account, Contact, Match, MatchResult
from ivr.salesforce.places import Places
from ivr.salesforce.quota import Need
from ivr.salesforce.records import (
    AccountRecord,
    PersonRecord,
    SubReply,
    part_of,
    read_cases,
    read_composite,
    read_rows,
    read_search,
    spoken,
)
from ivr.salesforce.reply import Reply
from ivr.salesforce.settings import SalesforceSettings
from ivr.salesforce.soql import record_id
from ivr.salesforce.wire import Observe

# Fewer digits than a subscriber number would match half the org.
_SHORTEST_SEARCH = 7

log = structlog.get_logger()


class Lookup:
    """Finds callers and reads their cases."""

    def __init__(self, client: SalesforceClient, settings: SalesforceSettings) -> None:
        self._client = client
        self._settings = settings
        self._fields = settings.fields
        self._root = f"/services/data/{settings.api_version}"
        self._places = Places(settings.lookups_at_once, settings.timeouts.read_s)

    async def find(self, number: E164, observe: Observe | None = None) -> Match:
        """Who has this number. Faults are returned as ERROR; only CancelledError is raised."""
        if to_e164(number, self._settings.region) != number:
            return Match(result=MatchResult.NONE, detail="not a whole number")
        terms = [
            text for text in search_variants(number) if len(text) >= _SHORTEST_SEARCH and text.isdecimal()
        ]
        if not terms:
            return Match(result=MatchResult.NONE, detail="the number is too short to search for")
        try:
            match = self._decided(await self._by_normalised(number, observe), number)
            if match.result is MatchResult.NONE:
                match = self._decided(await self._by_search(terms, observe), number)
        except SalesforceError as error:
            return Match(result=MatchResult.ERROR, detail=_said(error))
        return match

    async def open_cases(self, match: Match, observe: Observe | None = None) -> Match:
        """`match` with account, contact and open cases as they are now; unchanged when nobody is confirmed.

        A fault leaves what is known and says so in `detail`, with `cases_known` False."""
        if match.account is None and match.contact is None:
            return match
        if match.account is None and match.contact is not None and match.contact.object != "Contact":
            return dataclasses.replace(match, cases_known=True)  # leads have no cases
        try:
            parts = self._parts_of(match)
            reply = await self._ask(self._composite("open_cases", parts, Need.CASES), observe)
            return self._filled(match, read_composite(reply))
        except SalesforceError as error:
            return dataclasses.replace(match, detail=_said(error))

    async def _ask(self, call: ApiCall, observe: Observe | None) -> Reply:
        async with self._places.place():
            return await self._client.request(call, observe)

    def _decided(self, rows: Sequence[Row], number: E164) -> Match:
        return decide(rows, number, self._settings.region, self._fields)

    async def _by_normalised(self, number: E164, observe: Observe | None) -> Sequence[Row]:
        """What the normalised fields give. A field that the org does not have, or an answer that is no good,
        costs nobody his name: the search comes next, and `ivr check` names the field. When nobody answers at
        all the search would fare no better."""
        if not self._fields.normalised:
            return ()
        parts = [
            self._query_part(object_, queries.by_normalised(object_, number, self._fields))
            for object_ in self._fields.normalised
        ]
        try:
            reply = await self._ask(self._composite("find_exact", parts, Need.LIVE), observe)
            answers = read_composite(reply)
            return [row for object_, part in answers.items() for row in self._rows(object_, part)]
        except (RequestFault, ServerFault, Denied) as error:
            log.warning("salesforce.normalised_refused", connector=self._settings.name, error=error.detail)
            return ()

    def _rows(self, object_: str, part: SubReply) -> Sequence[Row]:
        if part.status == 200:
            return read_rows(part.body, self._fields)
        code = error_of(part.body)[0]
        log.warning(
            "salesforce.normalised_refused", connector=self._settings.name, object=object_, error=code
        )
        return ()

    async def _by_search(self, terms: Sequence[str], observe: Observe | None) -> Sequence[Row]:
        if not self._fields.searched:
            return ()
        call = ApiCall(
            operation="find",
            method="GET",
            path=f"{self._root}/search/",
            query=(("q", queries.phone_search(terms, self._fields)),),
            safe=True,
            timeout_s=self._settings.timeouts.read_s,
        )
        return read_search(await self._ask(call, observe), self._fields)

    def _parts_of(self, match: Match) -> list[Mapping[str, str]]:
        parts: list[Mapping[str, str]] = []
        contact_id = account_id = None
        if match.contact is not None and match.contact.object == "Contact":
            contact_id = record_id(match.contact.id)
            shown = ",".join(("Id", *self._fields.named("Contact"), "AccountId"))
            parts.append(_get("contact", f"{self._root}/sobjects/Contact/{contact_id}?fields={shown}"))
        if match.account is not None:
            # The whole record: naming a custom field that this org lacks would be an error.
            account_id = record_id(match.account.id)
            parts.append(_get("account", f"{self._root}/sobjects/Account/{account_id}"))
        query = queries.open_cases(contact_id, account_id, self._fields)
        return [*parts, self._query_part("cases", query)]

    def _query_part(self, reference: str, query: str) -> Mapping[str, str]:
        return _get(reference, f"{self._root}/query/?q={quote(query, safe='')}")

    def _composite(self, operation: str, parts: Sequence[Mapping[str, str]], need: Need) -> ApiCall:
        return ApiCall(
            operation=operation,
            method="POST",
            path=f"{self._root}/composite/",
            headers={"Content-Type": "application/json"},
            content=json.dumps({"allOrNone": False, "compositeRequest": parts}).encode(),
            safe=True,
            timeout_s=self._settings.timeouts.read_s,
            need=need,
        )

    def _filled(self, match: Match, parts: Mapping[str, SubReply]) -> Match:
        account = self._account(match.account, parts.get("account"))
        contact = self._contact(match.contact, parts.get("contact"))
        filled = dataclasses.replace(match, account=account, contact=contact)
        if account is None and contact is None:
            return dataclasses.replace(filled, result=MatchResult.NONE, detail="the record was deleted")
        cases = parts.get("cases")
        if cases is None or cases.status != 200:
            return dataclasses.replace(filled, detail=_part_said("cases", cases))
        ranked = best_first(read_cases(cases.body, self._fields), whose(match))
        return dataclasses.replace(filled, cases=ranked, cases_known=True)

    def _account(self, known: Account | None, part: SubReply | None) -> Account | None:
        if known is None or part is None or part.status != 200:
            return None if part is not None and part.status == 404 else known
        record = part_of(AccountRecord, part.body)
        return Account(
            id=known.id,
            name=spoken(record.name) or known.name,
            priority=record.text(self._settings.priority_field),
            sla=record.text(self._settings.sla_field),
        )

    def _contact(self, known: Contact | None, part: SubReply | None) -> Contact | None:
        if known is None or part is None or part.status != 200:
            return None if part is not None and part.status == 404 else known
        record = part_of(PersonRecord, part.body)
        return dataclasses.replace(
            known,
            name=spoken(record.name) or known.name,
            greeting=spoken(record.text(self._fields.greeting.get("Contact", ""))) or known.greeting,
            account_id=record.account_id or known.account_id,
        )


def _get(reference: str, url: str) -> Mapping[str, str]:
    return {"method": "GET", "url": url, "referenceId": reference}


def _said(error: SalesforceError) -> str:
    return f"{error.outcome}: {error.detail}"


def _part_said(name: str, part: SubReply | None) -> str:
    if part is None:
        return f"garbage: the composite answer has no part {name}"
    return f"{name}: HTTP {part.status} {error_of(part.body)[0]}".rstrip()
