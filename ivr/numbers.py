"""Telephone numbers: E.164 and back. The only module that knows the numbering plans (libphonenumber)."""

from __future__ import annotations

import functools
import re
from typing import NewType

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult

E164 = NewType("E164", str)
"""A number with country code: + and at most 15 ASCII digits."""

WITHHELD = "withheld"

_SEPARATORS = str.maketrans("", "", "-.() ")
_DIGITS = re.compile(r"\+?[0-9]{1,20}\Z")
_ZERO_ZERO = re.compile(r"\s*0[-. ]?0(?=[-. ]?[1-9])")
_MAX_DIGITS = 15
_MEXICO = 52
_LOCAL_DIGITS = 7


def is_region(region: str) -> bool:
    """Whether this is a region code with a numbering plan, e.g. "KR"."""
    return region in phonenumbers.SUPPORTED_REGIONS


def to_e164(number: str, region: str) -> E164 | None:
    """The number as E.164, completed as one dialled in `region`; None for what is no public number.

    Takes ASCII digits, a leading + and the separators `- . ( )` and blank. A number without country code is
    taken only in full length: neither an internal extension nor a number without its area code has an E.164
    form."""
    text = number.translate(_SEPARATORS)
    if not _DIGITS.match(text):
        return None
    parsed = _parse(text, region)
    if parsed is None or _is_extension(text, region):
        return None
    return _format(parsed)


def same_number(stored: str, ani: E164, region: str) -> bool:
    """Whether the text of a stored record is the caller's number: whole numbers, never suffixes.

    `stored` is what people typed: any punctuation, extension, label, vanity letters, or several numbers."""
    parsed = _parse(stored, region)
    if parsed is not None:
        return _format(parsed) == ani
    matches = phonenumbers.PhoneNumberMatcher(stored, region, leniency=phonenumbers.Leniency.POSSIBLE)
    return any(_format(_modern(found.number)) == ani for found in matches)


def dialled_key(dialled: str, region: str) -> str:
    """What two ways to write one destination have in common: E.164 where there is one, else lower case."""
    return to_e164(dialled, region) or dialled.strip().casefold()


@functools.lru_cache(1024)  # a call's number is shown at each step of the call
def display_number(number: E164) -> str:
    """The number for people, e.g. "+82 10-1234-5678"."""
    return phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.INTERNATIONAL)


def mask(number: str | None) -> str:
    """What screens show instead of a number whose presentation is restricted: nothing of it."""
    return WITHHELD


def search_variants(number: E164) -> tuple[str, ...]:
    """The ways in which records hold this number, digits only, for a search for candidates.

    National significant digits first, then as dialled within the country, then with country code."""
    parsed = phonenumbers.parse(number)
    significant = phonenumbers.national_significant_number(parsed)
    region = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    prefix = phonenumbers.ndd_prefix_for_region(region, True) or ""
    variants = (significant, prefix + significant, number.removeprefix("+"))
    return tuple(dict.fromkeys(variants))


def _parse(text: str, region: str) -> PhoneNumber | None:
    """The number that the text is as a whole, or None."""
    own = _read(text, region)
    bare = _ZERO_ZERO.match(text)
    if bare is None:
        return own
    # Many trunks write 00 whatever the region dials: Korea's own prefixes are 001, 002, ..., America's 011.
    foreign = _read("+" + text[bare.end() :], region)
    return own if own is not None and phonenumbers.is_valid_number(own) else foreign


def _read(text: str, region: str) -> PhoneNumber | None:
    try:
        parsed = _modern(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE
    return parsed if possible and len(_format(parsed)) <= 1 + _MAX_DIGITS else None


def _modern(number: PhoneNumber) -> PhoneNumber:
    """Mexico dropped the 1 before mobile numbers in 2019; old records and some carriers still have it."""
    significant = phonenumbers.national_significant_number(number)
    if number.country_code == _MEXICO and len(significant) == 11 and significant.startswith("1"):
        return PhoneNumber(country_code=_MEXICO, national_number=int(significant[1:]))
    return number


def _is_extension(text: str, region: str) -> bool:
    """Whether the digits are too few for a public number dialled in this region.

    Some plans (Germany, Austria) allow very short numbers, which on a trunk are internal ones."""
    if text.startswith("+"):
        return False
    example = phonenumbers.example_number(region)
    usual = len(phonenumbers.national_significant_number(example)) if example else _LOCAL_DIGITS
    return len(text) < min(_LOCAL_DIGITS, usual)


def _format(number: PhoneNumber) -> E164:
    return E164(phonenumbers.format_number(number, PhoneNumberFormat.E164))
