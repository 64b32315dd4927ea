"""The operator token: a file in the data folder that only its owner may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ivr.api.auth import new_token

FILE_NAME = "operator.token"


def operator_token(data_dir: Path) -> str:
    """The node's operator token; made, with the folder, when there is none. `OSError` when unreadable."""
    path = data_dir / FILE_NAME
    token = _read(path)
    if token:
        return token
    data_dir.mkdir(parents=True, exist_ok=True)
    _create(path)
    return _read(path)


def _read(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, encoding="ascii") as file:
        status = os.fstat(file.fileno())
        if status.st_mode & 0o077 and status.st_uid == os.geteuid():
            os.fchmod(file.fileno(), 0o600)
        return file.read(4096).strip()


def _create(path: Path) -> None:
    """Write whole under another name, then link: two who do this at once end with one token."""
    draft = path.with_name(f"{FILE_NAME}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="ascii") as file:
        file.write(new_token() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        if path.exists() and path.stat().st_size == 0:
            path.unlink()
        os.link(draft, path)
    except FileExistsError:
        pass  # Somebody was faster, and the token is theirs.
    finally:
        draft.unlink()
