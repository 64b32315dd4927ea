"""A received SIP message as clean text: start line and headers, whatever bytes a peer put there."""

from __future__ import annotations

import re

MAX_HEADERS = 128
MAX_VALUE = 4096
_COMPACT = {"f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "v": "Via"}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")  # RFC 3261 25.1
_TAG = re.compile(r";\s*tag\s*=\s*([^;,\s>]+)", re.IGNORECASE)


def clean(text: str) -> str:
    """Text that any encoder takes: bytes that are not UTF-8 are read as Latin-1, controls become a blank."""
    if not text.isascii():
        raw = text.encode("utf-8", "surrogateescape")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    return _CONTROL.sub(" ", text)


def header_line(value: str) -> str:
    """A value that stays within its header: no line breaks, no other control characters."""
    return _CONTROL.sub(" ", value).strip()


def is_token(name: str) -> bool:
    """Whether this can be the name of a header."""
    return _TOKEN.fullmatch(name) is not None


def request_uri(message: str) -> str:
    """The Request-URI of a request's start line, or nothing."""
    parts = re.split(r"\r?\n", message, maxsplit=1)[0].split(" ")
    return clean(parts[1])[:MAX_VALUE] if len(parts) >= 3 else ""


def headers(message: str) -> tuple[tuple[str, str], ...]:
    """Header lines in order, unfolded (RFC 3261 7.3.1), compact names of From, To, Call-ID written out."""
    head = re.split(r"\r?\n\r?\n", message, maxsplit=1)[0]
    found: list[tuple[str, str]] = []
    for line in re.split(r"\r?\n", re.sub(r"\r?\n[ \t]+", " ", head))[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            continue
        name = clean(name.strip())
        found.append((_COMPACT.get(name.lower(), name), clean(value.strip())[:MAX_VALUE]))
    return tuple(found[:MAX_HEADERS])


def header(lines: tuple[tuple[str, str], ...], name: str) -> str:
    """The first header of that name, or nothing."""
    return next((value for key, value in lines if key.lower() == name.lower()), "")


def tag(value: str) -> str:
    """The tag parameter of a From or To value, looked for behind the address."""
    match = _TAG.search(value.rsplit(">", 1)[-1])
    return match.group(1) if match else ""
