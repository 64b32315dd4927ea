"""What `ivr check` says of the edge, and what to do about it."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

import ivr.checks.edge as edge_check
import media.edge.edge as edge_module
from ivr.api.models import NodeView
from ivr.checks.model import CheckResult, Status
from ivr.checks.subject import Subject
from ivr.config import load_config
from tests.edge_support import needs_kamailio
from tests.node_support import write_config
from tests.phones import HOST
from tests.test_check import node_view

EDGE = "edge: kamailio"


def checked(
    folder: Path, *, max_legs: int | None = 4, node: NodeView | None = None, more: str = ""
) -> CheckResult:
    """The edge's line for a configuration in a folder."""
    config = load_config(write_config(folder, sip_more=EDGE, more=more), env=os.environ)
    return asyncio.run(edge_check.edge(Subject(config=config, max_legs=max_legs, node=node)))


@needs_kamailio
def test_a_good_configuration_names_the_version_and_the_workers(tmp_path: Path) -> None:
    result = checked(tmp_path)
    assert result.status is Status.OK
    assert result.text.startswith("Kamailio ")
    assert result.text.endswith("takes the configuration; 1 workers behind it")


def test_without_kamailio_the_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(edge_module, "MORE_PLACES", "")
    result = checked(tmp_path)
    assert result.status is Status.FAILED
    assert "apt-get install kamailio" in result.text
    assert "sip.edge" in result.remedy


@pytest.mark.parametrize(
    ("says", "found"), [("version: kamailio 5.4.2 (x86_64/linux)", "5.4"), ("nothing", "unknown")]
)
def test_a_kamailio_that_is_too_old_is_refused(
    says: str, found: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "kamailio"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    result = checked(tmp_path)
    assert (result.status, result.remedy) == (Status.FAILED, "install Kamailio 5.6 or later")
    assert result.text.endswith(f"is version {found}")


@needs_kamailio
def test_a_foreign_program_on_the_port_is_named_with_the_remedy(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, sip_more=EDGE), env=os.environ)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as foreign:
        foreign.bind((HOST, config.sip.listen[0].port))
        result = asyncio.run(edge_check.edge(Subject(config=config, max_legs=4)))
        assert result.status is Status.FAILED
        assert "another program listens there" in result.text
        assert "systemctl disable --now kamailio" in result.text
        # The edge of a node that runs already has the port by right.
        mine = asyncio.run(edge_check.edge(Subject(config=config, max_legs=4, node=node_view())))
        assert mine.status is Status.OK


@needs_kamailio
def test_a_file_that_kamailio_refuses_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A reason for the patch: no configuration that passes our own checks is known to make a bad file.
    monkeypatch.setattr(edge_check, "render", lambda *_: "request_route { nonsense(); }")
    result = checked(tmp_path)
    assert result.status is Status.FAILED
    assert "Kamailio refuses its configuration" in result.text
    assert result.remedy


@needs_kamailio
def test_a_trunk_whose_name_has_no_address_is_its_own_line_and_not_the_edges(tmp_path: Path) -> None:
    result = checked(tmp_path, more='trunks: {far: {uri: "sip:nowhere.invalid"}}')
    assert result.status is Status.OK


@needs_kamailio
def test_nothing_is_tried_before_the_library_is_known(tmp_path: Path) -> None:
    assert checked(tmp_path, max_legs=None).status is Status.SKIPPED
    result = checked(tmp_path, max_legs=1)
    assert result.status is Status.FAILED
    assert "a worker holds 1 legs" in result.text
