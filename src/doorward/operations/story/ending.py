"""How an attempt ended, or what it waits for: one word, and a sentence."""

from dataclasses import dataclass
from typing import Literal

from doorward.operations.story.hop import CODE, Attempt, Hop, Step

State = Literal["connected", "refused", "waiting", "stopped"]

PATIENCE = 60.0
"""Seconds after which a program that has not gone on is not going to; people may take longer."""

_PEOPLE = 600.0
# What each step leads to, if nothing follows it.
_NEXT: dict[Step, str] = {
    "challenge": "The client was told where the metadata is. It did not read it here.",
    "resource-metadata": "The client read where to sign in. It sent nothing to the authorization "
    "server of this process.",
    "server-metadata": "The client read the metadata. It did not register here, and no browser came.",
    "registration": "The client registered. No browser came to the authorization endpoint.",
    "authorization": "The sign-in page was shown. Nobody signed in.",
    "sign-in": "Somebody signed in. The consent page was not opened.",
    "account-switch": "Somebody signed out to use another account. Nobody signed in.",
    "to-provider": "The browser was sent to the identity provider. It did not come back.",
    "callback": "The browser came back from the identity provider. It did not go on.",
    "consent-page": "The consent page was shown. It was not answered.",
    "consent": "Consent was given.",
    "revocation": "The client gave its token back.",
}
_OF_PEOPLE: frozenset[Step] = frozenset(
    {"authorization", "sign-in", "account-switch", "to-provider", "callback", "consent-page"}
)


@dataclass(frozen=True)
class Ending:
    """
    ``state`` is the word, and ``text`` the sentence for operators.

    ``awaited`` is the path of the request that a program should have sent to this process, if it has
    not come in time.
    """

    state: State
    text: str
    awaited: str = ""


def ending(attempt: Attempt, now: float) -> Ending:
    """Return how ``attempt`` ended, as far as the hops of this process say."""
    last = attempt.hops[-1]
    if any(hop.step == "call" and not hop.is_refused for hop in attempt.hops):
        return Ending("connected", "The first call with the token was admitted.")
    if last.is_refused:
        return Ending("refused", _refused(last))
    waited = now - last.time
    if waited < (_PEOPLE if last.step in _OF_PEOPLE else PATIENCE):
        return Ending("waiting", "The attempt goes on.")
    if any(hop.step in ("token", "refresh") and not hop.is_refused for hop in attempt.hops):
        endpoint = _endpoint(attempt)
        return Ending(
            "stopped",
            f"Token issued, {endpoint} never called again: stopped before this process.",
            endpoint,
        )
    if CODE in last.answered:
        return Ending(
            "stopped",
            "Code issued, /token never called: stopped before this process.",
            "/token",
        )
    return Ending("stopped", _NEXT.get(last.step, "Nothing followed."))


def _refused(hop: Hop) -> str:
    why = hop.reason or (f"status {hop.status}" if hop.status else "no answer")
    if hop.receiver == "provider":
        return f"The identity provider did not give what was asked for: {why}."
    return f"{hop.method} {hop.path} was refused: {why}."


def _endpoint(attempt: Attempt) -> str:
    return next(
        (hop.path for hop in attempt.hops if hop.step in ("challenge", "call")), "the endpoint"
    )
