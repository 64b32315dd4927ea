"""The engine's process: `python -m media.speech.process`, requests on stdin, replies on stdout.

Its own because synthesis is native code that can crash or hang; the node kills and replaces it. The end of
stdin is the end of the node, and ends this process even in the middle of a sentence.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from pathlib import Path

from media.speech import wire
from media.speech.espeak import EspeakRenderer, RenderFailed, UnknownLanguage

MAX_WAITING = 8


def main() -> None:
    """Serve until stdin ends."""
    os.umask(0o077)
    replies = _take_stdout()
    requests: queue.Queue[wire.Render] = queue.Queue(MAX_WAITING)
    threading.Thread(target=_read_requests, args=(requests,), name="requests", daemon=True).start()
    renderer = EspeakRenderer()
    sys.unraisablehook = renderer.on_unraisable
    _send(replies, wire.Hello(engine="pyttsx3", library=renderer.version, languages=renderer.languages))
    while True:
        _send(replies, _serve(renderer, requests.get()))


def _serve(renderer: EspeakRenderer, request: wire.Render) -> wire.Line:
    try:
        renderer.render(request.text, request.language, request.words_per_minute, Path(request.path))
    except UnknownLanguage:
        return wire.Refused(id=request.id, code="language", reason="no voice speaks this language")
    except RenderFailed as exc:
        return wire.Refused(id=request.id, code="failed", reason=str(exc))
    except Exception as exc:  # noqa: BLE001 - the root of a request; the text of the error may hold the prompt
        return wire.Refused(id=request.id, code="failed", reason=type(exc).__name__)
    return wire.Rendered(id=request.id)


def _take_stdout() -> int:
    """A descriptor for replies alone; whatever prints to stdout after this goes to stderr or nowhere.

    pyttsx3 prints a line for each file; native code may print anything.
    """
    replies = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open as long as the process
    return replies


def _send(replies: int, line: wire.Line) -> None:
    data = wire.encode(line)
    while data:
        data = data[os.write(replies, data) :]


def _read_requests(requests: queue.Queue[wire.Render]) -> None:
    for line in sys.stdin.buffer:
        requests.put(wire.decode_request(line))
    os._exit(0)


if __name__ == "__main__":
    main()
