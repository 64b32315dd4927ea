"""The call card as values: what is shown of the call in hand. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.api.models import AgentCall, CallStage, CaseView, MatchView, PopOutcome, RecordView, VariableView
from ivr.desktop import words
from ivr.desktop.pops import web_address
from ivr.desktop.words import Tone

CHOOSING_STAGES = frozenset({CallStage.CONNECTED, CallStage.ON_HOLD, CallStage.WRAP_UP})
OFFER_STAGES = frozenset({CallStage.RINGING, CallStage.TREATMENT, CallStage.QUEUED, CallStage.OFFERED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A word in a colour."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A record's name; `url` is None where the address is no web address."""

    kind: str
    text: str
    detail: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """One who may be the caller. `account` is the account's name, where it is not the record's own."""

    object: str
    id: str
    name: str
    account: str
    why: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser:
    """Who may be calling; `enabled` once there is somebody to ask, `settled` once he has answered."""

    title: str
    settled: bool
    candidates: tuple[CandidateRow, ...]
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """One open case."""

    number: str
    subject: str
    priority: Labelled
    status: str
    owner: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTable:
    """The open cases, under a title that says what is known of them."""

    title: str
    cases: tuple[CaseRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PopPanel:
    """The account page that should open, or has. `auto`: a tab should open it now, without being asked."""

    call_id: str
    pop_id: str
    url: str | None
    label: str
    text: str
    auto: bool
    urgent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCard:
    """The call in hand but for its clock, so that a tick changes nothing here."""

    call_id: str
    stage: Labelled
    hint: str
    title: str
    number: str
    network_name: str
    match: Labelled | None
    records: tuple[LinkRow, ...]
    chooser: Chooser | None
    cases: CaseTable | None
    priority: str
    reasons: tuple[str, ...]
    waited: str
    queue: str
    variables: tuple[VariableView, ...]
    ringing: bool


def build_card(call: AgentCall) -> CallCard:
    """The card of a call."""
    ringing = call.stage in OFFER_STAGES
    sentence = words.match_words(call.match)
    return CallCard(
        call_id=call.call_id,
        stage=Labelled(text=words.stage_words(call.stage), tone=words.stage_tone(call.stage)),
        hint="Answer on your phone" if ringing else "",
        title=_title(call),
        number=call.number,
        network_name=_network_name(call),
        match=Labelled(text=sentence, tone=words.match_tone(call.match)) if sentence else None,
        records=_records(call.match),
        chooser=_chooser(call),
        cases=_cases(call.match),
        priority=f"Priority {call.priority}",
        reasons=call.priority_reasons,
        waited=words.span(call.waited_s),
        # A queue is often named as its entry point is; once is enough.
        queue=" · ".join(dict.fromkeys(part for part in (call.queue, call.entry_point) if part)),
        variables=call.variables,
        ringing=ringing,
    )


def build_pop(call: AgentCall, outcome: PopOutcome) -> PopPanel | None:
    """The screen pop of a call; `outcome` is what is known of it, here or at the node."""
    pop = call.screen_pop
    if pop is None:
        return None
    url = web_address(pop.url)
    text = _pop_words(outcome) if url else "The account page has no web address and was not opened."
    return PopPanel(
        call_id=call.call_id,
        pop_id=pop.id,
        url=url,
        label=f"Open {pop.label}" if pop.label else "Open account page",
        text=text,
        auto=outcome is PopOutcome.PENDING,
        urgent=outcome in (PopOutcome.BLOCKED, PopOutcome.FAILED) or url is None,
    )


def _pop_words(outcome: PopOutcome) -> str:
    match outcome:
        case PopOutcome.PENDING:
            return "Opening the account page…"
        case PopOutcome.OPENED:
            return "The account page is open in another tab."
        case PopOutcome.BLOCKED:
            return "Your browser blocked the account page. Open it here, and allow pop-ups for this site."
        case PopOutcome.FAILED:
            return "The account page could not be opened by itself. Open it here."


def _title(call: AgentCall) -> str:
    if call.match.contact is not None:
        return call.match.contact.name
    if call.match.account is not None:
        return call.match.account.name
    if call.match.result == "many":
        return "One of several callers"
    if call.match.result == "withheld":
        return "Number withheld"
    return "Unknown caller"


def _network_name(call: AgentCall) -> str:
    """The name the network gives. It proves nothing, so it never stands where a record's name would."""
    known = call.match.contact is not None or not call.caller_name
    return "" if known else f"shows as “{call.caller_name}”"


def _records(found: MatchView) -> tuple[LinkRow, ...]:
    return tuple(_record(item) for item in (found.account, found.contact) if item is not None)


def _chooser(call: AgentCall) -> Chooser | None:
    """The candidates but the one that was chosen, unless his cases are still to be read."""
    found = call.match
    chosen = found.contact or found.account if found.result == "one" else None
    settled = chosen.id if chosen is not None and found.cases_known else None
    rows = tuple(_candidate(item) for item in found.candidates if item.id != settled)
    if not rows:
        return None
    title = "Who is calling?" if chosen is None else "Is it somebody else after all?"
    return Chooser(
        title=title,
        settled=chosen is not None,
        candidates=rows,
        enabled=call.stage in CHOOSING_STAGES,
    )


def _candidate(item: RecordView) -> CandidateRow:
    return CandidateRow(
        object=item.object,
        id=item.id,
        name=item.name,
        account="" if item.object == "Account" else item.account,
        why=item.reason,
        url=web_address(item.url),
    )


def _cases(found: MatchView) -> CaseTable | None:
    if found.result != "one" and not found.cases:
        return None
    return CaseTable(title=words.cases_words(found), cases=tuple(_case(item) for item in found.cases))


def _record(item: RecordView) -> LinkRow:
    return LinkRow(kind=item.object, text=item.name or item.id, detail=item.reason, url=web_address(item.url))


def _case(item: CaseView) -> CaseRow:
    return CaseRow(
        number=item.number,
        subject=item.subject if item.own else f"{item.subject} (a colleague’s)",
        priority=Labelled(text=item.priority or "–", tone=words.priority_tone(item.priority)),
        status=item.status or "–",
        owner=item.owner or "–",
        url=web_address(item.url),
    )
