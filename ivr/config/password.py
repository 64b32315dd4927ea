"""Agents' passwords: kept as "scrypt$N$r$p$salt$hash", salt and hash in base64."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass

# 16 MiB and some 50 ms a try: dear for who guesses, bearable at sign-in on a small machine.
_COST = 2**14
_BLOCK = 8
_PARALLEL = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
_MAX_MEMORY = 256 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    cost: int
    block: int
    parallel: int
    salt: bytes
    digest: bytes


def hash_password(password: str) -> str:
    """The text to write into `sign_in.password_hash`; another one each time."""
    salt = secrets.token_bytes(_SALT_BYTES)
    parts = _Parts(cost=_COST, block=_BLOCK, parallel=_PARALLEL, salt=salt, digest=b"\0" * _HASH_BYTES)
    encoded = (base64.b64encode(data).decode() for data in (salt, _derive(password, parts)))
    return "$".join(("scrypt", str(_COST), str(_BLOCK), str(_PARALLEL), *encoded))


def verify_password(password: str, hash_: str) -> bool:
    """Whether the password made this hash; False for a hash that is none."""
    parts = _parse(hash_)
    return parts is not None and hmac.compare_digest(_derive(password, parts), parts.digest)


def is_password_hash(text: str) -> bool:
    """Whether `verify_password` could ever say yes to this hash."""
    return _parse(text) is not None


def _derive(password: str, parts: _Parts) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"),
        salt=parts.salt,
        n=parts.cost,
        r=parts.block,
        p=parts.parallel,
        maxmem=_MAX_MEMORY,
        dklen=len(parts.digest),
    )


def _parse(text: str) -> _Parts | None:
    try:
        scheme, cost, block, parallel, salt, digest = text.split("$")
        parts = _Parts(
            cost=int(cost),
            block=int(block),
            parallel=int(parallel),
            salt=base64.b64decode(salt, validate=True),
            digest=base64.b64decode(digest, validate=True),
        )
    except (ValueError, binascii.Error):
        return None
    return parts if scheme == "scrypt" and _is_sane(parts) else None


def _is_sane(parts: _Parts) -> bool:
    # A power of two, within the memory that we grant (RFC 7914: 128 * N * r bytes, and 128 * r * p).
    power_of_two = parts.cost >= 2 and parts.cost & (parts.cost - 1) == 0
    memory = 128 * parts.block * (parts.cost + parts.parallel + 2)
    return (
        power_of_two
        and parts.block >= 1
        and 1 <= parts.parallel <= 16
        and memory < _MAX_MEMORY
        and len(parts.salt) >= 8
        and 16 <= len(parts.digest) <= 64
    )
