"""The pages that users were asked to open: for whom each is, and whether the user has finished."""

import asyncio
import weakref
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from doorward.errors import RequestRefused
from doorward.identity import Identity
from doorward.mcp_server.elicitation.request_state import InvalidRequestState, RequestStateCipher
from doorward.mcp_server.refusals import IdentityRequired
from doorward.mcp_server.streams.session import Session

MAX_USERS = 10_000
MAX_PER_USER = 100
_COMPLETE = "notifications/elicitation/complete"

# Issuer and subject.
User = tuple[str, str]


class NotAsked(RequestRefused):
    """The page was made for another user, or has expired."""

    code = "not-asked"
    status = 403
    public = "This page was made for somebody else, or has expired. Start again in your MCP client."
    hint = "Repeat the request that led to the page."


@dataclass
class _Page:
    expires_at: float
    session: "weakref.ref[Session] | None" = None
    completed: asyncio.Event = field(default_factory=asyncio.Event)


class PendingPages:
    """
    Tells a page whether it was made for the user who opened it.

    ```python
    pages: PendingPages = server.pending_pages

    @web.get("/connect")
    async def connect(request: Request, elicitationId: str) -> Response:
        user = request.session["user"]  # of your own sign-in at the same issuer
        try:
            pages.require(elicitationId, issuer=user["iss"], subject=user["sub"])
        except NotAsked as refusal:
            return Response(refusal.public, status_code=403)
        return Response("Enter your API key.")
    ```

    Without this check, an attacker sends their own page to a victim, who signs in there: the
    victim's account is then connected to the attacker. Ids are sealed for one user: any process
    with the same ``state_key`` can check them, and nobody can read, alter or make them. Completed
    pages are known to this process only, for ``ttl`` seconds. ``waiting`` is how many functions
    wait for a page.

    Spec: MCP 2026-07-28, client/elicitation, "Phishing"
    """

    def __init__(
        self, cipher: RequestStateCipher, server: str, ttl: float, clock: Callable[[], float]
    ) -> None:
        self._cipher = cipher
        self._server = server
        self._ttl = ttl
        self._clock = clock
        self.waiting = 0
        self._pages: OrderedDict[User, OrderedDict[str, _Page]] = OrderedDict()

    def require(self, elicitation_id: str, *, issuer: str, subject: str) -> None:
        """
        Return if the page was made for this user.

        ``issuer`` and ``subject`` come from the page's own sign-in, at the issuer of the access
        tokens. Call this before the page shows anything, and again before it saves anything.

        Raises:
            NotAsked: 403, the same for another user's page, an expired one and an invented one.
        """
        try:
            self._cipher.open(elicitation_id, self._bound_to((issuer, subject)), now=self._clock())
        except InvalidRequestState:
            raise NotAsked(f"not asked of {subject!r} at {issuer!r}") from None

    async def complete(self, elicitation_id: str, *, issuer: str, subject: str) -> None:
        """
        Record that the user has finished: a waiting function continues, and the client is notified.

        Raises:
            NotAsked: as ``require``.

        Spec: MCP 2025-11-25, client/elicitation, "Completion Notifications"
        """
        self.require(elicitation_id, issuer=issuer, subject=subject)
        page = self._get_or_add((issuer, subject), elicitation_id)
        if page.completed.is_set():
            return
        page.completed.set()
        session = page.session() if page.session is not None else None
        if session is not None and session.standalone_stream is not None:
            # Only to the session that asked, not even to another session of the same user.
            topic = f"elicitation:{elicitation_id}"
            session.standalone_stream.put(topic, _COMPLETE, {"elicitationId": elicitation_id})

    def begin(self, identity: Identity | None, session: Session | None) -> str:
        """
        Return the id of a new page for this user.

        Raises:
            IdentityRequired: there is no identity, so anybody could use the page.
        """
        if identity is None:
            raise IdentityRequired("a page is for the caller, and the scope carries no identity")
        user = (identity.issuer, identity.subject)
        elicitation_id = self._cipher.seal(
            None, self._bound_to(user), until=self._clock() + self._ttl
        )
        page = self._get_or_add(user, elicitation_id)
        page.session = weakref.ref(session) if session is not None else None
        return elicitation_id

    async def is_completed(self, who: Identity, elicitation_id: str, *, wait: float) -> bool:
        """Say whether the user has finished, after at most ``wait`` seconds."""
        # Another process may have created the page: then it is added here.
        page = self._get_or_add((who.issuer, who.subject), elicitation_id)
        if wait > 0 and not page.completed.is_set():
            self.waiting += 1
            try:
                async with asyncio.timeout(wait):
                    await page.completed.wait()
            except TimeoutError:
                return False
            finally:
                self.waiting -= 1
        return page.completed.is_set()

    def __len__(self) -> int:
        """Return the number of pages in memory."""
        return sum(len(pages) for pages in self._pages.values())

    def _get_or_add(self, user: User, elicitation_id: str) -> _Page:
        """Return a page; over a limit, the user's oldest page or the least recent user is dropped."""
        self._prune()
        pages = self._pages.setdefault(user, OrderedDict())
        self._pages.move_to_end(user)
        if elicitation_id not in pages:
            if len(pages) >= MAX_PER_USER:
                pages.popitem(last=False)
            if len(self._pages) > MAX_USERS:
                self._pages.popitem(last=False)
            pages[elicitation_id] = _Page(self._clock() + self._ttl)
        return pages[elicitation_id]

    def _prune(self) -> None:
        # Users are in the order of their last page, and pages in the order of their expiry.
        now = self._clock()
        while self._pages:
            user, pages = next(iter(self._pages.items()))
            while pages and next(iter(pages.values())).expires_at <= now:
                pages.popitem(last=False)
            if pages:
                return
            del self._pages[user]

    def _bound_to(self, user: User) -> list[str]:
        # A page id begins with its own word: neither it nor a request state passes for the other.
        return ["elicitation", self._server, *user]
