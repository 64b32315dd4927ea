"""The configuration as frozen models: every key, its type and its default.

Keys are those of the file; durations are seconds and end in `_s`. What one key alone can get wrong is checked
here, what two keys can get wrong together in `check.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    model_serializer,
    model_validator,
)

from ivr.acd.score import ScoreTable
from ivr.config.errors import KeyPath
from ivr.config.password import is_password_hash
from ivr.config.values import (
    Address,
    FileName,
    FilePath,
    Flag,
    HostPort,
    Ipv4,
    Language,
    Line,
    Listen,
    Name,
    Net,
    PortRange,
    Ports,
    Region,
    Seconds,
    SipListen,
    SipUriText,
    Whole,
    parse_network,
    sip_destination,
)
from ivr.numbers import dialled_key
from ivr.salesforce.fields import DEFAULT_PHONES, SEARCHED
from media.edge.model import FULL_REASONS
from media.sip import Destination, DnisRule

_WEB_URL = re.compile(r"https://[A-Za-z0-9.-]+(:\d+)?/?\Z|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/?\Z")


class Section(BaseModel):
    """Frozen; unknown keys are errors; an error never repeats what was written."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        revalidate_instances="always",  # so that relative paths among the defaults find the file's folder
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )


def _web_url(text: str) -> str:
    if not _WEB_URL.match(text):
        raise ValueError("https://HOST without a path (http only on the loopback)")
    return text.rstrip("/")


def _filled(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        raise ValueError("a secret that is not empty")
    return secret


def _password_hash(secret: SecretStr) -> SecretStr:
    if not is_password_hash(secret.get_secret_value()):
        raise ValueError("a hash scrypt$N$r$p$SALT$HASH, salt and hash in base64")
    return secret


def _searched(object_: str) -> str:
    if object_ not in SEARCHED:
        raise ValueError(f"one of {', '.join(SEARCHED)}")
    return object_


def _full_code(code: int) -> int:
    if code not in FULL_REASONS:
        raise ValueError(f"one of {', '.join(map(str, FULL_REASONS))}")
    return code


def _share(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number above 0, at most 1")  # noqa: TRY004 - pydantic collects ValueError
    return value


WebUrl = Annotated[str, AfterValidator(_web_url)]
Secret = Annotated[SecretStr, AfterValidator(_filled)]
PasswordHash = Annotated[SecretStr, AfterValidator(_password_hash)]
ApiName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]
Searched = Annotated[str, AfterValidator(_searched)]
Email = Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[A-Za-z0-9.-]{1,189}$")]
Share = Annotated[float, BeforeValidator(_share), Field(gt=0, le=1)]
Step = Annotated[Whole, Field(ge=-8, le=8)]


class Node(Section):
    """This node, and where it keeps what it must not lose. `drain_s`: how long calls may go on at SIGTERM."""

    name: Name = "ivr-1"
    data_dir: FilePath = Path("var")
    log_format: Literal["console", "json"] = "console"
    drain_s: Seconds = Field(default=60, ge=0, le=86_400)


class Sip(Section):
    """SIP and RTP of the node. `capacity` counts customers at once.

    `recycle_after`: behind an edge, a worker that has had so many calls is replaced when empty; 0 never."""

    edge: Literal["none", "kamailio"] = "none"
    listen: Annotated[tuple[Listen, ...], Field(min_length=1)] = (
        SipListen(transport="udp", host="127.0.0.1", port=5060),
    )
    public_address: Ipv4 | None = None
    local_networks: tuple[Net, ...] = (
        parse_network("10.0.0.0/8"),
        parse_network("172.16.0.0/12"),
        parse_network("192.168.0.0/16"),
    )
    accept_from: Literal["private", "any"] = "private"
    rtp_ports: Ports = PortRange(first=10000, last=19999)
    capacity: Whole = Field(default=2, ge=1, le=10_000)
    legs_per_customer: Whole = Field(default=2, ge=2, le=4)
    agent_caller_id: Literal["from", "p-asserted-identity"] = "from"
    retry_after_s: Whole = Field(default=10, ge=0, le=3600)
    recycle_after: Whole = Field(default=1000, ge=0, le=1_000_000)
    user_agent: Line = "salesforce-ivr"
    wideband: Flag = False


class Trunk(Section):
    """A carrier or PBX. `trusted` says whether its asserted identities are believed.

    `address` is where to send instead of the host of `uri`; `sources` are further addresses that it calls
    from; `full_code` is what its calls are refused with when the node is full."""

    uri: SipUriText
    user: Line | None = None
    password: Secret | None = None
    register_: Flag = Field(default=False, alias="register")
    trusted: Flag = False
    dnis_from: DnisRule = "request_uri"
    address: Address | None = None
    sources: tuple[Net, ...] = ()
    full_code: Annotated[Whole, AfterValidator(_full_code)] = 503

    @property
    def destination(self) -> Destination:
        """Host, port and transport of `uri`."""
        return sip_destination(self.uri)

    @property
    def send_to(self) -> HostPort:
        """Where requests go: `address`, else the host and port of `uri`. May hold a name to resolve."""
        target = self.destination
        return self.address or HostPort(host=target.host, port=target.port)


class Answer(Section):
    """When a call is answered: at once, or after the look-ups, `at_most_s` later at the latest.

    The file says `at_once` or `{after: lookups, at_most_s: 1.5}`."""

    after: Literal["lookups"] | None = None
    at_most_s: Seconds = Field(default=1.5, gt=0, le=30)

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        if value == "at_once":
            return {}
        if isinstance(value, str):
            raise ValueError("at_once or {after: lookups, at_most_s: 1.5}")  # noqa: TRY004 - pydantic collects ValueError
        return value

    @model_serializer
    def _to_word(self) -> str | dict[str, str | float]:
        return {"after": self.after, "at_most_s": self.at_most_s} if self.after else "at_once"


class EntryPoint(Section):
    """Numbers that callers dial, and the flow that treats them (`flows_dir`/FLOW.yaml)."""

    numbers: Annotated[tuple[Line, ...], Field(min_length=1)]
    flow: FileName
    outdial_ani: Line | None = None
    answer: Answer = Answer()


class Queue(Section):
    """A queue and who serves it."""

    teams: Annotated[tuple[str, ...], Field(min_length=1)]
    music: FileName = "defaultmusic_on_hold.wav"
    ring_s: Seconds = Field(default=20, ge=1, le=300)
    wrap_up_s: Seconds = Field(default=60, ge=0, le=3600)


class Team(Section):
    """Agents by their keys."""

    agents: tuple[str, ...]


class SignIn(Section):
    """How an agent signs in to the desktop."""

    password_hash: PasswordHash


PHONES_HOST = "phones.invalid"
"""The host of endpoints that are wherever their phone has registered from (RFC 2606: nobody's name)."""


class Phone(Section):
    """What an agent's softphone registers with at the edge."""

    user: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    password: Secret


class Agent(Section):
    """An agent: the name on screens, the SIP endpoint to ring, skills from 1 (some) to 10 (expert). By
    `email` flows may name him as well.

    With `phone` the endpoint may be left out: it is the phone, wherever it has registered from."""

    name: Line
    email: Email | None = None
    endpoint: SipUriText
    skills: dict[Name, Annotated[Whole, Field(ge=1, le=10)]] = {}
    sign_in: SignIn
    phone: Phone | None = None

    @model_validator(mode="before")
    @classmethod
    def _at_its_phone(cls, value: Any) -> Any:
        phone = value.get("phone") if isinstance(value, dict) else None
        if not isinstance(phone, dict) or value.get("endpoint") is not None:
            return value
        return value | {"endpoint": f"sip:{phone.get('user')}@{PHONES_HOST}"}

    @property
    def destination(self) -> Destination:
        """Host, port and transport of `endpoint`."""
        return sip_destination(self.endpoint)


class CallerSearch(Section):
    """Where callers are looked for. `phones`: phone fields of Contact, Account and Lead, the best first;
    `normalised`: fields that hold +14155550123, asked first; `greeting`: fields spoken instead of Name."""

    phones: dict[Searched, tuple[ApiName, ...]] = dict(DEFAULT_PHONES)
    normalised: dict[Searched, ApiName] = {}
    greeting: dict[Searched, ApiName] = {}


class Priorities(Section):
    """The fields that make a caller urgent, and by how much: from `default`, 1 (first) to 9, each value of a
    field moves by its number; less than zero means sooner."""

    case_field: ApiName = "Priority"
    customer_field: ApiName = "CustomerPriority__c"
    sla_field: ApiName = "SLA__c"
    default: Whole = Field(default=5, ge=1, le=9)
    case: dict[Line, Step] = dict(ScoreTable().case)
    customer: dict[Line, Step] = dict(ScoreTable().customer)
    sla: dict[Line, Step] = dict(ScoreTable().sla)


class Quota(Section):
    """The share of the day's API requests up to which Tasks and comments are written (later ones wait) and
    cases are read; callers are looked up to the last request."""

    tasks: Share = 0.85
    comments: Share = 0.9
    cases: Share = 0.97


class WriteBack(Section):
    """What is written to Salesforce after a call: a comment on the case, a Task, both; also for calls that
    were abandoned. A call without a case becomes a Task on what `no_case` says, where the caller is known.

    `task_external_id`: a field of Task, unique, by which Tasks are upserted instead of looked for."""

    case_comment: Flag = True
    call_task: Flag = False
    no_case: Literal["contact", "account", "nothing"] = "contact"
    abandoned: Flag = True
    task_subject: Line = "Inbound call"
    task_status: Line = "Completed"
    task_external_id: ApiName | None = None


class SalesforceSettings(Section):
    """A Salesforce org. `deadline_s` covers the whole chain of look-ups of one caller.

    `record_url` is the base of Lightning pages, derived from `login_url` when null; `region` completes
    national numbers in records, the file's `region` when null. `audience` is who checks a JWT:
    https://login.salesforce.com, or https://test.salesforce.com for a sandbox."""

    type: Literal["salesforce"]
    login_url: WebUrl
    grant: Literal["client_credentials", "jwt_bearer", "refresh_token", "password"] = "client_credentials"
    client_id: Line
    client_secret: Secret | None = None
    username: Line | None = None
    private_key: Secret | None = None
    audience: WebUrl = "https://login.salesforce.com"
    refresh_token: Secret | None = None
    password: Secret | None = None
    security_token: Secret | None = None
    allow_password_grant: Flag = False
    api_version: str = Field(default="v62.0", pattern=r"^v[1-9][0-9]{1,2}\.0$")
    deadline_s: Seconds = Field(default=2.5, gt=0, le=30)
    record_url: WebUrl | None = None
    region: Region | None = None
    search: CallerSearch = CallerSearch()
    priorities: Priorities = Priorities()
    quota: Quota = Quota()
    write_back: WriteBack = WriteBack()


class Tts(Section):
    """The speech engine."""

    engine: Literal["pyttsx3"] = "pyttsx3"


class Store(Section):
    """The database; null is SQLite in `node.data_dir`. The URL may hold a password."""

    url: Secret | None = None


class Http(Section):
    """The API's listener."""

    listen: Address = HostPort(host="127.0.0.1", port=8080)


class Desktop(Section):
    """The pages' listener."""

    listen: Address = HostPort(host="127.0.0.1", port=8081)


class Config(Section):
    """The whole configuration."""

    node: Node = Node()
    sip: Sip = Sip()
    trunks: dict[Name, Trunk] = {}
    entry_points: dict[Name, EntryPoint] = {}
    queues: dict[Name, Queue] = {}
    teams: dict[Name, Team] = {}
    agents: dict[Name, Agent] = {}
    connectors: dict[Name, SalesforceSettings] = {}
    region: Region = "US"
    language: Language = "en-US"
    tts: Tts = Tts()
    store: Store = Store()
    http: Http = Http()
    desktop: Desktop = Desktop()
    flows_dir: FilePath = Path("flows")
    prompts_dir: FilePath = Path("prompts")
    sounds_dir: FilePath | None = None

    # Texts that hold something from the environment or a file, as `show` may print them.
    _masked: dict[KeyPath, str] = PrivateAttr(default_factory=dict)

    @property
    def masked_texts(self) -> dict[KeyPath, str]:
        """For the loader, and for `show`."""
        return self._masked

    def flow_path(self, flow: str) -> Path:
        """The file of a flow."""
        return self.flows_dir / f"{flow}.yaml"

    def entry_point(self, dialled: str) -> str | None:
        """The entry point that answers for what was dialled; numbers compare as E.164, words without case."""
        wanted = dialled_key(dialled, self.region)
        for name, entry_point in self.entry_points.items():
            if any(dialled_key(number, self.region) == wanted for number in entry_point.numbers):
                return name
        return None

    def connector_region(self, connector: str) -> str:
        """The region that completes national numbers of a connector's records."""
        return self.connectors[connector].region or self.region
