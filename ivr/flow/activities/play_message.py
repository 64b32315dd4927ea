"""play-message: speak and play prompts, one after the other."""

from __future__ import annotations

from typing import ClassVar

from ivr.flow.activities.base import Acting, Leave, Port, Result
from ivr.flow.activities.speaking import Sequence, Speaking


class PlayMessage(Speaking):
    """Plays `prompts` in order and leaves when the last has ended. Keys that are pressed meanwhile are kept
    for the menu or the entry that follows."""

    type: ClassVar[str] = "play-message"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.VOICE})
    waits: ClassVar[bool] = True

    prompts: Sequence
    """Each is a prompt of the catalogue (`key`, `with`), a `text`, or a `file`."""

    def limit_s(self) -> None:
        """None: a prompt always reports its end, and waits while the caller holds."""
        return

    async def run(self, acting: Acting) -> Result:
        """Play."""
        await acting.ports.voice.play(self.said(acting, *self.prompts))
        return Leave()
