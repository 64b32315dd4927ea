"""JSON-RPC to Kamailio over a private datagram socket."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from media.errors import EdgeError

TIMEOUT_S = 2.0
_MAX_REPLY = 65536


class RpcFault(EdgeError):
    """Kamailio refused the command."""


class Rpc:
    """One request at a time, each answered within a limit. Replies are whatever the command gives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "rpc"
        self._ids = itertools.count(1)
        self._turn = asyncio.Lock()

    async def call(self, method: str, *params: str | int) -> Any:
        """The command's result. Raises RpcFault when refused, EdgeError when there is no answer."""
        async with self._turn:
            return await self._call(method, params)

    async def _call(self, method: str, params: Sequence[str | int]) -> Any:
        number = next(self._ids)
        body = {"jsonrpc": "2.0", "method": method, "params": list(params), "id": number}
        ours = self._folder / f"reply-{number}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            try:
                sock.bind(str(ours))
                sock.connect(str(self.path))
                async with asyncio.timeout(TIMEOUT_S):
                    loop = asyncio.get_running_loop()
                    await loop.sock_sendall(sock, json.dumps(body).encode())
                    reply = json.loads(await loop.sock_recv(sock, _MAX_REPLY))
            except TimeoutError as exc:
                raise EdgeError(f"the edge gives no answer to {method}") from exc
            except (OSError, ValueError) as exc:
                raise EdgeError(f"the edge cannot be asked for {method}: {exc}") from exc
            finally:
                with suppress(OSError):
                    os.unlink(ours)
        if "error" in reply:
            raise RpcFault(f"{method}: {reply['error'].get('message', 'refused')}")
        return reply.get("result")
