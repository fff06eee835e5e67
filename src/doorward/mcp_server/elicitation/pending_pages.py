"""The pages that users were asked to open: whose each is, and whether they are done with it."""

import asyncio
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from doorward.errors import RequestRefused
from doorward.identity import Identity
from doorward.mcp_server.elicitation.request_state import InvalidRequestState, RequestStateCipher
from doorward.mcp_server.streams.session import Session

MAX_USERS = 10_000
MAX_PER_CALLER = 100
_COMPLETE = "notifications/elicitation/complete"

User = tuple[str, str]


class NotAsked(RequestRefused):
    """Whoever opened the page is not the one who was asked to, or it is over."""

    code = "not-asked"
    status = 403
    public = "This page was made for somebody else, or it is over. Ask for it once more."


@dataclass
class _Page:
    until: float
    session: "weakref.ref[Session] | None" = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class PendingPages:
    """
    Tells the page that a user opened whether it was made for them.

    ```python
    @web.get("/connect")
    async def connect(request: Request, elicitationId: str) -> Response:
        user = request.session["user"]  # of your own sign-in at the same issuer
        server.elicitations.require(elicitationId, issuer=user["iss"], subject=user["sub"])
    ```

    Without that, somebody sends the page that was made for them to somebody else, who signs in
    there and so connects *their* account to the sender's. Ids are sealed for their person: any
    process with the same ``state_key`` can judge them, and nobody can read, alter or make them.
    What is completed is known in this process, for ``ttl`` seconds from the question. ``waiting``
    is how many functions wait for a page.

    Spec: MCP 2026-07-28, client/elicitation, "Phishing"
    """

    def __init__(
        self, seal: RequestStateCipher, server: str, ttl: float, clock: Callable[[], float]
    ) -> None:
        self._seal = seal
        self._server = server
        self._ttl = ttl
        self._clock = clock
        self.waiting = 0
        self._people: OrderedDict[User, OrderedDict[str, _Page]] = OrderedDict()

    def require(self, elicitation_id: str, *, issuer: str, subject: str) -> None:
        """
        Return when the person who opened the page is the one who was asked to.

        ``issuer`` and ``subject`` are of the page's own sign-in, at the server that issues the
        tokens too. Call it before anything is shown, and again before anything is kept.

        Raises:
            NotAsked: 403, and the same for a page of somebody else, an old and an invented one.
        """
        try:
            self._seal.open(elicitation_id, self._bound_to((issuer, subject)), now=self._clock())
        except InvalidRequestState:
            raise NotAsked(f"not asked of {subject!r} at {issuer!r}") from None

    async def complete(self, elicitation_id: str, *, issuer: str, subject: str) -> None:
        """
        Say that the person is done with the page: the tool that waits goes on, its client is told.

        Raises:
            NotAsked: as ``require``.

        Spec: MCP 2025-11-25, client/elicitation, "Completion Notifications"
        """
        self.require(elicitation_id, issuer=issuer, subject=subject)
        page = self._keep((issuer, subject), elicitation_id)
        if page.done.is_set():
            return
        page.done.set()
        session = page.session() if page.session is not None else None
        if session is not None and session.standalone_stream is not None:
            # To the session that asked and to no other, not even to another one of this person.
            topic = f"elicitation:{elicitation_id}"
            session.standalone_stream.put(topic, _COMPLETE, {"elicitationId": elicitation_id})

    def begin(self, who: Identity, session: Session | None) -> str:
        """Return the id of a new page for this person."""
        person = (who.issuer, who.subject)
        elicitation_id = self._seal.close(
            None, self._bound_to(person), until=self._clock() + self._ttl
        )
        page = self._keep(person, elicitation_id)
        page.session = weakref.ref(session) if session is not None else None
        return elicitation_id

    async def is_completed(self, who: Identity, elicitation_id: str, *, wait: float) -> bool:
        """Say whether this person is done with the page, after at most ``wait`` seconds."""
        # It may have been asked for in another process, and be completed in this one.
        page = self._keep((who.issuer, who.subject), elicitation_id)
        if wait > 0 and not page.done.is_set():
            self.waiting += 1
            try:
                async with asyncio.timeout(wait):
                    await page.done.wait()
            except TimeoutError:
                return False
            finally:
                self.waiting -= 1
        return page.done.is_set()

    def __len__(self) -> int:
        """Return how many pages are remembered."""
        return sum(len(pages) for pages in self._people.values())

    def _keep(self, person: User, elicitation_id: str) -> _Page:
        """Return what is kept of a page; a person's oldest one makes room, or the longest absent."""
        self._prune()
        pages = self._people.setdefault(person, OrderedDict())
        self._people.move_to_end(person)
        if elicitation_id not in pages:
            if len(pages) >= MAX_PER_CALLER:
                pages.popitem(last=False)
            if len(self._people) > MAX_USERS:
                self._people.popitem(last=False)
            pages[elicitation_id] = _Page(self._clock() + self._ttl)
        return pages[elicitation_id]

    def _prune(self) -> None:
        # Whoever was asked last is last, and a person's last page is the one that ends last.
        now = self._clock()
        while self._people:
            person, pages = next(iter(self._people.items()))
            while pages and next(iter(pages.values())).until <= now:
                pages.popitem(last=False)
            if pages:
                return
            del self._people[person]

    def _bound_to(self, person: User) -> list[str]:
        # Beside the words no request state is bound to: neither can be passed off as the other.
        return ["elicitation", self._server, *person]
