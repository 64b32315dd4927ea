"""How English says it (American usage). Pure."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

from ivr.flow.saying.language import LARGEST, Plain, each, parts, without_shouting, words

_ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = words("- - twenty thirty forty fifty sixty seventy eighty ninety")
_GROUPS = ("", "thousand", "million", "billion", "trillion")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
_MONTHS = words("January February March April May June July August September October November December")


class English(Plain):
    """Words for figures, so that every engine says the same."""

    def digits(self, text: str) -> str:
        """Figures apart; engines read single ones rightly."""
        return " ".join(each(text)).upper()

    def number(self, number: Decimal) -> str:
        """ "twelve thousand three hundred forty-five point five"."""
        whole, _, after = format(abs(number), "f").partition(".")
        said = _cardinal(int(whole)) if int(whole) < LARGEST else _one_by_one(whole)
        if after := after.rstrip("0"):
            said += f" point {_one_by_one(after)}"
        return f"minus {said}" if number < 0 else said

    def ordinal(self, number: int) -> str:
        """ "twenty-first"."""
        said = _cardinal(number)
        cut = max(said.rfind(" "), said.rfind("-")) + 1
        return said[:cut] + _nth(said[cut:])

    def date(self, day: date) -> str:
        """ "Sunday, November twenty-second, twenty twenty-six"."""
        return f"{_DAYS[day.weekday()]}, {_MONTHS[day.month - 1]} {self.ordinal(day.day)}, {_year(day.year)}"

    def time(self, moment: time) -> str:
        """ "nine oh five A M"."""
        match moment.hour, moment.minute:
            case 0, 0:
                return "midnight"
            case 12, 0:
                return "noon"
            case hour, minute:
                half = "A M" if hour < 12 else "P M"
                minutes = "" if not minute else f" {'oh ' if minute < 10 else ''}{_cardinal(minute)}"
                return f"{_cardinal(hour % 12 or 12)}{minutes} {half}"

    def duration(self, seconds: int) -> str:
        """ "one minute and thirty seconds"."""
        named = zip(parts(seconds), ("hour", "minute", "second"), strict=True)
        said = [f"{_cardinal(count)} {unit}{'' if count == 1 else 's'}" for count, unit in named if count]
        return " and ".join(said) or "zero seconds"

    def name(self, name: str) -> str:
        """Not in capitals, and with "and" for its sign."""
        return without_shouting(name.replace("&", " and "))


def _cardinal(number: int) -> str:
    if number < 1000:
        return _below_thousand(number)
    groups: list[str] = []
    for name in _GROUPS:
        number, group = divmod(number, 1000)
        if group:
            groups.insert(0, f"{_below_thousand(group)} {name}".rstrip())
        if not number:
            break
    return " ".join(groups)


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    said = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest or not hundreds:
        said.append(_below_hundred(rest))
    return " ".join(said)


def _below_hundred(number: int) -> str:
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")


def _nth(word: str) -> str:
    if word in _ORDINALS:
        return _ORDINALS[word]
    return f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th"


def _year(year: int) -> str:
    century, rest = divmod(year, 100)
    if not rest and year % 1000:
        return f"{_below_hundred(century)} hundred"
    if 2000 <= year < 2010 or not rest or century < 10:
        return _cardinal(year)
    return f"{_below_hundred(century)} {'oh ' if rest < 10 else ''}{_below_hundred(rest)}"


def _one_by_one(figures: str) -> str:
    return " ".join(_ONES[int(figure)] for figure in figures)
