"""Honest clients under load, which write down every acknowledged grant and every answer."""

import asyncio
import base64
import hashlib
import secrets
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

import httpx2

from tests.e2e.form_browser import BrowserStuck, FormBrowser
from tests.e2e.sign_in import REDIRECT_URI
from tests.failover.counts import Counts
from tests.failover.service import SCOPE, USERS

# Longer than any deadline of the server: what takes longer is a fault of ours.
_PATIENCE = 15.0
_PAUSE = 0.4
_REFRESHING = 6
_CALLING = 4
_PARKED = 24
Kind = Literal["token", "call", "page"]


@dataclass
class Grant:
    """Tokens that a client was given, with what it sent to get them."""

    client: str
    code_fields: dict[str, str]
    access: str
    refresh: str
    # Refresh tokens that were spent, oldest first.
    spent: list[str] = field(default_factory=list)


@dataclass
class Answer:
    """A response; ``sure`` is false if an earlier try may have been carried out."""

    status: int
    body: dict[str, Any]
    sure: bool


class WatchedBrowser(FormBrowser):
    """A browser whose every answer is counted."""

    def __init__(self, load: "Load", username: str) -> None:
        super().__init__(username, USERS[username], delivers=False)
        self._load = load
        self.has_session = False

    def _send(self, *given: Any, **options: Any) -> httpx2.Response:
        started = time.monotonic()
        try:
            response = super()._send(*given, **options)
        except httpx2.TransportError:
            self._load.note("page", "none", started)
            raise
        self._load.note("page", str(response.status_code), started)
        self._load.require_retry_after(response)
        return response


class Load:
    """Sign-ins, refreshes and calls, until ``stop``."""

    def __init__(self, issuer: str, mcp: str) -> None:
        self._issuer, self._mcp = issuer, mcp
        self.counts = Counts("before")
        self._http = httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False)
        self._tasks: list[asyncio.Task[None]] = []
        self._parked: deque[Grant] = deque(maxlen=_PARKED)
        self._client = ""
        self._known_token = ""
        self._answered_at = time.monotonic()
        self.stopping = False
        self.secrets: set[str] = set()

    async def start(self) -> None:
        """Register a client, sign in, and let everybody begin."""
        self._client = await self._register()
        browsers = [WatchedBrowser(self, name) for name in USERS]
        first = [await self._new_grant(browsers[0]) for _ in range(_REFRESHING)]
        self._known_token = first[0].access
        self._answered_at = time.monotonic()
        work = [
            *(self._sign_in_for_ever(browser) for browser in browsers),
            *(self._refresh_for_ever(grant) for grant in first),
            *(self._call_for_ever() for _ in range(_CALLING)),
        ]
        self._tasks = [asyncio.create_task(one) for one in work]

    async def stop(self) -> None:
        """Let everybody finish; raise what went wrong in the driver itself."""
        self.stopping = True
        done = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()
        for one in done:
            if isinstance(one, BaseException):
                raise one

    def begin(self, fault: str) -> "asyncio.Task[None]":
        """Count for this fault; return the check of what was acknowledged before it."""
        self.counts = Counts(fault)
        self._answered_at = time.monotonic()
        parked = list(self._parked)
        self._parked.clear()
        # Every call of this fault has this token; the checks end some of the other grants.
        self._known_token = parked.pop().access
        return asyncio.create_task(self._check_all(parked))

    async def answered(self) -> None:
        """Return when a refresh is answered after now."""
        before = self._answered_at
        while self._answered_at == before:
            await asyncio.sleep(0.05)

    def end(self) -> Counts:
        """Return what was counted for the fault."""
        self._refresh_answered()
        return self.counts

    def note(self, kind: Kind, status: str, started: float) -> None:
        """Count one answer."""
        took = time.monotonic() - started
        self.counts.answers.setdefault(kind, Counter())[status] += 1
        if status == "500":
            self._wrong("internal_errors", f"500 for a {kind} request")
        if kind == "call":
            self.counts.longest_call = max(self.counts.longest_call, took)
        else:
            self.counts.longest_answer = max(self.counts.longest_answer, took)

    def require_retry_after(self, response: httpx2.Response) -> None:
        """Count a fault that does not say when to try again; nginx has faults of its own."""
        if response.status_code == 503 and "retry-after" not in response.headers:
            self._wrong("faults_without_retry_after", f"503 of {response.request.url.path}")

    async def _register(self) -> str:
        metadata = {
            "client_name": "Load",
            "redirect_uris": [REDIRECT_URI],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
        answer = await self._http.post(f"{self._issuer}/register", json=metadata)
        answer.raise_for_status()
        return str(answer.json()["client_id"])

    async def _sign_in_for_ever(self, browser: WatchedBrowser) -> None:
        number = 0
        while not self.stopping:
            grant = await self._new_grant(browser)
            if grant is not None:
                number += 1
                await self._use(grant, number % 4)
                self._parked.append(grant)
            await asyncio.sleep(_PAUSE)

    async def _use(self, grant: Grant, number: int) -> None:
        """Leave some grants at their code, and rotate others."""
        for _ in range(number):
            await self._refresh(grant)

    async def _new_grant(self, browser: WatchedBrowser) -> Any:
        """Sign in and redeem the code; return nothing if the answer was lost."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code", "client_id": self._client, "redirect_uri": REDIRECT_URI,
            "state": secrets.token_urlsafe(16), "resource": self._mcp, "scope": SCOPE,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }  # fmt: skip
        code = await self._authorize(browser, f"{self._issuer}/authorize?{urlencode(asked)}")
        if code is None:
            return None
        fields = {
            "grant_type": "authorization_code", "client_id": self._client, "code": code,
            "code_verifier": verifier, "redirect_uri": REDIRECT_URI, "resource": self._mcp,
        }  # fmt: skip
        asked_at = time.monotonic()
        answer = await self._until_answered(fields)
        if answer is None:
            return None
        if answer.status == 200:
            grant = Grant(
                self._client, fields, answer.body["access_token"], answer.body["refresh_token"]
            )
            self.secrets |= {code, verifier, grant.access, grant.refresh}
            return grant
        # A code that a lost answer has spent, or that ended meanwhile, means a new sign-in.
        if answer.sure and time.monotonic() - asked_at < 50:
            self._wrong("grants_lost", f"a new code was refused: {answer.body}")
        return None

    async def _authorize(self, browser: WatchedBrowser, url: str) -> str | None:
        try:
            walk = await asyncio.to_thread(browser.walk, url)
        except (BrowserStuck, httpx2.TransportError):
            return None
        if browser.has_session and "sign-in" in walk.pages:
            self._wrong("sessions_lost", f"{browser.username} was asked for the password again")
        browser.has_session = True
        return walk.answer.get("code")

    async def _refresh_for_ever(self, grant: Grant) -> None:
        number = 0
        while not self.stopping:
            number += 1
            # Now and then a client sends its token twice at once, as two windows of it do.
            if not await self._refresh(grant, twice=number % 8 == 0):
                return
            await asyncio.sleep(_PAUSE)

    async def _refresh(self, grant: Grant, *, twice: bool = False) -> bool:
        """Rotate the tokens of a grant; say whether it is alive."""
        fields = refresh_fields(grant.client, grant.refresh)
        sent = [self._until_answered(fields) for _ in range(2 if twice else 1)]
        answers = [one for one in await asyncio.gather(*sent) if one is not None]
        if not answers:
            return False
        refused = [one for one in answers if one.status != 200]
        if refused:
            self._wrong("clients_logged_out", f"a refresh was refused: {refused[0].body}")
            return False
        self._refresh_answered()
        given = {one.body["refresh_token"] for one in answers}
        if len(given) > 1:
            self._wrong("refresh_tokens_honoured_twice", "two answers have different tokens")
        grant.spent.append(grant.refresh)
        grant.access, grant.refresh = answers[0].body["access_token"], given.pop()
        return True

    def _refresh_answered(self) -> None:
        now = time.monotonic()
        gap = now - self._answered_at
        self.counts.longest_without_a_refresh = max(self.counts.longest_without_a_refresh, gap)
        self._answered_at = now

    async def _until_answered(self, fields: dict[str, str]) -> Answer | None:
        """Send a request until it is answered, as an honest client does; nothing after ``stop``."""
        sure = True
        while not self.stopping:
            started = time.monotonic()
            try:
                response = await self._http.post(f"{self._issuer}/token", data=fields)
            except httpx2.TransportError:
                self.note("token", "none", started)
                sure = False
            else:
                self.note("token", str(response.status_code), started)
                if response.status_code in (200, 400, 401):
                    return Answer(response.status_code, response.json(), sure)
                sure = False
                self.require_retry_after(response)
            await asyncio.sleep(_PAUSE)
        return None

    async def _call_for_ever(self) -> None:
        while not self.stopping:
            stopped = self.counts.stopped
            status = await self._call()
            stopped = stopped or self.counts.stopped
            if status in ("502", "none") and not stopped:
                # The replica died with the call in its hands.
                self.counts.calls_cut_off += 1
                status = await self._call()
            if status != "200" and not stopped:
                self._wrong("calls_failed", f"a call got {status}")
            await asyncio.sleep(_PAUSE / 2)

    async def _call(self) -> str:
        headers = {
            "Authorization": f"Bearer {self._known_token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-11-25",
        }
        message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        started = time.monotonic()
        try:
            response = await self._http.post(self._mcp, json=message, headers=headers)
            status = str(response.status_code)
        except httpx2.TransportError:
            status = "none"
        self.note("call", status, started)
        return status

    async def _check_all(self, parked: list[Grant]) -> None:
        await asyncio.gather(*(self._check(number, grant) for number, grant in enumerate(parked)))

    async def _check(self, number: int, grant: Grant) -> None:
        """Hold a grant from before the fault against what was acknowledged."""
        self.counts.grants_checked += 1
        if number % 3 == 0 and len(grant.spent) >= 2:
            # Its successor was used as well, so no answer was lost.
            old = await self._until_answered(refresh_fields(grant.client, grant.spent[0]))
            if old is not None and old.status == 200:
                self._wrong("refresh_tokens_honoured_twice", "a spent token was accepted")
        elif number % 3 == 1 and not grant.spent:
            again = await self._until_answered(grant.code_fields)
            if again is not None and again.status == 200:
                self._wrong("codes_honoured_twice", "a redeemed code was accepted")
        else:
            kept = await self._until_answered(refresh_fields(grant.client, grant.refresh))
            if kept is not None and kept.status != 200:
                self._wrong("grants_lost", f"an acknowledged grant was refused: {kept.body}")

    def _wrong(self, count: str, what: str) -> None:
        setattr(self.counts, count, getattr(self.counts, count) + 1)
        if len(self.counts.wrong) < 20:
            self.counts.wrong.append(f"{time.strftime('%H:%M:%S')} {count}: {what}")


def refresh_fields(client: str, token: str) -> dict[str, str]:
    """Return the form that uses a refresh token."""
    return {"grant_type": "refresh_token", "refresh_token": token, "client_id": client}
