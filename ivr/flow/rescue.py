"""The built-in OnGlobalError: the call goes to the default queue and hears music. A graph like any other."""

from __future__ import annotations

from ivr.flow.activities.end import End
from ivr.flow.activities.play_music import PlayMusic
from ivr.flow.activities.queue_contact import QueueContact
from ivr.flow.model import EventName, Graph, Node

_RETRY_S = 10.0


def rescue_graph(*, queued: bool, music: str) -> Graph:
    """Queue the call unless it is queued, trying again every ten seconds; then music until it is answered."""
    nodes = (
        Node(
            name="DefaultQueue",
            activity=QueueContact(),
            edges={"next": "DefaultMusic", "error": "MusicBeforeRetry"},
        ),
        Node(
            name="MusicBeforeRetry",
            activity=PlayMusic(file=music, duration_s=_RETRY_S),
            edges={"next": "DefaultQueue", "error": "DefaultQueue"},
        ),
        Node(
            name="DefaultMusic",
            activity=PlayMusic(file=music),
            edges={"next": "DefaultMusic", "error": "EndFlow"},
        ),
        Node(name="EndFlow", activity=End()),
    )
    return Graph(
        name=EventName.ON_GLOBAL_ERROR,
        start="DefaultMusic" if queued else "DefaultQueue",
        nodes={node.name: node for node in nodes},
    )
