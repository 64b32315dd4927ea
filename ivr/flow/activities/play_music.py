"""play-music: hold music."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from ivr.flow.activities.base import Acting, Activity, Leave, Need, NeedKind, Port, Result


class PlayMusic(Activity):
    """Plays `file` for `duration_s` seconds; without one, until an agent answers or the caller hangs up."""

    type: ClassVar[str] = "play-music"
    uses: ClassVar[frozenset[Port]] = frozenset({Port.VOICE})
    waits: ClassVar[bool] = True

    file: str
    """The name of a WAV file in the sound folders; it is repeated."""
    duration_s: Annotated[float, Field(ge=1, le=86_400)] | None = None
    """For how long."""
    offset_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """How far into the file to begin, once; without it the music goes on where it was."""

    def needs(self) -> tuple[Need, ...]:
        """The file."""
        return (Need(kind=NeedKind.SOUND, name=self.file, at=("file",)),)

    def limit_s(self) -> None:
        """None: the voice keeps the music's time, which stands still while the caller holds."""
        return

    async def run(self, acting: Acting) -> Result:
        """Play."""
        await acting.ports.voice.music(self.file, duration_s=self.duration_s, offset_s=self.offset_s)
        return Leave()
