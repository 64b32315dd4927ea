"""screen-pop: open a page on the agent's desktop."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from ivr.flow.activities.base import Acting, Activity, Leave, Port, Result
from ivr.flow.activities.condition import truth
from ivr.flow.template import PlainTemplate, QueryTemplate, UrlTemplate

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]


class ScreenPop(Activity):
    """Opens `url`, e.g. "salesforce:Account/{{ AccountByANI.id }}", in a new tab.

    `query` is added to the address. With `when`, it opens only if that renders "true"; otherwise there is
    nothing to open, which is no error.
    """

    type: ClassVar[str] = "screen-pop"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.DESKTOP})

    url: UrlTemplate
    """The page: `https://...`, or `salesforce:OBJECT/ID`."""
    label: PlainTemplate
    """What the desktop calls it."""
    query: Annotated[dict[_Name, QueryTemplate], Field(max_length=20, default_factory=dict)]
    """Query parameters to add."""
    when: PlainTemplate | None = None
    """A condition; the page is opened only where it holds."""

    async def run(self, acting: Acting) -> Result:
        """Pop."""
        if self.when is not None and truth(acting.render(self.when)) == "false":
            return Leave(detail="nothing to open")
        await acting.ports.desktop.screen_pop(url=self._address(acting), label=acting.render(self.label))
        return Leave()

    def _address(self, acting: Acting) -> str:
        url = acting.render(self.url).strip()
        query = "&".join(f"{name}={acting.render(value)}" for name, value in self.query.items())
        if not query:
            return url
        return f"{url}{'&' if '?' in url else '?'}{query}"
