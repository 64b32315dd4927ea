"""The demo from start to end: the world is set up, one call is played and proved, and it may stay up."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from rich.console import Console

from ivr.api.client import ApiClient
from ivr.api.errors import ApiError
from ivr.api.tokens import operator_token
from ivr.demo.options import DemoOptions
from ivr.demo.people import AGENT_TONE_HZ, CALLER_TONE_HZ, Phone, phone, write_tone
from ivr.demo.report import print_proofs, print_timeline, result, write_json
from ivr.demo.script import Cast, Played, StepFailed, Watcher, play
from ivr.demo.stay import answer_calls
from ivr.demo.world import EVERYWHERE, DemoError, Ports, choose_ports, node, salesforce, sip_host_of
from ivr.peers import own_address_towards
from ivr.telemetry.logs import configure_logs
from media.errors import MediaError
from media.process import StartError

PASSWORD = "demo"  # noqa: S105 - public on purpose: the demo listens on loopback


async def demo(options: DemoOptions) -> int:
    """Exit status: 0 only if every step was proved."""
    configure_logs("console", "WARNING")
    console = Console(stderr=options.json)
    _prepare(options.out)
    ports = choose_ports(fixed=options.stay or options.lan or options.agent is not None)
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    status = 1  # until everything was proved
    try:
        sip_host = await sip_host_of(options)
        async with set_up(options, ports, sip_host) as (cast, people):
            status = await _one_call(options, cast, console) if options.agent is None else 0
            if options.stay or options.agent is not None:
                _invite(console, options, ports, sip_host)
                await answer_calls(cast, people, scripted=options.agent is None)
    except (DemoError, StartError, MediaError, ApiError) as exc:
        console.print(f"[bold red]The demo cannot run:[/] {exc}", highlight=False)
        console.print(f"The node's log is in {options.out / 'node.log'}.", highlight=False)
        return 1
    except asyncio.CancelledError:
        if status != 0:
            console.print("The demo was ended before every step was proved.")
    return status


def _prepare(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "data", ignore_errors=True)
    for name in ("caller.wav", "agent.wav", "call.json", "node.log"):
        (out / name).unlink(missing_ok=True)


@asynccontextmanager
async def set_up(options: DemoOptions, ports: Ports, sip_host: str) -> AsyncIterator[tuple[Cast, Phone]]:
    """Everything running: Salesforce, the node, both telephones, the agent signed in."""
    out = options.out.absolute()
    data = out / "data"
    async with AsyncExitStack() as stack:
        log = stack.enter_context((out / "node.log").open("w", encoding="utf-8"))
        url = await stack.enter_async_context(salesforce(ports.salesforce))
        caller = await stack.enter_async_context(phone(ports.caller, ports.caller_rtp))
        agent = await stack.enter_async_context(phone(ports.agent, ports.agent_rtp))
        await stack.enter_async_context(node(options, ports, sip_host, url, data, log))
        api = f"http://127.0.0.1:{ports.api}"
        operator = await stack.enter_async_context(ApiClient(api, operator_token(data)))
        desk = await stack.enter_async_context(ApiClient(api))
        await desk.sign_in("sam", PASSWORD)
        watch = Watcher(operator)
        watching = asyncio.create_task(watch.run(), name="watch")
        stack.callback(watching.cancel)
        yield (
            Cast(
                caller=caller,
                agent=agent,
                operator=operator,
                desk=desk,
                watch=watch,
                salesforce_url=url,
                sip=f"127.0.0.1:{ports.sip}",
                out=out,
                caller_tone=write_tone(data / "caller-tone.wav", CALLER_TONE_HZ),
                agent_tone=write_tone(data / "agent-tone.wav", AGENT_TONE_HZ),
            ),
            agent,
        )


async def _one_call(options: DemoOptions, cast: Cast, console: Console) -> int:
    played: Played | None = None
    error: str | None = None
    try:
        played = await play(cast)
    except (StepFailed, MediaError, ApiError, OSError) as exc:
        error = str(exc)
    proofs = played.proofs if played else ()
    outcome = result(played.call if played else None, proofs, error)
    await asyncio.to_thread(write_json, options.out / "call.json", outcome)
    if options.json:
        sys.stdout.write(json.dumps(outcome, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    if played:
        print_timeline(console, played.call)
        print_proofs(console, played.proofs)
    if error:
        console.print(f"[bold red]A step failed:[/] {error}", highlight=False)
        console.print(f"The node's log is in {options.out / 'node.log'}.", highlight=False)
    proved = bool(outcome["proved"])
    console.print()
    console.print("Every step was proved." if proved else "[bold red]Not every step was proved.[/]")
    console.print(f"Recordings, call.json and the node's log are in {options.out}.", highlight=False)
    return 0 if proved else 1


def _invite(console: Console, options: DemoOptions, ports: Ports, sip_host: str) -> None:
    # The address of the way out of this machine; nothing is sent.
    host = own_address_towards("192.0.2.1:5060") if sip_host == EVERYWHERE else sip_host
    console.print()
    console.print(f"Call sip:support@{host} (port {ports.sip}) with any softphone.", highlight=False)
    console.print(
        f"Agent desktop: http://127.0.0.1:{ports.desktop} (sam, password {PASSWORD})", highlight=False
    )
    console.print(f"Simulated Salesforce: http://127.0.0.1:{ports.salesforce}", highlight=False)
    if options.agent:
        console.print(f"Calls ring {options.agent}: Sam is ready. Ctrl-C ends.", highlight=False)
    else:
        console.print(
            "Sam is signed in, answers with a sentence and then echoes. Ctrl-C ends.", highlight=False
        )
