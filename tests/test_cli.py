"""The command line: what it imports, prints and says by its exit code."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ivr.cli.entry
from ivr.api.models import CallStage, CallView, NoteView, OutboxView, TimelineEntry
from ivr.api.testing import OPERATOR_TOKEN, RunningFake
from ivr.cli.app import create_app
from ivr.cli.output import visible
from ivr.cli.story import call_story
from ivr.config import verify_password
from ivr.demo import DemoOptions
from ivr.ids import AgentId, CallId
from tests.cli_support import (
    DEADLINE_S,
    HASH,
    ROOT,
    TOKEN_VARIABLE,
    Beside,
    free_udp,
    node_beside,
    org_beside,
    quiet_logs,
    run_ivr,
    write_config,
)

__all__ = ["quiet_logs"]
pytestmark = pytest.mark.usefixtures("quiet_logs")

SHIPPED_FLOW = ROOT / "config/flows/salesforce_ani_lookup.yaml"
AS_OPERATOR = {TOKEN_VARIABLE: OPERATOR_TOKEN}
PROGRAM = (sys.executable, "-m", "ivr.cli.entry")
PROCESS_LIMIT_S = 50.0


@pytest.fixture
def node() -> Iterator[Beside[RunningFake]]:
    """A fake node."""
    with node_beside() as beside:
        yield beside


def operate(node: Beside[RunningFake], *args: str) -> str:
    """What a command to the node prints, which must succeed."""
    result = run_ivr(*args, "--url", node.value.url, env=AS_OPERATOR)
    assert result.exit_code == 0, result.output
    return result.stdout


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


# --- the program -----------------------------------------------------------------------------------------


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'nicegui','sqlalchemy','pjsua2','pyttsx3','numpy','fastapi','pydantic','httpx'}"
    code = f"import sys, ivr.cli.app as a; a.create_app(); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PROCESS_LIMIT_S,
    )
    assert done.stdout == "[]\n", done.stderr


def test_the_entry_imports_nothing_at_its_top() -> None:
    tree = ast.parse(Path(str(ivr.cli.entry.__file__)).read_text())
    assert not [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run(
        [*PROGRAM, "--help"], env=environment(), capture_output=True, text=True, timeout=PROCESS_LIMIT_S
    )
    assert done.returncode == 0
    for command in (
        "serve",
        "demo",
        "check",
        "desktop",
        "load",
        "config",
        "flow",
        "salesforce",
        "call",
        "outbox",
    ):
        assert re.search(rf"\b{command}\b", done.stdout)


@pytest.mark.parametrize(
    "command",
    [
        "serve", "demo", "check", "desktop", "load", "config show", "flow check", "salesforce token",
        "salesforce lookup", "salesforce simulator", "call list", "call show", "call hangup", "queue list",
        "queue show", "agent list", "agent set", "outbox list", "outbox retry",
    ],
)  # fmt: skip
def test_every_command_explains_itself(command: str) -> None:
    result = run_ivr(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


@pytest.mark.parametrize(
    "args", [["nonsense"], ["call", "list", "--nonsense"], ["agent", "set", "a", "away"]]
)
def test_wrong_use_is_two(args: list[str]) -> None:
    assert run_ivr(*args).exit_code == 2


# --- configuration ---------------------------------------------------------------------------------------


def test_config_show_masks_secrets(tmp_path: Path) -> None:
    result = run_ivr("config", "show", "--config", str(write_config(tmp_path)))
    assert result.exit_code == 0
    assert "wrap_up_s: 60" in result.stdout
    assert "demo-secret" not in result.stdout
    assert HASH not in result.stdout


@pytest.mark.parametrize("command", ["config show", "serve", "check", "call list", "salesforce token"])
def test_without_a_configuration_it_is_two_and_says_so(command: str, tmp_path: Path) -> None:
    result = run_ivr(*command.split(), "--config", str(tmp_path / "none.yaml"))
    assert result.exit_code == 2
    assert re.search(r"no configuration .*none\.yaml.*--config", result.stderr)


@pytest.mark.parametrize("command", ["config show", "serve", "salesforce token", "salesforce lookup 1"])
def test_a_wrong_configuration_is_two_with_its_line(command: str, tmp_path: Path) -> None:
    path = write_config(tmp_path, more="regoin: US")
    result = run_ivr(*command.split(), "--config", str(path))
    assert result.exit_code == 2
    line = len(path.read_text().rstrip().splitlines())
    assert f"ivr.yaml:{line}: regoin" in result.stderr
    assert "Traceback" not in result.output


# --- a running node --------------------------------------------------------------------------------------


def test_calls_are_listed_newest_first(node: Beside[RunningFake]) -> None:
    node.do(node.value.node.arrive("one"))
    node.do(node.value.node.arrive("two"))
    lines = operate(node, "call", "list").splitlines()
    assert lines[0].split()[:2] == ["Call", "Started"]
    assert [line.split()[0] for line in lines[1:]] == ["two", "one"]
    assert "+1 415 555 0199" in lines[1]


def test_an_empty_listing_says_so(node: Beside[RunningFake]) -> None:
    assert operate(node, "call", "list") == "No calls yet.\n"
    assert operate(node, "outbox", "list") == "The outbox is empty.\n"


def test_listings_as_json(node: Beside[RunningFake]) -> None:
    node.do(node.value.node.arrive("one"))
    assert [call["call_id"] for call in json.loads(operate(node, "call", "list", "--json"))] == ["one"]
    assert [queue["name"] for queue in json.loads(operate(node, "queue", "list", "--json"))] == ["Support"]
    assert {agent["id"] for agent in json.loads(operate(node, "agent", "list", "--json"))} == {"alice", "bob"}
    assert json.loads(operate(node, "outbox", "list", "--json")) == []


def test_the_limit_reaches_the_node(node: Beside[RunningFake]) -> None:
    for name in ("one", "two", "three"):
        node.do(node.value.node.arrive(name))
    calls = json.loads(operate(node, "call", "list", "--limit", "2", "--json"))
    assert [call["call_id"] for call in calls] == ["three", "two"]


def test_calls_are_sought_and_turned_over_by_pages(node: Beside[RunningFake]) -> None:
    for name, number in (
        ("one", "+1 415 555 0101"),
        ("two", "+1 415 555 0102"),
        ("three", "+1 212 555 0103"),
    ):
        node.do(node.value.node.arrive(name, number))
    node.do(node.value.node.end(CallId("two"), "ended_by_flow"))

    def listed(*options: str) -> list[str]:
        return [call["call_id"] for call in json.loads(operate(node, "call", "list", "--json", *options))]

    assert listed("--text", "(415) 555") == ["two", "one"]
    assert listed("--ending", "ended_by_flow") == ["two"]
    assert listed("--before", "two") == ["one"]
    assert listed("--text", "415", "--limit", "1") == ["two"]
    assert operate(node, "call", "list", "--text", "nobody") == "No such calls.\n"
    unknown = run_ivr("call", "list", "--before", "none", "--url", node.value.url, env=AS_OPERATOR)
    assert (unknown.exit_code, len(unknown.stderr.splitlines())) == (1, 1)


def test_a_call_is_shown_with_note_and_timeline(node: Beside[RunningFake]) -> None:
    node.do(node.value.node.arrive("one"))
    node.do(node.value.node.save_note(CallId("one"), None, "Asked twice.\nCall back.", 0))
    shown = operate(node, "call", "show", "one")
    assert "Call one" in shown
    assert "  | Asked twice.\n  | Call back.\n" in shown
    assert re.search(r"^ +0\.\d{3} s  sip +incoming$", shown, re.MULTILINE)
    assert json.loads(operate(node, "call", "show", "one", "--json"))["timeline"][0]["event"] == "incoming"


def test_a_call_is_hung_up(node: Beside[RunningFake]) -> None:
    node.do(node.value.node.arrive("one"))
    assert operate(node, "call", "hangup", "one") == "Call one is ended.\n"
    assert node.value.node.hung_up == ["one"]
    again = run_ivr("call", "hangup", "one", "--url", node.value.url, env=AS_OPERATOR)
    assert (again.exit_code, again.stderr) == (1, "The call is over.\n")


def test_a_queue_shows_who_waits_and_why(node: Beside[RunningFake]) -> None:
    node.do(node.value.node.arrive("one"))
    node.do(node.value.node.enqueue(CallId("one")))
    assert operate(node, "queue", "list").splitlines()[1].split() == ["Support", "1", "0", "0", "0"]
    shown = operate(node, "queue", "show", "Support")
    assert "Support: 1 waiting" in shown
    assert "open case, priority High" in shown


def test_an_operator_sets_an_agents_state(node: Beside[RunningFake]) -> None:
    node.do(node.value.node.sign_in(AgentId("alice")))
    assert operate(node, "agent", "set", "alice", "ready") == "Alice is ready.\n"
    said = operate(node, "agent", "set", "alice", "not_ready", "--reason", "lunch")
    assert said == "Alice is not_ready (lunch).\n"
    line = operate(node, "agent", "list").splitlines()[1]
    assert line.split()[:4] == ["alice", "Alice", "not_ready", "lunch"]
    refused = run_ivr("agent", "set", "bob", "ready", "--url", node.value.url, env=AS_OPERATOR)
    assert (refused.exit_code, refused.stderr) == (1, "The agent is signed_out.\n")


def test_an_outbox_row_is_sent_again(node: Beside[RunningFake]) -> None:
    node.value.node.outbox_views[7] = OutboxView(
        id=7, call_id="one", operation="case_comment", state="dead", attempts=5, due_at=None, error="denied",
        result=None,
    )  # fmt: skip
    assert operate(node, "outbox", "list").splitlines()[1].split()[:5] == [
        "7",
        "one",
        "case_comment",
        "dead",
        "5",
    ]
    assert operate(node, "outbox", "retry", "7") == "Row 7 of call one is due.\n"
    assert node.value.node.outbox_views[7].state == "due"


@pytest.mark.parametrize(
    "command",
    ["call show none", "call hangup none", "queue show none", "agent set none ready", "outbox retry 99"],
)
def test_what_the_node_does_not_know_is_one(command: str, node: Beside[RunningFake]) -> None:
    result = run_ivr(*command.split(), "--url", node.value.url, env=AS_OPERATOR)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.output


def test_a_node_that_does_not_answer_is_three() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused for as long as we hold it
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = run_ivr("call", "list", "--url", url, env=AS_OPERATOR)
    assert result.exit_code == 3
    assert f"No node answers at {url}" in result.stderr


def test_a_wrong_token_is_two_with_the_remedy(node: Beside[RunningFake]) -> None:
    result = run_ivr("call", "list", "--url", node.value.url, env={TOKEN_VARIABLE: "wrong"})
    assert result.exit_code == 2
    assert "operator.token" in result.stderr
    assert TOKEN_VARIABLE in result.stderr


def test_address_and_token_come_from_the_configuration(node: Beside[RunningFake], tmp_path: Path) -> None:
    """Whose secrets an operator's shell does not have."""
    place = node.value.url.removeprefix("http://")
    config = write_config(tmp_path, http=place, secret='"${NOT_IN_THIS_SHELL}"')
    (tmp_path / "var").mkdir()
    (tmp_path / "var/operator.token").write_text(f"{OPERATOR_TOKEN}\n")
    result = run_ivr("call", "list", "--config", str(config))
    assert (result.exit_code, result.stdout) == (0, "No calls yet.\n")


def test_a_port_that_the_system_chose_must_be_named(tmp_path: Path) -> None:
    result = run_ivr("call", "list", "--config", str(write_config(tmp_path, http="127.0.0.1:0")))
    assert result.exit_code == 2
    assert "--url" in result.stderr


def test_what_steers_a_terminal_is_not_printed(node: Beside[RunningFake]) -> None:
    node.do(node.value.node.arrive("one", "\x1b[2Jclear\u202e [red]number\x9b1m"))
    for as_json in ((), ("--json",)):
        printed = operate(node, "call", "list", *as_json)
        assert not {"\x1b", "\u202e", "\x9b"} & set(printed)
        assert "[red]number" in printed
    assert json.loads(operate(node, "call", "list", "--json"))[0]["number"].startswith("\x1b[2J")


def test_names_of_all_scripts_are_printed() -> None:
    assert visible("김민준 O’Brien Weiß می‌خواهم") == "김민준 O’Brien Weiß می‌خواهم"
    assert visible("a\tb\r\nc\x00") == "a\ufffdb\ufffd\ufffdc\ufffd"


def test_a_story_tells_ending_record_and_details() -> None:
    at = datetime(2025, 11, 21, 3, 4, 5, tzinfo=UTC)
    entry = TimelineEntry(
        at=at, offset_s=12.3456, source="salesforce", event="request",
        detail={"operation": "find", "status": 200, "late": False, "error": None, "reasons": ["a", "b"]},
    )  # fmt: skip
    call = CallView(
        call_id="c1", stage=CallStage.ENDED, entry_point="Support", started_at=at, ended_at=at,
        number="+1 415-555-0123", match="one", queue="Support", agent="alice", ending="caller_hung_up",
        record={
            "call_id": "c1", "case_id": "500A", "trunk": None, "sip_code": 200,
            "rtp": {"caller": {"codec": "PCMU", "rx_lost": 0}, "agent": {"codec": "PCMA"}},
        },
        notes=(NoteView(text="one line", revision=2, saved_at=at),),
        timeline=(entry,),
    )  # fmt: skip
    story = call_story(call)
    assert "  ending            caller_hung_up" in story
    assert "  case id           500A" in story
    assert "  rtp               caller (codec PCMU, rx_lost 0); agent (codec PCMA)" in story
    assert not [line for line in story if "trunk" in line]
    assert story[-1].split() == ["12.346", "s", "salesforce", "request", "operation=find", "status=200",
                                 "late=no", "reasons=a,", "b"]  # fmt: skip


# --- flows -----------------------------------------------------------------------------------------------


def test_the_shipped_flow_is_good_without_secrets(tmp_path: Path) -> None:
    config = write_config(tmp_path, secret='"${NOT_IN_THIS_SHELL}"')
    result = run_ivr("flow", "check", str(SHIPPED_FLOW), "--config", str(config))
    assert result.exit_code == 0, result.output
    assert "nothing to complain about" in result.stdout


def test_a_finding_has_file_and_line(tmp_path: Path) -> None:
    flow = tmp_path / "flow.yaml"
    text = SHIPPED_FLOW.read_text()
    assert "connector: Salesforce" in text
    flow.write_text(text.replace("connector: Salesforce", "connector: Salesfroce"))
    config = str(write_config(tmp_path))
    result = run_ivr("flow", "check", str(flow), "--config", config)
    assert result.exit_code == 1
    first = result.stdout.splitlines()[0]
    found = re.match(rf"{re.escape(str(flow))}:(\d+): error: .*Salesfroce", first)
    assert found is not None
    assert "Salesfroce" in flow.read_text().splitlines()[int(found[1]) - 1]
    findings = json.loads(run_ivr("flow", "check", str(flow), "--config", config, "--json").stdout)
    assert findings[0]["severity"] == "error"
    assert findings[0]["line"] == int(found[1])


def test_without_a_configuration_names_are_taken_for_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_ivr("flow", "check", str(SHIPPED_FLOW))
    assert result.exit_code == 0, result.output
    assert "taken for granted" in result.stderr


def test_what_is_no_flow_is_one_and_what_is_not_there_two(tmp_path: Path) -> None:
    config = str(write_config(tmp_path))
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [\n")
    result = run_ivr("flow", "check", str(broken), "--config", config)
    assert result.exit_code == 1
    assert "broken.yaml:" in result.stderr
    assert run_ivr("flow", "check", str(tmp_path / "none.yaml"), "--config", config).exit_code == 2


# --- Salesforce ------------------------------------------------------------------------------------------


def test_a_login_shows_the_org_and_not_the_token(tmp_path: Path) -> None:
    with org_beside() as url:
        config = str(write_config(tmp_path, login_url=url))
        result = run_ivr("salesforce", "token", "--config", config)
        assert (result.exit_code, result.stdout) == (0, f"Salesforce: logged in at {url}\n")
        printed = run_ivr("salesforce", "token", "--config", config, "--print-token")
    assert re.fullmatch(r"00D\S{20,}\n", printed.stdout)


def test_a_refused_login_is_told_with_its_remedy(tmp_path: Path) -> None:
    with org_beside() as url:
        config = write_config(tmp_path, login_url=url, secret="wrong-secret")
        result = run_ivr("salesforce", "token", "--config", str(config))
    assert result.exit_code == 1
    assert "login refused: invalid_client" in result.stderr
    assert "copy the consumer secret again" in result.stderr
    assert "wrong-secret" not in result.output


def test_a_lookup_says_who_why_and_how_urgent(tmp_path: Path) -> None:
    with org_beside() as url:
        config = str(write_config(tmp_path, login_url=url))
        said = run_ivr("salesforce", "lookup", "(415) 555-0123", "--config", config)
        document = json.loads(
            run_ivr("salesforce", "lookup", "+14155550123", "--config", config, "--json").stdout
        )
        many = run_ivr("salesforce", "lookup", "503-555-0161", "--config", config)
        none = run_ivr("salesforce", "lookup", "+14155550999", "--config", config)
    assert said.exit_code == 0
    lines = [line.split(maxsplit=1) for line in said.stdout.splitlines()]
    assert ["match", "one"] in lines
    assert ["reason", "Contact Alice Morgan (contact's phone)"] in lines
    assert ["greeting", "Alice Morgan"] in lines
    why = "default 5; case priority High: -2; customer priority High: -1; SLA Gold: +0"
    assert ["priority", f"2 ({why})"] in lines
    assert "Container BHLU 204418" in said.stdout
    assert (document["result"], document["greeting_name"], document["priority"]) == ("one", "Alice Morgan", 2)
    assert len(document["cases"]) == 2
    assert "Jo Fenwick" in many.stdout
    assert "greeting    without a name" in many.stdout
    assert none.exit_code == 0
    assert "match       none" in none.stdout


def test_a_lookup_that_fails_is_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = run_ivr(
            "salesforce", "lookup", "+14155550123", "--config", str(write_config(tmp_path, login_url=url))
        )
    assert result.exit_code == 1
    assert "unreachable" in result.stderr


def test_wrong_words_for_salesforce_are_two(tmp_path: Path) -> None:
    config = str(write_config(tmp_path))
    extension = run_ivr("salesforce", "lookup", "1234", "--config", config)
    assert extension.exit_code == 2
    assert "region US" in extension.stderr
    unknown = run_ivr("salesforce", "token", "--config", config, "--connector", "Other")
    assert unknown.exit_code == 2
    assert "there are Salesforce" in unknown.stderr


def test_a_bad_data_file_of_the_simulator_is_two(tmp_path: Path) -> None:
    result = run_ivr("salesforce", "simulator", "--data", str(tmp_path / "none.yaml"))
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr


def test_a_taken_port_of_the_simulator_is_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        data = str(ROOT / "config/demo/salesforce.yaml")
        result = run_ivr("salesforce", "simulator", "--port", port, "--data", data)
    assert result.exit_code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in result.stderr


# --- whole processes -------------------------------------------------------------------------------------


def start(*args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *args], env=environment(), text=True, cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def first_line(process: subprocess.Popen[str]) -> str:
    """What it prints first; the test's own time-out bounds the wait."""
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_simulator_runs_until_a_signal(number: signal.Signals) -> None:
    with start("salesforce", "simulator", "--port", "0") as process:
        try:
            ready = first_line(process)
            assert re.fullmatch(
                r"ready url=http://127\.0\.0\.1:\d+ client_id=3MVG9demoIvrConnector\.simulated\n", ready
            )
            process.send_signal(number)
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()


@pytest.mark.process
def test_a_node_serves_until_its_standard_input_ends(tmp_path: Path) -> None:
    sip = free_udp()
    config = str(write_config(tmp_path, sip=sip))
    with start("serve", "--config", config, "--until-stdin-closes", "--no-desktop") as process:
        try:
            found = re.fullmatch(r"ready sip=(\S+) api=(http://\S+) desktop=none\n", first_line(process))
            assert found is not None
            assert found[1] == sip
            listed = run_ivr("queue", "list", "--url", found[2], "--config", config)
            assert listed.exit_code == 0, listed.output
            assert "Support" in listed.stdout
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()


@pytest.mark.process
def test_a_node_whose_api_port_is_taken_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        config = str(write_config(tmp_path, http=place, sip=free_udp()))
        with start("serve", "--config", config, "--no-desktop") as process:
            try:
                said, errors = process.communicate(timeout=PROCESS_LIMIT_S)
            finally:
                process.kill()
    assert (process.returncode, said) == (1, "")
    assert errors.splitlines()[-1].startswith(f"{place} is in use by another program")
    assert "Traceback" not in errors


def test_a_node_that_cannot_start_says_why(tmp_path: Path) -> None:
    path = write_config(tmp_path, music="nowhere.wav")
    result = run_ivr("serve", "--config", str(path), "--no-desktop")
    assert result.exit_code == 1
    assert "nowhere.wav" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.process
def test_a_desktop_whose_port_is_taken_is_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*PROGRAM, "desktop", "--api", "http://127.0.0.1:9", "--host", "127.0.0.1", "--port", port],
            env=environment(), capture_output=True, text=True, timeout=PROCESS_LIMIT_S,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("outcome", [0, 1])
def test_the_demo_gets_its_options_and_its_result_is_ours(
    outcome: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[DemoOptions] = []

    def demo(options: DemoOptions) -> int:
        asked.append(options)
        return outcome

    # The demo itself takes half a minute and is proved by its own tests.
    monkeypatch.setattr("ivr.demo.run_demo", demo)
    plain = run_ivr("demo")
    full = run_ivr("demo", "--json", "--out", "there", "--stay", "--lan", "--agent", "sip:me@127.0.0.1")
    assert (plain.exit_code, full.exit_code) == (outcome, outcome)
    assert asked == [
        DemoOptions(json=False, out=Path("demo-out"), stay=False, lan=False, agent=None),
        DemoOptions(json=True, out=Path("there"), stay=True, lan=True, agent="sip:me@127.0.0.1"),
    ]


def test_an_agents_password_is_hashed() -> None:
    done = CliRunner().invoke(create_app(), ["config", "password"], input="opensesame\nopensesame\n")
    assert done.exit_code == 0
    assert verify_password("opensesame", done.stdout.strip().splitlines()[-1])
    assert "opensesame" not in done.stdout
