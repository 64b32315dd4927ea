"""Ports of the loopback that nodes of one machine choose for their parts: never the same twice."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from media.edge.addresses import LoopbackPorts
from media.errors import EdgeError
from tests.phones import HOST

NOWHERE = range(20_000, 20_010)


@contextmanager
def bound(port: int, kind: socket.SocketKind = socket.SOCK_DGRAM) -> Iterator[None]:
    """Somebody has a port."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((HOST, port))
        yield


def test_two_nodes_that_choose_before_either_has_bound_get_different_ports() -> None:
    with LoopbackPorts() as one, LoopbackPorts() as other:
        first, second = one.for_workers(5, NOWHERE), other.for_workers(5, NOWHERE)
        assert not set(range(first, first + 5)) & set(range(second, second + 5))
        assert not set(one.tcp(2)) & set(other.tcp(2))


def test_what_was_chosen_can_be_bound_by_the_part_that_it_is_for() -> None:
    with LoopbackPorts() as ports:
        first = ports.for_workers(3, NOWHERE)
        (inner,) = ports.tcp(1)
        with bound(first), bound(first + 1), bound(first + 2), bound(inner, socket.SOCK_STREAM):
            pass


def test_a_node_that_has_ended_leaves_its_ports() -> None:
    with LoopbackPorts() as ports:
        first = ports.for_workers(3, NOWHERE)
        with pytest.raises(OSError, match="in use"), bound(first, socket.SOCK_STREAM):
            pass
    with bound(first, socket.SOCK_STREAM):
        pass


def test_a_port_that_another_program_has_is_passed_over() -> None:
    with LoopbackPorts() as ports:
        first = ports.for_workers(3, NOWHERE)
    with bound(first + 1), LoopbackPorts() as ports:
        second = ports.for_workers(3, NOWHERE)
        assert not set(range(second, second + 3)) & {first + 1}


def test_the_media_ports_are_left_alone() -> None:
    with LoopbackPorts() as ports:
        assert ports.for_workers(3, range(6_000, 8_001)) > 8_001


def test_more_than_there_are_is_said_to_be_too_many() -> None:
    with LoopbackPorts() as ports:
        with pytest.raises(EdgeError, match="no 3 free UDP ports in a row"):
            ports.for_workers(3, range(7_000, 9_998))
        with pytest.raises(EdgeError, match="no 4000 free UDP ports"):
            ports.for_workers(4_000, NOWHERE)
