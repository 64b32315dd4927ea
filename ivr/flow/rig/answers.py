"""The scripted answers to http-request: which one a request gets. Pure; for virtual time and for HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ivr.flow.rig.scenario import HttpAnswer


class AnswerScript:
    """The answers of one call, used up in turn."""

    def __init__(self, answers: Sequence[HttpAnswer]) -> None:
        self._answers = tuple(answers)
        self._used = [0] * len(self._answers)

    def take(self, connector: str, method: str, path: str) -> HttpAnswer | None:
        """The first answer that fits and is not used up; `path` with its query."""
        for index, answer in enumerate(self._answers):
            spent = answer.times is not None and self._used[index] >= answer.times
            if not spent and _fits(answer, connector, method, path):
                self._used[index] += 1
                return answer
        return None


def body_of(answer: HttpAnswer) -> str:
    """What the answer says."""
    if answer.body is not None:
        return answer.body
    return "" if "json_" not in answer.model_fields_set else json.dumps(answer.json_)


def _fits(answer: HttpAnswer, connector: str, method: str, path: str) -> bool:
    return (
        answer.connector in (None, connector)
        and (answer.method is None or answer.method.upper() == method.upper())
        and (answer.path is None or answer.path in path)
    )
