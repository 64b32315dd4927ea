"""What has to happen in the browser itself: opening a page, and keeping unsaved text across a reload.

Text that the node does not have yet is also kept in the tab's own session storage, so that a restart of the
desktop's process or a reload in mid-sentence loses nothing. It goes when it is saved, or with the tab.
"""

from __future__ import annotations

import json

from ivr.api.models import PopOutcome

SCRIPT = """
<script>
window.ivrDesktop = (() => {
  const key = (call) => 'ivr-notes-' + call;
  const base = {};
  return {
    open(url) {
      // With `noopener` a browser returns null even when it opens the page, so it is cut off afterwards.
      let page = null;
      try { page = window.open(url, '_blank'); } catch (e) { return 'failed'; }
      if (!page) return 'blocked';
      try { page.opener = null; } catch (e) { /* already another site's */ }
      return 'opened';
    },
    typed(call, text) {
      try { sessionStorage.setItem(key(call), JSON.stringify({text, revision: base[call] ?? 0})); }
      catch (e) { /* no storage in this browser: the desktop still has the text */ }
    },
    known(call, revision, unsaved) {
      base[call] = revision;
      if (!unsaved) sessionStorage.removeItem(key(call));
    },
    pending(call) { return sessionStorage.getItem(key(call)); },
    forget() { Object.keys(sessionStorage).filter((k) => k.startsWith('ivr-notes-'))
      .forEach((k) => sessionStorage.removeItem(k)); },
  };
})();
</script>
"""


def open_page(url: str) -> str:
    """Opens `url` in a new tab; gives "opened", "blocked" or "failed"."""
    return f"return window.ivrDesktop.open({json.dumps(url)})"


def parse_opened(answer: object) -> PopOutcome:
    """What came of `open_page`; anything unheard of counts as failed."""
    match answer:
        case "opened":
            return PopOutcome.OPENED
        case "blocked":
            return PopOutcome.BLOCKED
        case _:
            return PopOutcome.FAILED


def on_typed(call_id: str) -> str:
    """An event handler that keeps what was typed."""
    return f"(text) => {{ window.ivrDesktop.typed({json.dumps(call_id)}, text ?? ''); }}"


def known(call_id: str, revision: int, *, unsaved: bool) -> str:
    """Tells the tab what the node has."""
    return f"window.ivrDesktop.known({json.dumps(call_id)}, {revision}, {json.dumps(unsaved)})"


def pending(call_id: str) -> str:
    """Gives what `parse_pending` reads."""
    return f"return window.ivrDesktop.pending({json.dumps(call_id)})"


def forget() -> str:
    """Drops all kept text, at sign-out."""
    return "window.ivrDesktop.forget()"


def parse_pending(kept: object) -> tuple[str, int] | None:
    """Text and the revision it was typed over, or None when the tab keeps nothing that makes sense."""
    if not isinstance(kept, str):
        return None
    try:
        match json.loads(kept):
            case {"text": str() as text, "revision": int() as revision} if revision >= 0:
                return text[:32_000], revision
            case _:
                return None
    except ValueError:
        return None
