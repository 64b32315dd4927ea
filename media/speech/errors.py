"""What can go wrong between a text and a file that plays.

```
SpeechError
├── SpeechTimeout      not ready in the caller's time; it may be in the cache later
├── SpeechUnavailable  the engine is down, was lost in the request, or has too much to do
├── BadAudio           the engine gave nothing, silence, or a file that does not hold what it says
└── NotSpeakable       the text or the language: empty, too long, unknown to the engine
```

Only the first two are worth another try. No text is ever in a message.
"""

from __future__ import annotations


class SpeechError(Exception):
    """Base of this package's faults."""


class SpeechTimeout(SpeechError):
    """Not ready in time."""


class SpeechUnavailable(SpeechError):
    """No engine to speak."""


class BadAudio(SpeechError):
    """What the engine made cannot be played."""


class NotSpeakable(SpeechError):
    """This text in this language will never be spoken."""
