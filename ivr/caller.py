"""Who calls, as one value: what the SIP headers said, completed to E.164, and what may be shown."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.numbers import E164, display_number, mask, to_e164
from media.sip import CallerIdentity
from media.sip.identity import Presentation


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller of one call. `e164` is None for extensions and withheld numbers."""

    identity: CallerIdentity
    e164: E164 | None

    @property
    def withheld(self) -> bool:
        """Nobody told us the number at all."""
        return self.identity.ani is None

    @property
    def private(self) -> bool:
        """The number is not for people's eyes, though the system may use it."""
        return self.withheld or self.identity.presentation is not Presentation.ALLOWED

    @property
    def shown(self) -> str:
        """The number for screens and phones: masked when private."""
        if self.private:
            return mask(self.identity.ani)
        return display_number(self.e164) if self.e164 else (self.identity.ani or "")


def caller_of(identity: CallerIdentity, region: str) -> Caller:
    """Complete an identity with the region in which its number was dialled."""
    e164 = to_e164(identity.ani, region) if identity.ani else None
    return Caller(identity=identity, e164=e164)


def shown_number(ani: str | None, presentation: str) -> str:
    """A recorded number for screens: masked when it was private."""
    if ani is None or presentation != Presentation.ALLOWED.value:
        return mask(ani)
    return display_number(E164(ani)) if ani.startswith("+") else ani
