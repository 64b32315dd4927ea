"""The configuration file: what it may say, and how it is told what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr.config import (
    Config,
    ConfigError,
    HostPort,
    PortRange,
    SipListen,
    hash_password,
    load_config,
    rtp_ports_needed,
    show,
    verify_password,
)
from ivr.config.password import is_password_hash

SHIPPED = Path(__file__).resolve().parent.parent / "config/ivr.yaml"
HASH = "scrypt$16384$8$1$c2FsdHNhbHRzYWx0c2FsdA==$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
ENV = {
    "TRUNK_PASSWORD": "trunk-secret",
    "ALICE_HASH": HASH,
    "BOB_HASH": HASH,
    "SF_ID": "consumer-key",
    "SF_SECRET": "consumer-secret",
}


def write(folder: Path, text: str) -> Path:
    """A configuration with the flow that the shipped one names."""
    (folder / "flows").mkdir(exist_ok=True)
    (folder / "flows/salesforce_ani_lookup.yaml").write_text("{}")
    path = folder / "ivr.yaml"
    path.write_text(text)
    return path


def load(folder: Path, text: str, env: Mapping[str, str] = ENV) -> Config:
    return load_config(write(folder, text), env=env)


def problems(folder: Path, text: str, env: Mapping[str, str] = ENV) -> dict[str, str]:
    """Key -> "LINE: found X, expected Y" of all problems."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text, env)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return {
        problem.key: f"{problem.line}: found {problem.found}, expected {problem.expected}"
        for problem in caught.value.problems
    }


def refusal(folder: Path, text: str) -> ConfigError | None:
    """Why the text is refused, or None when it loads."""
    try:
        load(folder, text, {})
    except ConfigError as error:
        return error
    return None


def test_shipped_file(tmp_path: Path) -> None:
    config = load(tmp_path, SHIPPED.read_text())
    assert config.trunks["carrier"].register_
    assert config.trunks["carrier"].trusted
    password = config.trunks["carrier"].password
    assert password is not None
    assert password.get_secret_value() == "trunk-secret"
    assert config.trunks["carrier"].send_to == HostPort(host="sip.carrier.example", port=5060)
    assert config.agents["alice"].skills == {"billing": 5}
    assert config.agents["alice"].destination.host == "192.0.2.10"
    assert config.connectors["Salesforce"].client_id == "consumer-key"
    assert config.connector_region("Salesforce") == "US"
    assert config.flow_path("salesforce_ani_lookup").is_file()


def test_shipped_file_repeats_the_defaults(tmp_path: Path) -> None:
    shipped, bare = load(tmp_path, SHIPPED.read_text()), load(tmp_path, "")
    for key in (
        "node",
        "sip",
        "region",
        "language",
        "tts",
        "store",
        "http",
        "desktop",
        "flows_dir",
        "sounds_dir",
    ):
        assert getattr(shipped, key) == getattr(bare, key)


def test_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, "")
    assert config.sip.listen == (SipListen(transport="udp", host="127.0.0.1", port=5060),)
    assert config.sip.rtp_ports == PortRange(first=10000, last=19999)
    assert (config.sip.capacity, config.sip.legs_per_customer, config.sip.retry_after_s) == (2, 2, 10)
    assert [str(network) for network in config.sip.local_networks] == [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ]
    assert (config.http.listen.port, config.desktop.listen.port) == (8080, 8081)
    assert config.store.url is None
    assert not config.trunks
    assert not config.entry_points
    assert not config.connectors


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, "{node: {data_dir: state}, sounds_dir: /srv/sounds}")
    assert config.node.data_dir == tmp_path / "state"
    assert config.flows_dir == tmp_path / "flows"
    assert config.prompts_dir == tmp_path / "prompts"
    assert config.sounds_dir == Path("/srv/sounds")


def test_relative_path_of_the_file_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("ivr.yaml"), env={}).node.data_dir == tmp_path / "var"


def test_frozen(tmp_path: Path) -> None:
    config = load(tmp_path, "")
    with pytest.raises(ValidationError):
        config.node.name = "other"


def test_yaml_1_2_words_stay_text(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        f"agents: {{no: {{name: on, endpoint: 'sip:1@192.0.2.1', sign_in: {{password_hash: '{HASH}'}}}}}}\n"
        "teams: {off: {agents: [no]}}",
    )
    assert config.agents["no"].name == "on"
    assert problems(tmp_path, "sip: {wideband: no}") == {
        "sip.wideband": "1: found 'no', expected true or false"
    }


def test_message_names_file_line_key_found_and_expected(tmp_path: Path) -> None:
    path = write(tmp_path, "node:\n  name: x\nsip:\n  capacity: many\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, env={})
    error = caught.value
    assert str(error) == f"{path}:4: sip.capacity: found 'many', expected a whole number"
    assert (error.path, error.line, error.key) == (path, 4, "sip.capacity")
    assert (error.found, error.expected) == ("'many'", "a whole number")


def test_all_mistakes_are_told_at_once_in_order(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """\
sip:
  capacty: 2
  listen: ["tls:127.0.0.1:5060"]
  sip: 1
trunks:
  carrier: {uri: "tel:+1"}
  carrier: {}
agents: {1001: {}}
connectors: {S: {type: hubspot, grant: soap, client_id: "", client_secret: "${NOPE}", login_url: "http://x"}}
region: kr
region: KR
""",
    )
    assert found == {
        "sip.capacty": "2: found an unknown key, expected capacity (nearest)",
        "sip.listen.0": "3: found 'tls:127.0.0.1:5060', expected udp:HOST:PORT with an IPv4 address, "
        "for example udp:127.0.0.1:5060",
        "sip.sip": found["sip.sip"],
        "trunks.carrier.uri": "6: found 'tel:+1', expected a SIP URI over UDP, "
        "for example sip:1001@192.0.2.10:5060",
        "trunks.carrier": "7: found the key again, expected it once (line 6)",
        "agents": "8: found the key 1001, expected a key that is text (in quotes)",
        "connectors.S.type": "9: found 'hubspot', expected 'salesforce'",
        "connectors.S.grant": "9: found 'soap', expected 'client_credentials', 'jwt_bearer', "
        "'refresh_token' or 'password'",
        "connectors.S.client_id": "9: found '', expected one line of text",
        "connectors.S.client_secret": "9: found ${NOPE}, expected NOPE to be set in the environment",
        "connectors.S.login_url": "9: found 'http://x', expected https://HOST without a path "
        "(http only on the loopback)",
        "region": found["region"],
    }
    assert "one of accept_from, agent_caller_id, capacity," in found["sip.sip"]
    lines = [int(text.partition(":")[0]) for text in found.values()]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("region: kr", "region", "1: found 'kr', expected a region in capitals, for example US or KR"),
        ("language: english", "language", "1: found 'english', expected a language, for example en-US"),
        ("sip: {edge: kamailio, user_agent: 'a \"b\"'}", "sip.user_agent",
         "1: found 'a \"b\"', expected letters, digits and ._~%:/+- with sip.edge"),
        ("sip: {edge: asterisk}", "sip.edge", "1: found 'asterisk', expected 'none' or 'kamailio'"),
        ("sip: {capacity: true}", "sip.capacity", "1: found true, expected a number"),
        ("sip: {capacity: 2.5}", "sip.capacity", "1: found 2.5, expected a whole number"),
        ("sip: {capacity: 0}", "sip.capacity", "1: found 0, expected at least 1"),
        ("sip: {legs_per_customer: 5}", "sip.legs_per_customer", "1: found 5, expected at most 4"),
        ("sip: {listen: []}", "sip.listen", "1: found an empty list, expected at least 1 of them"),
        ("sip: {listen: 'udp:0.0.0.0:5060'}", "sip.listen", "1: found 'udp:0.0.0.0:5060', expected a list"),
        ("sip: {listen: ['tcp:127.0.0.1:5060']}", "sip.listen.0",
         "1: found 'tcp:127.0.0.1:5060', expected udp: with sip.edge none there is no TCP"),
        ("sip: {edge: kamailio, listen: ['udp:127.0.0.1:5062', 'tcp:127.0.0.1:5060']}", "sip.listen.1",
         "1: found 'tcp:127.0.0.1:5060', expected udp:127.0.0.1:5060 before it"),
        ("sip:\n  listen:\n  - udp:127.0.0.1:5060\n  - udp:127.0.0.1:5062", "sip.listen",
         "2: found 2 addresses, expected one, with sip.edge none"),
        ("sip: {rtp_ports: 80-90}", "sip.rtp_ports",
         "1: found '80-90', expected FIRST-LAST with ports from 1024 to 65535, for example 10000-19999"),
        ("sip: {rtp_ports: 10000-10014}", "sip.rtp_ports",
         "1: found 10000-10014 (15 ports), expected at least 16 ports: capacity 2 x 2 legs a customer x "
         "2 ports a leg (RTP, RTCP) x 2 (a released port rests)"),
        ("sip: {local_networks: [10.0.0.1/8]}", "sip.local_networks.0",
         "1: found '10.0.0.1/8', expected an IP address or a network such as 10.0.0.0/8"),
        ("sip: {public_address: sip.example.net}", "sip.public_address",
         "1: found 'sip.example.net', expected an IPv4 address"),
        ('sip: {user_agent: "a\\r\\nX: y"}', "sip.user_agent",
         "1: found 'a\\r\\nX: y', expected one line of text"),
        ("trunks: {a: {}}", "trunks.a.uri", "1: found nothing, expected a value"),
        ("trunks: {a: {uri: 'sip:h', register: true}}", "trunks.a.register",
         "1: found true, expected user and password beside it"),
        ("trunks: {a: {uri: 'sip:h', full_code: 404}}", "trunks.a.full_code",
         "1: found 404, expected one of 480, 486, 500, 502, 503, 600, 603"),
        ("trunks: {a: {uri: 'sip:h', full_code: 486}}", "trunks.a.full_code",
         "1: found 486, expected 503 with sip.edge none"),
        ("trunks: {a: {uri: 'sip:h;transport=tls'}}", "trunks.a.uri",
         "1: found 'sip:h;transport=tls', expected a SIP URI over UDP, for example sip:1001@192.0.2.10:5060"),
        ("trunks: {a: {uri: 'sip:h', address: h}}", "trunks.a.address",
         "1: found 'h', expected HOST:PORT, for example 127.0.0.1:8080"),
        ("trunks: {a: {uri: 'sip:h', password: 5}}", "trunks.a.password",
         "1: found something else (not shown), expected text (numbers in quotes)"),
        ("queues: {a/b: {teams: [t]}}", "queues.a/b",
         "1: found the name 'a/b', expected a name of 1 to 64 printable characters without / \\ or \""),
        ("queues: {Q: {teams: [T1]}}\nteams: {T: {agents: []}}", "queues.Q.teams.0",
         "1: found 'T1', expected one of the teams (T)"),
        ("queues: {Q: {teams: [T], music: ../x.wav}}\nteams: {T: {agents: []}}", "queues.Q.music",
         "1: found '../x.wav', expected a file name without folders"),
        ("teams:\n  T:\n    agents:\n    - eve", "teams.T.agents.0",
         "4: found 'eve', expected one of the agents (none is defined)"),
        ("teams: {T: {agents: [1001]}}", "teams.T.agents.0",
         "1: found 1001, expected text (numbers in quotes)"),
        ("desktop: {listen: '127.0.0.1:8080'}", "desktop.listen",
         "1: found '127.0.0.1:8080', expected another address than http.listen"),
        ("tts: {engine: piper}", "tts.engine", "1: found 'piper', expected 'pyttsx3'"),
        ("entry_points: {S: {numbers: [+14155550100], flow: salesforce_ani_lookup}}",
         "entry_points.S.numbers.0",
         "1: found 14155550100, expected text (numbers in quotes)"),
        ("entry_points: {S: {numbers: ['1'], flow: salesforce_ani_lookup, answer: later}}",
         "entry_points.S.answer", "1: found 'later', expected at_once or {after: lookups, at_most_s: 1.5}"),
        ("entry_points: {S: {numbers: ['1'], flow: salesforce_ani_lookup, answer: {at_most_s: .nan}}}",
         "entry_points.S.answer.at_most_s", "1: found nan, expected a number"),
        ("- a", "", "1: found a list, expected keys with values"),
        ("node: [a, b", "",
         "1: found a mistake (expected ',' or ']', but got '<stream end>'), expected YAML"),
        ("a: 1\n---\nb: 2", "", "2: found a mistake (but found another document), expected YAML"),
        ("node: &n {name: *n}", "", ""),
        ("node: !!python/object:os.system {}", "node",
         "1: found the tag python/object:os.system, expected a value without a tag"),
        ("region: !env HOME", "region", "1: found the tag !env, expected a value without a tag"),
        ("region: !!binary VVM=", "region", "1: found the tag binary, expected a value without a tag"),
    ],
)  # fmt: skip
def test_one_mistake(tmp_path: Path, text: str, key: str, message: str) -> None:
    found = problems(tmp_path, text)
    if message:
        assert found == {key: message}
    else:
        assert found


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1"])
def test_direct_mode_refuses_a_public_address(tmp_path: Path, address: str) -> None:
    found = problems(tmp_path, f"sip: {{listen: ['udp:{address}:5060']}}")
    assert list(found) == ["sip.listen.0"]
    assert "unscreened" in found["sip.listen.0"]


@pytest.mark.parametrize("address", ["0.0.0.0", "10.1.2.3", "127.0.0.1", "169.254.1.1", "100.64.0.1"])
def test_direct_mode_takes_other_addresses(tmp_path: Path, address: str) -> None:
    assert load(tmp_path, f"sip: {{listen: ['udp:{address}:0']}}").sip.listen[0].host == address


def test_rtp_ports_needed_grow_with_capacity(tmp_path: Path) -> None:
    assert rtp_ports_needed(load(tmp_path, "").sip) == 16
    big = load(tmp_path, "sip: {capacity: 500, legs_per_customer: 4, rtp_ports: 20000-27999}")
    assert rtp_ports_needed(big.sip) == big.sip.rtp_ports.count == 8000


def test_numbers_belong_to_one_entry_point(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """\
entry_points:
  A: {numbers: ["+82 2-1234-5678", support], flow: salesforce_ani_lookup}
  B:
    flow: salesforce_ani_lookup
    numbers:
    - "0212345678"
    - Support
    - "1001"
region: KR
""",
    )
    assert found == {
        "entry_points.B.numbers.0": "6: found '0212345678', expected a number of its own: "
        "entry point A has +82212345678",
        "entry_points.B.numbers.1": "7: found 'Support', expected a number of its own: "
        "entry point A has support",
    }


def test_an_email_address_is_one_agents(tmp_path: Path) -> None:
    text = SHIPPED.read_text()
    assert load(tmp_path, text).agents["alice"].email == "alice@example.com"
    theirs = text.replace("    name: Bob Lee\n", "    name: Bob Lee\n    email: Alice@example.com\n")
    [(key, problem)] = problems(tmp_path, theirs).items()
    assert key == "agents.bob.email"
    assert "found 'Alice@example.com', expected an address of his own: agent alice has it" in problem
    none = text.replace("email: alice@example.com", "email: alice")
    assert list(problems(tmp_path, none)) == ["agents.alice.email"]


def test_entry_point_of_what_was_dialled(tmp_path: Path) -> None:
    config = load(tmp_path, SHIPPED.read_text())
    for dialled in ("+14155550100", "14155550100", "4155550100", "(415) 555-0100", "SUPPORT"):
        assert config.entry_point(dialled) == "Support"
    assert config.entry_point("5550100") is None
    assert config.entry_point("") is None


def test_flow_must_exist(tmp_path: Path) -> None:
    found = problems(tmp_path, "entry_points:\n  S:\n    numbers: ['1']\n    flow: other")
    assert found == {
        "entry_points.S.flow": f"4: found 'other', expected a flow in {tmp_path / 'flows/other.yaml'}"
    }


def test_phones_need_an_edge(tmp_path: Path) -> None:
    text = SHIPPED.read_text().replace("phone: null", "phone: {user: a, password: b}")
    assert list(problems(tmp_path, text)) == ["agents.alice.phone"]


@pytest.mark.parametrize(
    ("hash_", "good"),
    [
        (HASH, True),
        ("secret", False),
        (HASH.replace("scrypt", "bcrypt"), False),
        (HASH.replace("16384", "16383"), False),
        (HASH.replace("16384", "1073741824"), False),
        (HASH + "$", False),
        (HASH.replace("c2Fs", "c2%s"), False),
    ],
)
def test_password_hash_is_checked_and_never_shown(tmp_path: Path, hash_: str, good: bool) -> None:
    env = ENV | {"ALICE_HASH": hash_}
    if good:
        hashed = load(tmp_path, SHIPPED.read_text(), env).agents["alice"].sign_in.password_hash
        assert hashed.get_secret_value() == hash_
        return
    found = problems(tmp_path, SHIPPED.read_text(), env)
    assert list(found) == ["agents.alice.sign_in.password_hash"]
    assert "found something else (not shown)" in found["agents.alice.sign_in.password_hash"]


def test_answer(tmp_path: Path) -> None:
    text = "entry_points: {S: {numbers: ['1'], flow: salesforce_ani_lookup, answer: %s}}"
    at_once = load(tmp_path, text % "at_once").entry_points["S"].answer
    assert at_once.after is None
    after = load(tmp_path, text % "{after: lookups}")
    assert after.entry_points["S"].answer.after == "lookups"
    assert after.entry_points["S"].answer.at_most_s == 1.5
    assert "after: lookups" in show(after)


def test_trunk_address_and_sources(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "trunks: {a: {uri: 'sip:pbx.example:5070', address: '192.0.2.7:5080', "
        "sources: [192.0.2.8, 198.51.100.0/24]}}",
    )
    trunk = config.trunks["a"]
    assert trunk.send_to == HostPort(host="192.0.2.7", port=5080)
    assert (trunk.destination.host, trunk.destination.port) == ("pbx.example", 5070)
    assert [str(source) for source in trunk.sources] == ["192.0.2.8/32", "198.51.100.0/24"]
    assert not trunk.trusted


def test_secrets_from_files_and_within_text(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("top\n")
    config = load(
        tmp_path,
        "store: {url: 'postgresql://ivr:${file:pw}@${DB}/ivr'}\nsip: {user_agent: 'ivr $${x} ${DB}'}",
        {"DB": "db.example"},
    )
    assert config.store.url is not None
    assert config.store.url.get_secret_value() == "postgresql://ivr:top@db.example/ivr"
    assert config.sip.user_agent == "ivr ${x} db.example"
    assert "user_agent: ivr ${x} **********" in show(config)


def test_what_was_put_in_is_not_read_again(tmp_path: Path) -> None:
    config = load(tmp_path, "sip: {user_agent: '${A}'}", {"A": "${B}", "B": "no"})
    assert config.sip.user_agent == "${B}"


def test_numbers_and_flags_from_the_environment(tmp_path: Path) -> None:
    config = load(tmp_path, "sip: {capacity: '${N}', wideband: '${W}'}", {"N": "4", "W": "true"})
    assert (config.sip.capacity, config.sip.wideband) == (4, True)


def test_missing_secrets_are_all_told(tmp_path: Path) -> None:
    found = problems(tmp_path, SHIPPED.read_text().replace("${SF_SECRET}", "${file:gone}"), {})
    assert set(found) == {
        "trunks.carrier.password",
        "agents.alice.sign_in.password_hash",
        "agents.bob.sign_in.password_hash",
        "connectors.Salesforce.client_id",
        "connectors.Salesforce.client_secret",
    }
    assert "found ${TRUNK_PASSWORD}, expected TRUNK_PASSWORD to be set" in found["trunks.carrier.password"]
    gone = str(tmp_path / "gone")
    assert gone in found["connectors.Salesforce.client_secret"]


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    config = load(tmp_path, SHIPPED.read_text() + "\n# end\n")
    for text in (show(config), repr(config), str(config)):
        for secret in ("trunk-secret", "consumer-secret", HASH):
            assert secret not in text
    assert "consumer-key" not in show(config)


def test_shown_configuration_is_read_as_the_same(tmp_path: Path) -> None:
    config = load(tmp_path, "{node: {name: x}, sip: {capacity: 3}, trunks: {a: {uri: 'sip:h'}}, region: KR}")
    assert load(tmp_path, show(config)) == config


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable file"):
        load_config(tmp_path / "none.yaml", env={})
    (tmp_path / "latin.yaml").write_bytes(b"node: {name: J\xf6rg}")
    with pytest.raises(ConfigError, match="expected UTF-8 text"):
        load_config(tmp_path / "latin.yaml", env={})
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path, env={})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.text(alphabet="abnode: {}[]\n-&*!?|>'\"%@`$#,~012.")
    | st.sampled_from(["sip", "agents", "trunks", "connectors"]).flatmap(
        lambda key: st.text(alphabet="ab: {}[],1~'\"$").map(f"{key}: ".__add__)
    )
)
def test_any_file_loads_or_is_refused_with_reasons(tmp_path: Path, text: str) -> None:
    error = refusal(tmp_path, text)
    if error is not None:
        assert error.problems
        assert all(re.search(r":\d+: .*found .+, expected .+", str(one), re.DOTALL) for one in error.problems)


def test_passwords() -> None:
    first, second = hash_password("pässwörd"), hash_password("pässwörd")
    assert first != second
    assert is_password_hash(first)
    assert verify_password("pässwörd", first)
    assert verify_password("pässwörd", second)
    assert not verify_password("passwörd", first)
    assert not verify_password("", first)
    assert not verify_password("pässwörd", "pässwörd")
    assert not verify_password("pässwörd", "")
