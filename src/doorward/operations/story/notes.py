"""What is learned about a request while it is served: notes, which become a hop at its end."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from doorward.operations.story import admitted
from doorward.operations.story.hop import CODE, ISSUED, Hop, Step, next_tick

# A kind of secret or id, and its value. The attempts keep a keyed hash of it.
TieValue = tuple[str, ...]


@dataclass(kw_only=True)
class Notes:
    """
    The notes of one request; every text in them has been admitted.

    ``calls`` are the requests that this process sent to a provider meanwhile.
    """

    began: int = field(default_factory=next_tick)
    step: Step | None
    sent: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    reason: str = ""
    correlation_id: str = ""
    client_id: str = ""
    client_name: str = ""
    user: str = ""
    ties: list[TieValue] = field(default_factory=list)
    calls: list[Hop] = field(default_factory=list)


_notes: ContextVar[Notes | None] = ContextVar("doorward_story_notes", default=None)


@contextmanager
def taking_notes(step: Step) -> Iterator[Notes]:
    """Give the notes of the request that is served in the block."""
    notes = Notes(step=step)
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def note_step(step: Step | None) -> None:
    """Note which step of a sign-in the request is, where its path does not say; ``None``: no step."""
    if (notes := _notes.get()) is not None:
        notes.step = step


def note_tie(*value: str) -> None:
    """Note what ties the request to its attempt, such as the handle of a transaction."""
    if (notes := _notes.get()) is not None:
        notes.ties.append(value)


def note_grant(issuer: str, user: str, grant_id: str) -> None:
    """Note the grant that the request made or used, and its user."""
    if (notes := _notes.get()) is not None:
        notes.ties.append(grant_tie(issuer, user, grant_id))
        notes.user = admitted.identifier(user)


def grant_tie(issuer: str, user: str, token_id: str) -> TieValue:
    """
    Return what ties a grant to the calls with its tokens, whose ids begin with that of the grant.

    The user is part of it: other issuers give tokens of several users ids that begin alike.
    """
    return ("grant", issuer, user, token_id.partition(".")[0])


def note_client(client_id: str, name: str | None) -> None:
    """Note the client of the request, after it was found or registered."""
    if (notes := _notes.get()) is not None:
        notes.client_id = admitted.client_id(client_id)
        notes.client_name = admitted.client_name(name)


def note_parameters(names: Iterable[str]) -> None:
    """Note which parameters came; their values are not kept."""
    if (notes := _notes.get()) is not None and (known := admitted.parameter_names(names)):
        notes.sent.append(f"parameters: {' '.join(known)}")


def note_authorization(scopes: Iterable[str], redirect_uri: str) -> None:
    """Note what a checked authorization request asks for; all of ``scopes`` are the server's."""
    if (notes := _notes.get()) is not None:
        notes.sent.append(f"scopes: {admitted.scope_names(scopes) or 'none'}")
        if target := admitted.redirect_target(redirect_uri):
            notes.sent.append(f"answer to: {target}")


def note_event(kind: str, reason: str, correlation_id: str, facts: Mapping[str, object]) -> None:
    """Note an event of the authorization server: its reason if it is a refusal, else what it made."""
    if (notes := _notes.get()) is None:
        return
    notes.correlation_id = correlation_id
    if kind.endswith((".refused", ".failed", ".reused")):
        # The first one is the cause; the refusal of the request follows from it.
        notes.reason = notes.reason or admitted.reason_code(reason)
    elif kind in _MADE:
        notes.answered.append(_MADE[kind])
        if kind == "token.issued":
            scopes = admitted.scope_names(str(facts.get("scope", "")).split())
            notes.answered.append(f"scopes: {scopes or 'none'}")
    if (user := facts.get("user")) is not None and user != "unknown":
        notes.user = admitted.identifier(str(user))


_MADE = {
    "client.registered": "a client id",
    "sign-in.succeeded": "signed in",
    "code.issued": CODE,
    "token.issued": ISSUED,
    "token.revoked": "a token has ended",
}


@contextmanager
def provider_call(provider: str, what: str) -> Iterator["ProviderAnswer"]:
    """
    Note a request to an identity provider; ``provider`` is its name in the settings.

    ``what`` comes from the code. The block sets the status of the answer; without one, none came.
    """
    answer = ProviderAnswer()
    began, now = next_tick(), time.time()
    try:
        yield answer
    finally:
        if (notes := _notes.get()) is not None:
            notes.calls.append(
                Hop(
                    step="provider-call",
                    sender="server",
                    receiver="provider",
                    time=now,
                    began=began,
                    ended=next_tick(),
                    method="",
                    path="",
                    status=answer.status,
                    sent=(what, f"provider: {provider}"),
                )
            )


@dataclass
class ProviderAnswer:
    """The answer of a provider: its HTTP status, and nothing of its content."""

    status: int = 0
