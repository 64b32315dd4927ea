"""What a failed test leaves for whoever reads its report."""

from __future__ import annotations

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the text of the open pages to the report of a failed browser test."""
    report = yield
    context = getattr(item, "funcargs", {}).get("context")
    if report.when == "call" and report.failed and context is not None:
        report.sections += _pages(context)
    return report


def _pages(context: object) -> list[tuple[str, str]]:
    # Only browser tests need the library.
    from playwright.sync_api import BrowserContext, Error

    if not isinstance(context, BrowserContext):
        return []
    sections = []
    for page in context.pages:
        try:
            sections.append((page.url, page.inner_text("body", timeout=2_000)))
        except Error as exc:
            sections.append((page.url, f"no text: {exc.message}"))
    return sections
