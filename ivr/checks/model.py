"""A check and its result, and how one is run: in bounded time, whatever happens in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

DEFAULT_LIMIT_S = 10.0

log = structlog.get_logger()


class Status(StrEnum):
    """How a check went. SKIPPED: there is nothing to try, or what it needs has failed."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What was found, in one sentence; `remedy` says what to do about a failure."""

    status: Status
    text: str
    remedy: str = ""


def ok(text: str) -> CheckResult:
    """It works."""
    return CheckResult(status=Status.OK, text=text)


def failed(text: str, remedy: str) -> CheckResult:
    """It does not work, and what to do."""
    return CheckResult(status=Status.FAILED, text=text, remedy=remedy)


def skipped(text: str) -> CheckResult:
    """It was not tried, and why."""
    return CheckResult(status=Status.SKIPPED, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the report."""

    name: str
    run: Callable[[], Awaitable[CheckResult]]
    limit_s: float = DEFAULT_LIMIT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A check that was run."""

    name: str
    result: CheckResult


async def run_check(check: Check) -> Line:
    """Run it within its time; a check that raises is one that failed."""
    try:
        async with asyncio.timeout(check.limit_s):
            result = await check.run()
    except TimeoutError:
        result = failed(f"not done within {check.limit_s:g} s", "see whether the machine is overloaded")
    except Exception as exc:  # the root of a check
        log.exception("check.broken", check=check.name)
        result = failed(f"the check itself failed: {type(exc).__name__}: {exc}", "report this as a fault")
    return Line(name=check.name, result=result)
