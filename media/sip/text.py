"""Text from the network made fit to store, log and show. What it says is not judged, markup stays as data."""

from __future__ import annotations

import re
import unicodedata

# pjsip, like any reader of unknown bytes, hands on each as a lone surrogate (PEP 383).
_SMUGGLED = re.compile("[\udc80-\udcff]+")
_JOINERS = frozenset("\u200c\u200d")
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def clean_text(text: str) -> str:
    """Text without control, bidi and other invisible characters; always encodable as UTF-8.

    Bytes that came as lone surrogates are read as UTF-8 where they are, else as Latin-1. Tabs become blanks.
    """
    whole = _SMUGGLED.sub(lambda found: _read_bytes(found.group()), text).replace("\t", " ")
    return "".join(char for char in whole if _is_visible(char))


def _read_bytes(smuggled: str) -> str:
    data = smuggled.encode("ascii", "surrogateescape")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _is_visible(char: str) -> bool:
    # The joiners shape letters in Persian and Indic names.
    return char in _JOINERS or unicodedata.category(char) not in _DROPPED
