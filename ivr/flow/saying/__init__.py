"""How numbers, dates, times and names are said: one module a language, chosen by the language's tag.

A language without a module of its own gets `PLAIN`, which leaves the reading to the speech engine.
"""

from __future__ import annotations

from collections.abc import Mapping

from ivr.flow.saying.english import English
from ivr.flow.saying.korean import Korean
from ivr.flow.saying.language import Plain, Saying

PLAIN: Saying = Plain()
_LANGUAGES: Mapping[str, Saying] = {"en": English(), "ko": Korean()}


def saying(language: str) -> Saying:
    """The way of a language, by a BCP 47 tag such as "ko-KR"."""
    return _LANGUAGES.get(language.partition("-")[0].lower(), PLAIN)
