"""One request to a running node, and what its refusals mean for whoever typed the command."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ivr.cli.output import ExitCode, fail
from ivr.cli.settings import read_outline

if TYPE_CHECKING:
    from ivr.api.client import ApiClient
    from ivr.api.errors import ApiRefused

TOKEN_VARIABLE = "IVR_OPERATOR_TOKEN"  # noqa: S105 - the variable's name
TIMEOUT_S = 10.0
T = TypeVar("T")


def ask_node(url: str | None, config: Path, question: Callable[[ApiClient], Awaitable[T]]) -> T:
    """The node's answer. Leaves with code 3 when nobody answers, 2 when the token is not good, 1 when the
    node refuses."""
    import asyncio

    from ivr.api.client import ApiClient
    from ivr.api.errors import ApiRefused, NodeUnreachable

    url, token = _place(url, config)

    async def ask() -> T:
        async with ApiClient(url, token, timeout_s=TIMEOUT_S) as client:
            return await question(client)

    try:
        return asyncio.run(ask())
    except NodeUnreachable as exc:
        fail(ExitCode.UNREACHABLE, exc.detail)
    except ApiRefused as exc:
        fail(*_refusal(url, exc))


def _place(url: str | None, config: Path) -> tuple[str, str | None]:
    """The node's address and the operator's token; the file is not needed where both are given."""
    from ivr.checks.running import api_url, known_token

    token = os.environ.get(TOKEN_VARIABLE) or None
    if url is not None and token is not None:
        return url, token
    outline = read_outline(config)
    if url is None and outline.http.port == 0:
        fail(ExitCode.WRONG, f"http.listen of {config} has port 0: name the node's address with --url.")
    try:
        return url or api_url(outline.http), token or known_token(outline.data_dir)
    except OSError as exc:
        fail(
            ExitCode.WRONG,
            f"The operator token in {outline.data_dir} cannot be read ({exc.strerror}): be the user that the"
            f" node runs as, or set {TOKEN_VARIABLE}.",
        )


def _refusal(url: str, refused: ApiRefused) -> tuple[ExitCode, str]:
    match refused.status:
        case 401 | 403:
            return ExitCode.WRONG, (
                f"The node at {url} does not take the operator token: give the --config it runs with, or set"
                f" {TOKEN_VARIABLE} to the text of operator.token in its data folder."
            )
        case _:
            return ExitCode.FAILED, refused.detail
