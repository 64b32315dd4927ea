"""post-comments: leave a comment on the call's case, after the call."""

from __future__ import annotations

from typing import ClassVar

from ivr.flow.activities.base import Acting, Activity, Leave, Need, NeedKind, Port, Result
from ivr.flow.template import PlainTemplate


class PostComments(Activity):
    """Puts `text` into the outbox, which adds call id, times and the agent's notes and writes it once."""

    type: ClassVar[str] = "post-comments"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.CONNECTOR})

    connector: str
    """The connector's name in the configuration."""
    text: PlainTemplate
    """The comment; `{notes}` in it is where the agent's notes go."""

    def needs(self) -> tuple[Need, ...]:
        """The connector."""
        return (Need(kind=NeedKind.CONNECTOR, name=self.connector, at=("connector",)),)

    async def run(self, acting: Acting) -> Result:
        """Leave when the outbox has the row."""
        await acting.ports.connector.post_comment(self.connector, acting.render(self.text))
        return Leave()
