"""Hops and attempts for tests, as a guard and an authorization server make them."""

from typing import Any

from doorward.operations.story.attempts import Attempts
from doorward.operations.story.hop import CODE, ISSUED, Attempt, Hop, Party, Step, next_tick

NOW = 1_796_082_647.0
_OF: dict[Step, tuple[Party, Party, str, str, int]] = {
    "challenge": ("client", "guard", "POST", "/mcp", 401),
    "server-metadata": ("client", "server", "GET", "/.well-known/oauth-authorization-server", 200),
    "registration": ("client", "server", "POST", "/register", 201),
    "authorization": ("browser", "server", "GET", "/authorize", 200),
    "to-provider": ("browser", "server", "POST", "/sign-in/{provider}", 303),
    "callback": ("browser", "server", "GET", "/callback/{provider}", 303),
    "provider-call": ("server", "provider", "", "", 200),
    "consent-page": ("browser", "server", "GET", "/consent", 200),
    "consent": ("browser", "server", "POST", "/consent", 303),
    "token": ("client", "server", "POST", "/token", 200),
    "call": ("client", "guard", "POST", "/mcp", 200),
}
_ANSWERED = {"consent": (CODE,), "token": (ISSUED,), "challenge": ("a challenge",)}


def hop(step: Step, **changes: Any) -> Hop:
    """Return a hop that went well, with these fields changed."""
    sender, receiver, method, path, status = _OF[step]
    fields: dict[str, Any] = {
        "step": step,
        "sender": sender,
        "receiver": receiver,
        "time": NOW,
        "began": next_tick(),
        "ended": next_tick(),
        "method": method,
        "path": path,
        "status": status,
        "answered": _ANSWERED.get(step, ()),
    }
    return Hop(**{**fields, **changes})


def attempt(*steps: Step | Hop, **changes: Any) -> Attempt:
    """Return an attempt of these hops."""
    hops = tuple(one if isinstance(one, Hop) else hop(one) for one in steps)
    fields: dict[str, Any] = {"id": "968eeb3e", "began_at": NOW, "hops": hops}
    return Attempt(**{**fields, **changes})


def stopped_at_a_provider() -> Attempt:
    """Return an attempt with all five parties, which stopped before the guard's process."""
    steps = [
        hop("challenge", sent=("without a token", "initialize"), correlation_id="90d072a9d124d5a0"),
        hop("server-metadata", tie="address"),
        hop("registration", answered=("a client id",), tie="address"),
        hop("authorization", sent=("scopes: mcp:read", "answer to: 127.0.0.1:33418")),
        hop("to-provider"),
    ]
    began = next_tick()
    calls = [
        hop("provider-call", sent=(what, "provider: sso"))
        for what in ("token request", "user information")
    ]
    back = hop("callback", began=began, answered=("signed in",))
    given = hop("consent-page", status=303, answered=(CODE,))
    return attempt(
        *steps,
        back,
        *calls,
        given,
        "token",
        client_name="Claude Code",
        client_id="dw-868515592598f446.322c54d6ea3422e1",
        user="alice",
    )


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def kept(clock: Clock, **limits: Any) -> Attempts:
    """Return an empty store of attempts."""
    return Attempts(clock, **limits)
