"""What may go wrong when the ACD is asked for something.

AcdError
+-- UnknownQueue     no such queue in the configuration
+-- UnknownAgent     no such agent in the configuration
+-- UnknownCall      the call is not, or no longer, here
+-- CallGone         the call left while its next offer was awaited
+-- AgentUnavailable the one agent that a call is for cannot take it, and nothing else is wanted
+-- NotAllowed       the verb makes no sense in the present state
"""

from __future__ import annotations


class AcdError(Exception):
    """Root of the tree."""


class UnknownQueue(AcdError):
    """No such queue in the configuration."""


class UnknownAgent(AcdError):
    """No such agent in the configuration."""


class UnknownCall(AcdError):
    """The call is not, or no longer, in the ACD."""


class CallGone(AcdError):
    """The call left the ACD, or the ACD closed, while its next offer was awaited."""


class AgentUnavailable(AcdError):
    """The one agent that a call is for cannot take it now, and the call is not to wait for him."""

    def __init__(self, agent_id: str, state: str) -> None:
        super().__init__(f"{agent_id} is {state}")
        self.state = state


class NotAllowed(AcdError):
    """The verb is not allowed in `state`."""

    def __init__(self, who: str, verb: str, state: str) -> None:
        super().__init__(f"{who}: {verb} is not allowed while {state}")
        self.state = state
