"""What a language has to be able to say, and the plain way for those that have no module. Pure."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Protocol

MAX_DIGITS = 64
LARGEST = 10**15
"""Numbers from here on are said digit by digit: nobody follows a longer one."""


class Saying(Protocol):
    """One language. Every answer is text for the ear, without markup."""

    def digits(self, text: str) -> str:
        """Letters and digits one by one; everything else is left out."""
        ...

    def number(self, number: Decimal) -> str:
        """A quantity."""
        ...

    def ordinal(self, number: int) -> str:
        """A place in an order: "third"."""
        ...

    def date(self, day: date) -> str:
        """A day with its weekday and year."""
        ...

    def time(self, moment: time) -> str:
        """A time of day, without seconds."""
        ...

    def duration(self, seconds: int) -> str:
        """How long."""
        ...

    def name(self, name: str) -> str:
        """A person's or a company's name, as an engine reads it best."""
        ...

    def particle(self, word: str, choice: str) -> str:
        """The word with the particle that it takes, of a choice such as "을/를"."""
        ...


class Plain:
    """As it is written; an engine reads figures in its own language."""

    def digits(self, text: str) -> str:
        """Apart, so that they are not read as one number."""
        return " ".join(each(text))

    def number(self, number: Decimal) -> str:
        """Figures."""
        return format(number.normalize(), "f")

    def ordinal(self, number: int) -> str:
        """Figures."""
        return str(number)

    def date(self, day: date) -> str:
        """As in ISO 8601."""
        return day.isoformat()

    def time(self, moment: time) -> str:
        """Hours and minutes."""
        return moment.strftime("%H:%M")

    def duration(self, seconds: int) -> str:
        """Minutes and seconds."""
        return f"{seconds // 60}:{seconds % 60:02}"

    def name(self, name: str) -> str:
        """Unchanged."""
        return name

    def particle(self, word: str, choice: str) -> str:
        """The word alone."""
        return word


def words(text: str) -> tuple[str, ...]:
    """The words of a table that is written as one text."""
    return tuple(text.split())


def each(text: str) -> list[str]:
    """The letters and digits of a text, at most `MAX_DIGITS`."""
    return [char for char in text[:MAX_DIGITS] if char.isalnum()]


def parts(seconds: int) -> tuple[int, int, int]:
    """Hours, minutes and seconds worth saying: no seconds from ten minutes on."""
    minutes, rest = divmod(max(0, seconds), 60)
    if minutes >= 10:
        minutes, rest = minutes + (rest >= 30), 0
    return minutes // 60, minutes % 60, rest


def without_shouting(name: str) -> str:
    """ "ALICE MORGAN" as "Alice Morgan": an engine spells words that are all capitals. Short words on their
    own, as IBM, are spelt rightly and stay."""
    words = name.split()
    shouted = len(words) > 1 and name.isupper()
    return " ".join(w.capitalize() if w.isupper() and (shouted or len(w) > 3) else w for w in words)
