"""How English and Korean say numbers, dates, times and names; the filters; the two catalogues."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.errors import TemplateError
from ivr.flow.escape import Context
from ivr.flow.prompts import load_prompts
from ivr.flow.saying import PLAIN, saying
from ivr.flow.saying.language import LARGEST
from ivr.flow.template import parse
from ivr.flow.values import Namespace, Value

PROMPTS = Path(__file__).parents[1] / "config" / "prompts"
EN, KO = saying("en-US"), saying("ko-KR")


class Given:
    """A scope of one value."""

    def __init__(self, value: Value) -> None:
        self.value = value

    def look_up(self, name: str) -> Value | Namespace:
        return self.value


def said(filtered: str, value: Value, language: str = "en-US") -> str:
    return parse(Context.SPEECH, f"{{{{ x | {filtered} }}}}").render(Given(value), language)


@pytest.mark.parametrize(
    ("number", "english", "korean"),
    [
        ("0", "zero", "영"),
        ("7", "seven", "칠"),
        ("13", "thirteen", "십삼"),
        ("21", "twenty-one", "이십일"),
        ("100", "one hundred", "백"),
        ("206", "two hundred six", "이백육"),
        ("1111", "one thousand one hundred eleven", "천백십일"),
        ("10000", "ten thousand", "만"),
        ("12345", "twelve thousand three hundred forty-five", "만 이천삼백사십오"),
        ("110000", "one hundred ten thousand", "십일만"),
        ("1000000", "one million", "백만"),
        ("100010000", "one hundred million ten thousand", "일억 일만"),
        ("-3.50", "minus three point five", "마이너스 삼 점 오"),
        ("0.05", "zero point zero five", "영 점 영 오"),
        ("1000000000000000", "one" + " zero" * 15, "일" + " 영" * 15),
    ],
)
def test_numbers(number: str, english: str, korean: str) -> None:
    assert EN.number(Decimal(number)) == english
    assert KO.number(Decimal(number)) == korean


@pytest.mark.parametrize(
    ("place", "english", "korean"),
    [
        (1, "first", "첫 번째"),
        (2, "second", "두 번째"),
        (3, "third", "세 번째"),
        (5, "fifth", "다섯 번째"),
        (12, "twelfth", "열두 번째"),
        (20, "twentieth", "스무 번째"),
        (21, "twenty-first", "스물한 번째"),
        (99, "ninety-ninth", "아흔아홉 번째"),
        (100, "one hundredth", "백 번째"),
        (112, "one hundred twelfth", "백십이 번째"),
    ],
)
def test_places(place: int, english: str, korean: str) -> None:
    assert (EN.ordinal(place), KO.ordinal(place)) == (english, korean)


@pytest.mark.parametrize(
    ("day", "english", "korean"),
    [
        (date(2026, 11, 22), "Sunday, November twenty-second, twenty twenty-six",
         "이천이십육년 십일월 이십이일 일요일"),
        (date(2026, 6, 1), "Monday, June first, twenty twenty-six", "이천이십육년 유월 일일 월요일"),
        (date(2005, 10, 30), "Sunday, October thirtieth, two thousand five", "이천오년 시월 삼십일 일요일"),
        (date(1999, 1, 3), "Sunday, January third, nineteen ninety-nine",
         "천구백구십구년 일월 삼일 일요일"),
        (date(1900, 2, 2), "Friday, February second, nineteen hundred", "천구백년 이월 이일 금요일"),
    ],
)  # fmt: skip
def test_dates(day: date, english: str, korean: str) -> None:
    assert (EN.date(day), KO.date(day)) == (english, korean)


@pytest.mark.parametrize(
    ("moment", "english", "korean"),
    [
        (time(0, 0), "midnight", "자정"),
        (time(12, 0), "noon", "정오"),
        (time(9, 5), "nine oh five A M", "오전 아홉 시 오 분"),
        (time(0, 30), "twelve thirty A M", "오전 열두 시 삼십 분"),
        (time(13, 0), "one P M", "오후 한 시"),
        (time(17, 45), "five forty-five P M", "오후 다섯 시 사십오 분"),
    ],
)
def test_times(moment: time, english: str, korean: str) -> None:
    assert (EN.time(moment), KO.time(moment)) == (english, korean)


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [
        (0, "zero seconds", "영 초"),
        (1, "one second", "일 초"),
        (90, "one minute and thirty seconds", "일 분 삼십 초"),
        (629, "ten minutes", "십 분"),
        (3900, "one hour and five minutes", "한 시간 오 분"),
    ],
)
def test_durations(seconds: int, english: str, korean: str) -> None:
    assert (EN.duration(seconds), KO.duration(seconds)) == (english, korean)


@pytest.mark.parametrize(
    ("name", "english", "korean"),
    [
        ("ALICE MORGAN", "Alice Morgan", "Alice Morgan"),
        ("Ann Lee", "Ann Lee", "Ann Lee"),
        ("IBM", "IBM", "IBM"),
        ("ACME", "Acme", "Acme"),
        ("Johnson & Sons", "Johnson and Sons", "Johnson 앤드 Sons"),
        ("김 민수", "김 민수", "김민수"),
        ("(주)블루하버", "(주)블루하버", "주식회사 블루하버"),
    ],
)
def test_names(name: str, english: str, korean: str) -> None:
    assert (EN.name(name), KO.name(name)) == (english, korean)


def test_digits() -> None:
    assert EN.digits("00-12a") == "0 0 1 2 A"
    assert KO.digits("010-23a") == "공 일 공 이 삼 에이"


@pytest.mark.parametrize(
    ("word", "choice", "with_it"),
    [
        ("블루하버", "을/를", "블루하버를"),
        ("한국", "을/를", "한국을"),
        ("한국", "으로/로", "한국으로"),
        ("서울", "으로/로", "서울로"),
        ("서울", "은/는", "서울은"),
        ("팀 3", "이/가", "팀 3이"),
        ("팀 2", "이/가", "팀 2가"),
        ("Hotel", "은/는", "Hotel은"),
        ("Acme", "은/는", "Acme는"),
        ("", "은/는", "는"),
    ],
)
def test_particles(word: str, choice: str, with_it: str) -> None:
    assert KO.particle(word, choice) == with_it
    assert EN.particle(word, choice) == word


def test_other_languages_leave_it_to_the_engine() -> None:
    fr = saying("fr-FR")
    assert fr is PLAIN
    assert fr.number(Decimal("1200.50")) == "1200.5"
    assert fr.date(date(2026, 1, 2)) == "2026-01-02"
    assert (fr.time(time(9, 5)), fr.duration(61), fr.ordinal(3)) == ("09:05", "1:01", "3")
    assert (fr.digits("1-2"), fr.name("X & Y"), fr.particle("x", "a/b")) == ("1 2", "X & Y", "x")


@given(number=st.integers(min_value=1, max_value=LARGEST - 1))
def test_every_number_has_one_reading_in_korean(number: int) -> None:
    """Read back, the words are the number."""
    total = 0
    for group in KO.number(Decimal(number)).split():
        name = group[-1] if group[-1] in "만억조" else ""
        inner, figure = 0, 0
        for char in group.removesuffix(name):
            if char in "십백천":
                inner += (figure or 1) * {"십": 10, "백": 100, "천": 1000}[char]
                figure = 0
            else:
                figure = "영일이삼사오육칠팔구".index(char)
        total += (inner + figure or 1) * {"": 1, "만": 10**4, "억": 10**8, "조": 10**12}[name]
    assert total == number


MOMENT = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("filtered", "value", "english", "korean"),
    [
        ("number", 12, "twelve", "십이"),
        ("number", "1.5", "one point five", "일 점 오"),
        ("ordinal", 2, "second", "두 번째"),
        ("digits", "A-12", "A 1 2", "에이 일 이"),
        ("date", "2026-11-22", "Sunday, November twenty-second, twenty twenty-six",
         "이천이십육년 십일월 이십이일 일요일"),
        ("date('Asia/Seoul')", MOMENT, "Monday, November twenty-third, twenty twenty-six",
         "이천이십육년 십일월 이십삼일 월요일"),
        ("time", MOMENT, "five oh five P M", "오후 다섯 시 오 분"),
        ("time('Asia/Seoul')", MOMENT.isoformat(), "two oh five A M", "오전 두 시 오 분"),
        ("time", "09:30", "nine thirty A M", "오전 아홉 시 삼십 분"),
        ("duration", 125, "two minutes and five seconds", "이 분 오 초"),
        ("name", "KIM <b> & Co", "KIM b and Co", "KIM b 앤드 Co"),
        ("particle('을/를')", "한국", "한국", "한국을"),
    ],
)  # fmt: skip
def test_filters_speak_the_language_of_the_text(
    filtered: str, value: Value, english: str, korean: str
) -> None:
    assert said(filtered, value) == english
    assert said(filtered, value, "ko-KR") == korean


@pytest.mark.parametrize(
    ("filtered", "value"),
    [
        ("date", "tomorrow"),
        ("date('Mars/Olympus')", MOMENT),
        ("date('../etc/passwd')", MOMENT),
        ("time", "25:00"),
        ("number", "many"),
        ("ordinal", 0),
        ("ordinal", "x"),
        ("duration", "long"),
    ],
)
def test_what_cannot_be_said_is_an_error(filtered: str, value: Value) -> None:
    with pytest.raises(TemplateError):
        said(filtered, value)


def test_the_korean_catalogue_has_every_prompt_with_the_same_places() -> None:
    english, korean = load_prompts(PROMPTS / "en-US.yaml"), load_prompts(PROMPTS / "ko-KR.yaml")
    assert english.prompts.keys() == korean.prompts.keys()
    assert {key: english.places(key) for key in english.prompts} == {
        key: korean.places(key) for key in korean.prompts
    }


def test_names_are_said_as_people_say_them_in_both_catalogues() -> None:
    english, korean = load_prompts(PROMPTS / "en-US.yaml"), load_prompts(PROMPTS / "ko-KR.yaml")
    firms = {"name": "Harper & Sons", "company": "Smith & Co"}
    assert english.text("greet_by_name", firms) == "Harper and Sons, thank you for calling Smith and Co."
    assert english.text("greet_neutral", firms) == "Thank you for calling Smith and Co."
    loud = {"name": "ALICE MORGAN", "company": "our support line"}
    assert english.text("greet_by_name", loud) == "Alice Morgan, thank you for calling our support line."
    assert korean.text("greet_by_name", {"name": "홍 길동", "company": "㈜한빛 & 별"}) == (
        "홍길동 고객님, 주식회사 한빛 앤드 별에 전화해 주셔서 감사합니다."
    )
    assert korean.text("greet_neutral", {"company": "㈜한빛"}) == "주식회사 한빛에 전화해 주셔서 감사합니다."


def test_a_catalogue_knows_those_beside_it() -> None:
    english = load_prompts(PROMPTS / "en-US.yaml")
    assert english.others.keys() == {"ko-KR"}
    korean = english.spoken("ko")
    assert korean is not None
    assert korean.text("position_in_queue", {"position": 3}) == "고객님의 대기 순서는 세 번째입니다."
    assert english.spoken("en-GB") is english
    assert english.spoken("fr-FR") is None


def test_korean_says_a_case_number_figure_by_figure() -> None:
    korean = load_prompts(PROMPTS / "ko-KR.yaml")
    assert korean.text("open_case", {"number": "00001026"}) == (
        "진행 중인 문의, 번호 공 공 공 공 일 공 이 육번이 있습니다."
    )
