"""What callers hear and press: play-message, play-music, ivr-menu, ivr-collectdigits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ivr.flow.escape import Context
from ivr.flow.prompts import MAX_SPEECH
from ivr.flow.webex.bindings import Outside
from ivr.flow.webex.mapping.context import Work
from ivr.flow.webex.mapping.step import DEFAULT, FAILED, Port, Step, To, fail
from ivr.flow.webex.source import Json

# Values are put into a text when it is spoken, so that the text itself has to leave room for them.
_MAX_TEXT = MAX_SPEECH - 150
_MAX_PROMPTS = 20
_SSML = re.compile(r"<[^<>{}]*>")
_SENTENCE = re.compile(r"(?<=[.!?。])\s+")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,126}\.wav")
_KEYS = re.compile(r"[0-9*#]")
_LANGUAGE = re.compile(r"([a-z]{2,3})-([A-Z]{2})\b")


def play_message(work: Work) -> list[Step]:
    """Prompts, one after the other."""
    prompts = _prompts(work)
    if not prompts:
        return [fail("this message has no prompt in the export", ("next",))]
    return [Step(type="play-message", properties=prompts, edges={"next": DEFAULT, "error": FAILED})]


def play_music(work: Work) -> list[Step]:
    """Music for a time; without one, the file once."""
    activity = work.activity
    name = activity.text("prompt", "musicFile", "promptDynamic")
    if not name:
        work.defect("no-audio", "it names no sound file", "prompt")
        return [fail("this music has no file in the export", ("next",))]
    edges: dict[str, To] = {"next": DEFAULT, "error": FAILED}
    duration_s = activity.number("duration", "musicDuration")
    offset_s = activity.number("skip", "startOffset") or 0.0
    if duration_s is None or "{{" in name:
        if duration_s is not None:
            work.different(
                "music-time", "the file's name is only known in the call: it plays once", "duration"
            )
        return [Step(type="play-message", properties={"prompts": [_file(work, name)]}, edges=edges)]
    properties: dict[str, Json] = {
        "file": _bound(work, name),
        "duration_s": min(max(duration_s, 1.0), 86_400.0),
    }
    if offset_s > 0:
        properties["offset_s"] = min(offset_s, 3600.0)
    return [Step(type="play-music", properties=properties, edges=edges)]


def menu(work: Work) -> list[Step]:
    """One key, one way."""
    activity = work.activity
    choices = dict(_choices(work))
    leaves = (*choices, "timeout", "invalid")
    prompts = _prompts(work)
    if not prompts or not choices:
        if not choices:
            work.defect("no-choices", "it has no keys to choose from", "menuLinks")
        return [fail("this menu has no prompt or no choices in the export", leaves)]
    properties: dict[str, Json] = {
        **prompts,
        "choices": dict(choices),
        "barge_in": activity.flag("interruptible"),
        "first_digit_s": _wait(activity.number("entryTimeout"), 3.0),
    }
    edges: dict[str, To] = {leave: Port((leave,)) for leave in leaves}
    _missing_edges(work, ("timeout", "invalid"))
    return [Step(type="menu", properties=properties, edges={**edges, "error": FAILED})]


def collect_digits(work: Work) -> list[Step]:
    """A number by keys."""
    activity = work.activity
    prompts = _prompts(work)
    leaves = ("next", "timeout", "invalid")
    if not prompts:
        return [fail("this entry has no prompt in the export", leaves)]
    least = min(max(int(activity.number("minDigits") or 1), 1), 32)
    most = min(max(int(activity.number("maxDigits") or 10), least), 32)
    terminator = activity.text("terminatorSymbol")
    properties: dict[str, Json] = {
        **prompts,
        "min_digits": least,
        "max_digits": most,
        "barge_in": activity.flag("interruptible"),
        "first_digit_s": _wait(activity.number("entryTimeout"), 3.0),
        "inter_digit_s": _wait(activity.number("interDigitTimeout"), 3.0),
        "terminator": terminator if terminator in ("*", "#") else "",
    }
    edges: dict[str, To] = {
        "next": DEFAULT, "timeout": Port(("timeout",)), "invalid": Port(("invalid",)), "error": FAILED
    }  # fmt: skip
    _missing_edges(work, ("timeout", "invalid"))
    return [Step(type="collect-digits", properties=properties, edges=edges)]


def _missing_edges(work: Work, ports: tuple[str, ...]) -> None:
    for port in ports:
        if port not in work.wired:
            work.defect("missing-edge", f"the edge {port} is not wired: such a caller goes to OnGlobalError")


def _wait(seconds: float | None, usual: float) -> float:
    return min(max(usual if seconds is None else seconds, 0.5), 60.0)


def _choices(work: Work) -> Iterator[tuple[str, str]]:
    activity = work.activity
    for option in activity.objects("menuOptions"):
        digit = str(option.get("digit", option.get("key", ""))).strip()
        if _KEYS.fullmatch(digit):
            yield digit, str(option.get("label") or option.get("description") or digit)
    labels = activity.texts("menuLinks:input")
    for index, digit in enumerate(activity.texts("menuLinks")):
        if _KEYS.fullmatch(digit.strip()):
            yield digit.strip(), labels[index] if index < len(labels) and labels[index] else digit.strip()
        else:
            work.lost("menu-key", f"{digit!r} is no key of a telephone", "menuLinks")


def _prompts(work: Work) -> dict[str, Json]:
    """The prompts, and the language where the export sets one."""
    activity = work.activity
    spoken, files = activity.objects("promptsTts"), activity.objects("prompts")
    speaks = activity.flag("toggle") if spoken and files else bool(spoken)
    found: list[Json] = []
    for item in spoken if speaks else files:
        value = str(item.get("value") or "").strip()
        if item.get("type") == "tts" or (speaks and "type" not in item):
            found.extend({"text": text} for text in _texts(work, value))
        elif value:
            found.append(_file(work, value))
    if len(found) > _MAX_PROMPTS:
        work.lost("too-many-prompts", f"a message has at most {_MAX_PROMPTS} prompts", "prompts")
    if not found:
        work.defect("no-prompt", "it has nothing to play", "prompts")
        return {}
    prompts: dict[str, Json] = {"prompts": found[:_MAX_PROMPTS]}
    return prompts | (_voice(work) if speaks else {})


def _voice(work: Work) -> dict[str, Json]:
    activity = work.activity
    voice = activity.text("voiceLanguage")
    said = [
        f"{name} {activity.text(name)}" for name in ("speakingRate", "volumeGainDb") if activity.text(name)
    ]
    told = [text for text in said if text not in ("speakingRate 1", "speakingRate 1.0", "volumeGainDb 0")]
    if activity.flag("toggleLanguage") and voice:
        told.insert(0, f"the voice {voice}")
    if told:
        work.different("voice", f"{', '.join(told)}: the voice is the node's own", "promptsTts")
    language = _LANGUAGE.match(voice) if activity.flag("toggleLanguage") else None
    usual = work.variables["Global_Language"].value if "Global_Language" in work.variables else "en-US"
    if language is None or language[1] == (usual or "en-US").partition("-")[0]:
        return {}
    return {"language": f"{language[1]}-{language[2]}"}


def _texts(work: Work, value: str) -> Iterator[str]:
    text = " ".join(_SSML.sub(" ", value).split())
    if _SSML.search(value):
        work.different("ssml", "marks of SSML are left out: the text alone is spoken", "promptsTts")
    translated = work.text(text, Context.SPEECH, "promptsTts")
    part = ""
    for sentence in _pieces(translated):
        if part and len(part) + len(sentence) > _MAX_TEXT and part.count("{{") == part.count("}}"):
            yield part
            part = ""
        part = f"{part} {sentence}".strip()
    if part:
        yield part


def _pieces(text: str) -> Iterator[str]:
    """Sentences; words of those that are too long in themselves."""
    for sentence in _SENTENCE.split(text):
        if len(sentence) <= _MAX_TEXT:
            yield sentence
        else:
            yield from sentence.split(" ")


def _file(work: Work, value: str) -> Json:
    if "{{" not in value:
        return {"file": _bound(work, value)}
    work.different("dynamic-audio", "the files that this may name must lie in the sound folders", "prompts")
    return {"file": work.text(value, Context.PLAIN, "prompts")}


def _bound(work: Work, value: str) -> str:
    usual = value if _FILE.fullmatch(value) else None
    return work.need(Outside.AUDIO, value, usual=usual)
