"""An attempt as the messages of a sequence diagram, in the order in which they were sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doorward.operations.story.hop import CODE, Attempt, Hop, Party, Step

PARTIES: dict[Party, str] = {
    "browser": "Browser",
    "client": "MCP client",
    "guard": "MCP server",
    "server": "Authorization server",
    "provider": "Identity provider",
}
"""The parties in the order of their lanes, with the names that people read."""

TITLES: dict[Step, str] = {
    "challenge": "Call without a token",
    "resource-metadata": "Where to sign in",
    "server-metadata": "Metadata",
    "registration": "Registration",
    "authorization": "Authorization request",
    "sign-in": "Sign-in with a password",
    "account-switch": "Another account",
    "to-provider": "Consent, then to the provider",
    "callback": "Back from the provider",
    "provider-call": "Request to the provider",
    "consent-page": "Consent page",
    "consent": "Answer to the consent page",
    "token": "Token for a code",
    "refresh": "Token for a refresh token",
    "revocation": "Revocation",
    "call": "Call with a token",
}
_TIES = {
    "client": "Belongs here by the client id alone.",
    "address": "Belongs here by the network address alone.",
}


@dataclass(frozen=True, kw_only=True)
class Message:
    """
    One arrow of the diagram; ``hop`` is the request of it or of its answer.

    An arrow without a hop happened elsewhere: it follows from what came after it.
    """

    sender: Party
    receiver: Party
    title: str
    hop: Hop | None = None
    is_answer: bool = False

    @property
    def is_refused(self) -> bool:
        """Whether this is an answer that refuses."""
        return self.is_answer and self.hop is not None and self.hop.is_refused

    @property
    def details(self) -> tuple[str, ...]:
        """What was sent or answered, and what ties it to this attempt."""
        hop = self.hop
        if hop is None:
            return ("Not seen by this process.",)
        if not self.is_answer:
            return (*hop.sent, *filter(None, (_TIES.get(hop.tie), _repeated(hop))))
        # The title has the first, or the reason.
        return (*hop.answered[1:], *filter(None, (_logged(hop),)))


def parties_of(attempt: Attempt) -> tuple[Party, ...]:
    """Return the parties that the diagram needs a lane for, in order."""
    seen = {party for one in messages(attempt) for party in (one.sender, one.receiver)}
    return tuple(party for party in PARTIES if party in seen)


def messages(attempt: Attempt) -> tuple[Message, ...]:
    """Return every request and answer in the order of their ticks, and what must lie between."""
    timed: list[tuple[int, Message]] = []
    for number, hop in enumerate(attempt.hops):
        timed += [(hop.began, one) for one in _before(hop, attempt.hops[:number])]
        asked = TITLES[hop.step] if hop.step != "provider-call" else hop.sent[0].capitalize()
        where = f"{hop.method} {hop.path}".strip()
        timed.append(
            (
                hop.began,
                Message(
                    sender=hop.sender,
                    receiver=hop.receiver,
                    title=f"{asked}: {where}" if where else asked,
                    hop=hop,
                ),
            )
        )
        timed.append(
            (
                hop.ended,
                Message(
                    sender=hop.receiver,
                    receiver=hop.sender,
                    title=_answer(hop),
                    hop=hop,
                    is_answer=True,
                ),
            )
        )
    # Sorting is stable: what lies before a request keeps its place.
    return tuple(one for _, one in sorted(timed, key=lambda pair: pair[0]))


def _before(hop: Hop, earlier: Sequence[Hop]) -> Iterator[Message]:
    if hop.step == "authorization":
        yield Message(sender="client", receiver="browser", title="Opens the browser")
    elif hop.step == "callback":
        yield Message(sender="browser", receiver="provider", title="Signs in there")
        yield Message(sender="provider", receiver="browser", title="Leads back", is_answer=True)
    elif hop.step == "token" and any(CODE in one.answered for one in earlier):
        yield Message(sender="browser", receiver="client", title="Brings the code")


def _answer(hop: Hop) -> str:
    if not hop.status:
        return "no answer"
    if hop.is_refused:
        return f"{hop.status} {hop.reason}".strip()
    return f"{hop.status} {hop.answered[0] if hop.answered else _plain(hop)}".strip()


def _plain(hop: Hop) -> str:
    if hop.status in (302, 303):
        return "redirect"
    return "page" if hop.sender == "browser" else ""


def _repeated(hop: Hop) -> str:
    return f"{hop.times} times in a row." if hop.times > 1 else ""


def _logged(hop: Hop) -> str:
    return f"correlation id: {hop.correlation_id}" if hop.correlation_id else ""
