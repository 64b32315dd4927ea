"""Whether a node of this configuration runs already, and how to reach it."""

from __future__ import annotations

from pathlib import Path

from ivr.api.client import ApiClient
from ivr.api.errors import ApiError
from ivr.api.models import NodeView
from ivr.api.tokens import FILE_NAME
from ivr.config import Config, HostPort

TIMEOUT_S = 3.0


def api_url(listen: HostPort) -> str:
    """Where a client on this machine reaches the listener."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen.host, listen.host)
    return f"http://{HostPort(host=host, port=listen.port)}"


def known_token(data_dir: Path) -> str | None:
    """The operator token of a node that has run here; None when there is none. Raises OSError."""
    try:
        return (data_dir / FILE_NAME).read_text("ascii", errors="ignore").strip() or None
    except FileNotFoundError:
        return None


async def running_node(config: Config) -> NodeView | None:
    """The node that runs with this configuration: it answers at its address and takes our token."""
    try:
        token = known_token(config.node.data_dir)
    except OSError:
        return None
    if token is None or config.http.listen.port == 0:
        return None
    async with ApiClient(api_url(config.http.listen), token, timeout_s=TIMEOUT_S) as client:
        try:
            return await client.node()
        except ApiError:
            return None
