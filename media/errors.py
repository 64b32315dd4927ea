"""What goes wrong between control and voice.

```
MediaError
├── WorkerLost        the worker died, hangs, or left
├── CommandFailed     the worker refused a command; `.code` is a word for programs
├── WorkerStartError  a worker cannot start: port in use, library missing
├── EdgeError         the edge cannot start, or does not answer
└── ContractError     (media.messages) the two ends do not speak the same contract: our fault
```
"""

from __future__ import annotations


class MediaError(Exception):
    """Base of this package's faults."""


class WorkerLost(MediaError):
    """The worker that held the leg is gone."""


class WorkerStartError(MediaError):
    """A worker cannot start; the text names the reason and the remedy."""


class EdgeError(MediaError):
    """The edge cannot start, or refused a command; the text names the reason and the remedy."""


class CommandFailed(MediaError):
    """A worker refused a command."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
