"""The sign-in page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from nicegui import ui

from ivr.api.errors import ApiError, ApiRefused, NodeUnreachable
from ivr.desktop.elements import Text, box, on_submit, show_text

TrySignIn = Callable[[str, str], Awaitable[None]]


def sign_in_problem(exc: ApiError) -> str:
    """Why signing in failed, for the person who tried."""
    if isinstance(exc, ApiRefused):
        match exc.status:
            case 401 | 403:
                return "Agent or password is wrong."
            case 422:
                return "Enter your agent name and password."
            case 429:
                return "Too many attempts. Wait a minute, then try again."
            case status if status >= 500:
                return "The node cannot sign you in now. Try again in a moment."
    if isinstance(exc, NodeUnreachable):
        return "The node is not reachable. Try again in a moment."
    return exc.detail


def draw_sign_in(try_sign_in: TrySignIn, then: str = "/") -> None:
    """The form; on success the page `then` is loaded."""
    with box("main", "sign-in panel stack"):
        Text("h1", "Agent desktop")
        Text("p", "Sign in to take calls.", "soft")
        with box("form", testid="sign-in-form") as form:
            ui.input("Agent").props(
                "outlined autofocus name=agent autocomplete=username maxlength=64 data-testid=sign-in-agent"
            )
            password = ui.input("Password", password=True).props(
                "outlined name=password autocomplete=current-password maxlength=256"
                " data-testid=sign-in-password"
            )
            error = Text("div", "", "note-line tone-bad", "sign-in-error").props("role=alert")
            error.set_visibility(False)
            button = ui.button("Sign in", color=None).classes("btn-main")
            button.props("type=submit unelevated data-testid=sign-in")

    async def submit(fields: Mapping[str, str]) -> None:
        error.set_visibility(False)
        given, secret = fields.get("agent", "").strip(), fields.get("password", "")
        if not given or not secret:
            _fail(error, "Enter your agent name and password.")
            return
        button.props("loading")
        try:
            await try_sign_in(given, secret)
        except ApiError as exc:
            password.set_value("")
            _fail(error, sign_in_problem(exc))
            return
        finally:
            button.props(remove="loading")
        ui.navigate.to(then)

    on_submit(form, submit)


def _fail(error: Text, problem: str) -> None:
    show_text(error, problem)
    error.set_visibility(True)
