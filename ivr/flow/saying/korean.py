"""How Korean says it.

Two counts live side by side: the Sino-Korean one for numbers, dates, minutes and digits, the native one for
hours and for places in an order. A digit zero is 공 when digits are read out and 영 in a number.
"""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

from ivr.flow.saying.language import LARGEST, Plain, each, parts, without_shouting, words

_SINO = "영일이삼사오육칠팔구"
_SPELT = "공일이삼사오육칠팔구"
_PLACES = ("", "십", "백", "천")
_GROUPS = ("", "만", "억", "조")
_NATIVE = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_NATIVE_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_LETTERS = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        words(
            "에이 비 씨 디 이 에프 지 에이치 아이 제이 케이 엘 엠 엔 오 피 큐 알 에스 티 유 브이 더블유 "
            "엑스 와이 제트"
        ),
        strict=True,
    )
)
_DAYS = "월화수목금토일"
_IRREGULAR_MONTHS = {6: "유월", 10: "시월"}
_FIRST_SYLLABLE, _LAST_SYLLABLE, _FINALS, _RIEUL = 0xAC00, 0xD7A3, 28, 8
_DIGITS_WITH_FINAL = frozenset("013678")
_DIGITS_WITH_RIEUL = frozenset("178")


class Korean(Plain):
    """Words for figures: the written figures alone do not tell an engine which count is meant."""

    def digits(self, text: str) -> str:
        """ "공 일 공"; Latin letters by their Korean names."""
        return " ".join(_spelt(char) for char in each(text))

    def number(self, number: Decimal) -> str:
        """ "만 이천삼백사십오 점 오"."""
        whole, _, after = format(abs(number), "f").partition(".")
        said = _sino(int(whole)) if int(whole) < LARGEST else " ".join(_SINO[int(d)] for d in whole)
        if after := after.rstrip("0"):
            said += f" 점 {' '.join(_SINO[int(figure)] for figure in after)}"
        return f"마이너스 {said}" if number < 0 else said

    def ordinal(self, number: int) -> str:
        """ "세 번째"."""
        return "첫 번째" if number == 1 else f"{_native(number)} 번째"

    def date(self, day: date) -> str:
        """ "이천이십육년 십일월 이십이일 일요일"."""
        month = _IRREGULAR_MONTHS.get(day.month, f"{_sino(day.month)}월")
        return f"{_sino(day.year)}년 {month} {_sino(day.day)}일 {_DAYS[day.weekday()]}요일"

    def time(self, moment: time) -> str:
        """ "오전 아홉 시 오 분"."""
        match moment.hour, moment.minute:
            case 0, 0:
                return "자정"
            case 12, 0:
                return "정오"
            case hour, minute:
                half = "오전" if hour < 12 else "오후"
                minutes = f" {_sino(minute)} 분" if minute else ""
                return f"{half} {_native(hour % 12 or 12)} 시{minutes}"

    def duration(self, seconds: int) -> str:
        """ "한 시간 오 분"."""
        hours, minutes, rest = parts(seconds)
        said = [f"{_native(hours)} 시간"] if hours else []
        said += [f"{_sino(count)} {unit}" for count, unit in ((minutes, "분"), (rest, "초")) if count]
        return " ".join(said) or "영 초"

    def name(self, name: str) -> str:
        """A Korean name in one word, whatever blanks it was typed with; company signs in words."""
        text = name.replace("(주)", " 주식회사 ").replace("㈜", " 주식회사 ").replace("&", " 앤드 ")
        joined = text.replace(" ", "")
        if 2 <= len(joined) <= 4 and all(map(_is_hangul, joined)):
            return joined
        return without_shouting(text)

    def particle(self, word: str, choice: str) -> str:
        """ "블루하버를": by the final consonant of how the word's end is read."""
        with_final, _, without = choice.partition("/")
        final, rieul = _final(word.rstrip(" .,!?)\"'"))
        if rieul and with_final == "으로":
            final = False  # "서울로": ㄹ takes what words without a final take
        return word + (with_final if final else without or with_final)


def _sino(number: int) -> str:
    if number == 0:
        return _SINO[0]
    groups: list[str] = []
    for name in _GROUPS:
        number, group = divmod(number, 10_000)
        if group:
            # "만", not "일만", where the number begins with it.
            leading_man = name == "만" and group == 1 and not number
            groups.insert(0, name if leading_man else _below_ten_thousand(group) + name)
        if not number:
            break
    return " ".join(groups)


def _below_ten_thousand(number: int) -> str:
    said = ""
    for place in (3, 2, 1, 0):
        figure = number // 10**place % 10
        if figure:
            said += ("" if figure == 1 and place else _SINO[figure]) + _PLACES[place]
    return said


def _native(number: int) -> str:
    """As it stands before a counter. From a hundred on the native count is not used."""
    if not 0 < number < 100:
        return _sino(number)
    if number == 20:
        return "스무"
    return _NATIVE_TENS[number // 10] + _NATIVE[number % 10]


def _spelt(char: str) -> str:
    if char in "0123456789":
        return _SPELT[int(char)]
    return _LETTERS.get(char.upper(), char)


def _is_hangul(char: str) -> bool:
    return _FIRST_SYLLABLE <= ord(char) <= _LAST_SYLLABLE


def _final(word: str) -> tuple[bool, bool]:
    """Whether the word's end is read with a final consonant, and whether that is ㄹ."""
    last = word[-1:]
    if not last:
        return False, False
    if _is_hangul(last):
        final = (ord(last) - _FIRST_SYLLABLE) % _FINALS
        return final != 0, final == _RIEUL
    if last in "0123456789":
        return last in _DIGITS_WITH_FINAL, last in _DIGITS_WITH_RIEUL
    # Foreign words: only these endings keep their consonant in Hangul; "Microsoft" gains a vowel.
    return last.lower() in "lmn", last.lower() == "l"
