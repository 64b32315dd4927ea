"""`ivr load` as a program: a whole run with RTP and an agent, a running node as target, what it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ivr.load.node
from ivr.load.callers import callers
from ivr.load.node import NodeSpec, node_under_test
from tests.cli_support import ROOT, quiet_logs, run_ivr
from tests.edge_support import needs_kamailio

__all__ = ["quiet_logs"]
needs_sipp = pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed")
whole = [pytest.mark.sip, pytest.mark.process, pytest.mark.timeout(240), needs_kamailio, needs_sipp]
RUN_LIMIT_S = 110.0


def ivr_load(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program, with JSON on its standard output."""
    return subprocess.run(
        [sys.executable, "-m", "ivr.cli.entry", "load", "--json", "--out", str(out), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT_S,
        check=False,
    )


class TestAWholeRun:
    """Four calls who speak, one agent who takes some of them."""

    pytestmark = whole

    def test_it_is_measured_and_reported(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        arguments = ["--calls", "4", "--rate", "4", "--hold", "12", "--rtp", "--agents", "1", "--talk", "1.5"]
        done = ivr_load(out, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert found == json.loads((out / "report.json").read_text())
        assert (found["passed"], found["calls"], found["answered"], found["good"]) == (True, 4, 4, 4)
        assert found["reasons"] == []
        assert found["bridged"] >= 1
        self.check_times(found["times"], found["bridged"])
        self.check_rtp(found["rtp"])
        self.check_cost(found["cost"])
        text = (out / "report.md").read_text()
        assert "**Every call was good** (4 of 4)" in text
        assert "plot.png" in text
        assert (out / "plot.png").read_bytes().startswith(b"\x89PNG")
        assert (out / "traces" / "node.log").stat().st_size > 0

    def check_times(self, times: dict[str, Any], bridged: int) -> None:
        """Everything that is named was measured, for every call that it concerns."""
        for name in ("invite_to_200", "answer_to_first_rtp", "answer_to_first_audio", "answer_to_name"):
            assert times[name]["count"] == 4, name
        for name in ("agent_200_to_two_way", "delay_caller_to_agent", "delay_agent_to_caller"):
            assert 1 <= times[name]["count"] <= bridged, name
            assert times[name]["p50"] > 0, name

    def check_rtp(self, rtp: dict[str, Any]) -> None:
        """Both ways, with speech in it."""
        assert rtp["lost"] == 0
        assert rtp["packets_per_s"]["least"] >= 49
        assert rtp["sent"] > 0
        assert "speech" in rtp["kinds"]

    def check_cost(self, cost: dict[str, Any]) -> None:
        """Every part has its line."""
        assert cost["calls_up"] > 0
        parts = {part["part"]: part for part in cost["parts"]}
        assert {"control process", "media worker", "Kamailio", "speech", "desktop"} <= set(parts)
        assert parts["media worker"]["processes"] >= 2
        assert parts["media worker"]["pss_most"] > 1 << 20
        assert {"RTP peer", "SIPp callers", "SIPp agents", "Salesforce simulator"} <= set(cost["beside"])


class TestARunningNode:
    """A node that is there already."""

    pytestmark = whole

    def test_it_is_loaded_from_outside_and_its_refusals_are_counted(self, tmp_path: Path) -> None:
        async def scenario() -> None:
            spec = NodeSpec(folder=tmp_path / "node", capacity=4, callers=callers(2))
            async with node_under_test(spec) as node:
                good = await asyncio.to_thread(
                    ivr_load, tmp_path / "good", *f"--target {node.sip} --calls 2 --rate 2 --hold 3".split()
                )
                bad = await asyncio.to_thread(
                    ivr_load,
                    tmp_path / "bad",
                    *f"--target {node.sip} --calls 2 --rate 2 --hold 3 --user nobody".split(),
                )
            assert good.returncode == 0, good.stdout + good.stderr
            heard = json.loads(good.stdout)
            assert (heard["good"], heard["asked"]["target"]) == (2, node.sip)
            assert (heard["cost"]["parts"], heard["times"]["answer_to_name"]["count"]) == ([], 0)
            assert bad.returncode == 1, bad.stdout + bad.stderr
            refused = json.loads(bad.stdout)
            assert refused["refused"] == {"404": 2}
            assert any("no entry point answers" in reason for reason in refused["reasons"])
            assert refused["cost"] is None

        asyncio.run(scenario())


@pytest.mark.usefixtures("quiet_logs")
class TestWhatItRefuses:
    """Exit 2 with a sentence, before anything is started."""

    def test_a_run_that_cannot_be_measured(self, tmp_path: Path) -> None:
        done = run_ivr("load", "--calls", "0", "--out", str(tmp_path))
        assert done.exit_code == 2
        assert "--calls is 1 to" in done.stderr

    def test_without_sipp(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        done = run_ivr("load", "--out", str(tmp_path / "out"))
        assert done.exit_code == 2
        assert "apt-get install sip-tester" in done.stderr
        assert not (tmp_path / "out").exists()

    def test_without_kamailio(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = tmp_path / "sipp"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(ivr.load.node, "PROGRAMS_BESIDE", "")
        done = run_ivr("load", "--out", str(tmp_path / "out"))
        assert done.exit_code == 2
        assert "apt-get install kamailio" in done.stderr
