"""Whole sign-ins through guard, authorization server and provider, and the stories of them."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from doorward import Guard, Policy, Rule
from doorward.doctor.inside import inside_of
from doorward.operations.story.as_text import attempt_lines, list_rows
from doorward.operations.story.attempts import Attempts
from doorward.operations.story.ending import ending
from doorward.operations.story.endpoint import StoryEndpoint
from doorward.operations.story.hop import Step
from tests.authserver.browser import Browser, answer_in, form_with
from tests.authserver.harness import CALLBACK, PASSWORD, RESOURCE, AuthServerHarness, challenge_of
from tests.authserver.upstream.conftest import identity_provider
from tests.authserver.upstream.openid_provider import CLIENT_SECRET, OpenIdProvider
from tests.ledger import proves
from tests.operations.asking import ask
from tests.operations.story.hops import Clock

_HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": "2025-11-25",
}


async def _inner(scope: Any, _receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})


def marked(kind: str) -> str:
    """Return a secret that can be recognised; it has the form of a code challenge too."""
    return f"SECRET-{kind}-{secrets.token_urlsafe(40)}"[:64]


@dataclass
class Deployment:
    """A guard and an authorization server in one process, its provider, and one store of attempts."""

    harness: AuthServerHarness
    provider: OpenIdProvider
    guard: Guard
    attempts: Attempts
    clock: Clock
    secrets: list[str] = field(default_factory=list)

    def secret(self, kind: str) -> str:
        """Return a new secret, which no story may have."""
        self.secrets.append(marked(kind))
        return self.secrets[-1]

    async def call(self, token: str | None = None, peer: str = "127.0.0.1", **more: Any) -> int:
        """Call the MCP endpoint, and return the status."""
        headers = dict(_HEADERS) | more.pop("headers", {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", **more}
        app = httpx2.ASGITransport(app=self.guard.protect(_inner), client=(peer, 40000))
        async with httpx2.AsyncClient(transport=app, trust_env=False) as client:
            url = more.pop("url", RESOURCE)
            return (await client.post(url, json=message, headers=headers)).status_code

    async def stories(self) -> str:
        """Return everything that operators can see: pages, JSON and terminal."""
        story, now = StoryEndpoint(self.attempts, self.clock), self.clock()
        shown = [(await ask(story, path)).text for path in ("/story", "/story.json")]
        for one in self.attempts.all():
            shown.append((await ask(story, f"/story/{one.id}")).text)
            shown += attempt_lines(one, now)
        shown.append(json.dumps(list_rows(self.attempts.all(), now)))
        return "\n".join(shown)


@asynccontextmanager
async def deployed(*, own_users: bool = True) -> AsyncIterator[Deployment]:
    """Run a deployment whose people have passwords, or accounts at the provider."""
    clock = Clock()
    attempts, provider = Attempts(clock), OpenIdProvider(clock)
    bridged = {} if own_users else {"identity_providers": (identity_provider(),)}
    async with AuthServerHarness.opened(
        clock, attempts=attempts, provider_fetcher=provider, own_users=own_users, **bridged
    ) as harness:
        guard = Guard(
            resource=RESOURCE,
            issuers=[harness.server.trusted_issuer(RESOURCE)],
            policy=Policy(base=Rule(scopes=frozenset({"mcp:read"}))),
            attempts=attempts,
            audit=lambda _event: None,
            clock=clock,
        )
        yield Deployment(harness, provider, guard, attempts, clock)


async def _tokens(one: Deployment, browser: Browser, client: str, **changes: Any) -> Any:
    """Sign in with a verifier of its own, and return the tokens; all secrets are noted."""
    verifier = one.secret("verifier")
    one.secrets.append(challenge_of(verifier))
    url = one.harness.authorize_url(
        client, code_challenge=challenge_of(verifier), state=one.secret("state"), **changes
    )
    page = await browser.open(url)
    if 'name="password"' in page.text:
        page = await browser.sign_in(page, "alice", one.secret("wrong-password"))
        # People type passwords into the field of the name.
        page = await browser.sign_in(page, one.secret("typed-name"), PASSWORD)
        page = await browser.sign_in(page, "alice", PASSWORD)
    for _ in range(2):
        if 'name="decision"' in page.text or 'name="transaction"' in page.text:
            form = form_with(page.text, "transaction")
            one.secrets += [form.fields["transaction"], form.fields["csrf"]]
            page = await browser.submit(form, decision="allow")
    location = page.headers["location"]
    if location.startswith(one.provider.base):
        back = one.provider.callback(location)
        one.secrets += [one.provider.authorizations[-1]["state"]]
        one.secrets += [one.provider.authorizations[-1]["nonce"]]
        page = await browser.open(back)
        location = page.headers["location"]
    code = answer_in(location)["code"]
    got = await one.harness.token(
        one.harness.code_fields(client, code, code_verifier=verifier), headers=None
    )
    one.secrets += [code, got.access, got.refresh, *browser.http.cookies.values()]
    return got


@proves("S234", "refuses", "no secret in a story")
@pytest.mark.parametrize("own_users", [True, False], ids=["password", "provider"])
async def test_no_secret_of_whole_sign_ins_is_in_any_story(own_users: bool) -> None:
    async with deployed(own_users=own_users) as one:
        one.secrets += [PASSWORD, CLIENT_SECRET]
        one.provider.user |= {"name": one.secret("name"), "email": one.secret("mail")}
        client = await one.harness.register(
            client_name=one.secret("client-name"),
            client_uri=f"https://app.example/{one.secret('client-uri')}",
            redirect_uris=[CALLBACK, f"http://127.0.0.1:41001/{one.secret('redirect')}"],
            software_id=one.secret("software"),
            contacts=[one.secret("contact")],
        )
        await one.call(
            headers={
                "User-Agent": one.secret("user-agent"),
                "Mcp-Session-Id": one.secret("session"),
                "Cookie": f"sid={one.secret('cookie')}",
            }
        )
        await one.call(method=f"tools/{one.secret('method')}")
        await one.call(one.secret("bearer"))
        await one.call(f"eyJhbGciOiJFUzI1NiJ9.{one.secret('jwt')}.{one.secret('signature')}")
        await one.call(url=f"{RESOURCE}?access_token={one.secret('query')}")
        browser = one.harness.browser()
        got = await _tokens(
            one,
            browser,
            client["client_id"],
            login_hint=one.secret("login-hint"),
            nonce=one.secret("nonce"),
            **{one.secret("parameter"): one.secret("value")},
        )
        params = {"name": one.secret("tool"), "arguments": {"q": one.secret("argument")}}
        assert await one.call(got.access) == 200
        await one.call(got.access, method="tools/call", params=params)
        refreshed = await one.harness.refresh(client["client_id"], got.refresh)
        one.secrets += [refreshed.access, refreshed.refresh]
        await one.harness.refresh(client["client_id"], one.secret("refresh"))
        await one.harness.refresh(client["client_id"], got.refresh)
        await one.harness.token(
            one.harness.code_fields(
                client["client_id"], one.secret("code"), client_secret=one.secret("client-secret")
            )
        )
        await one.harness.http.get(
            one.harness.url("/authorize?")
            + urlencode({"client_id": one.secret("unknown"), "redirect_uri": one.secret("uri")})
        )
        await browser.http.get(
            one.harness.url("/callback/sso?")
            + urlencode({"error": one.secret("error"), "state": one.secret("no-state")})
        )
        told = await one.stories()

        assert [secret for secret in one.secrets if secret in told] == []
        # Not even the beginnings.
        assert "SECRET" not in told
        assert len(one.secrets) > 35


def _steps(one: Deployment, number: int = 0) -> list[Step]:
    return [hop.step for hop in one.attempts.all()[number].hops]


@proves("S234", "accepts", "no secret in a story")
async def test_the_story_of_a_sign_in_with_a_password_is_complete_and_in_order() -> None:
    async with deployed() as one:
        await one.call()
        client = await one.harness.register(client_name="Claude Code")
        got = await one.harness.tokens(client["client_id"])
        await one.call(got.access)
        await one.harness.refresh(client["client_id"], got.refresh)

        (attempt,) = one.attempts.all()
        assert _steps(one) == [
            "challenge",
            "registration",
            "authorization",
            "sign-in",
            "consent-page",
            "consent",
            "token",
            "call",
            "refresh",
        ]
        assert attempt.client_name == "Claude Code"
        assert attempt.user
        assert {hop.tie for hop in attempt.hops[3:]} == {"proved"}
        assert ending(attempt, one.clock()).state == "connected"


async def test_the_story_of_a_sign_in_at_a_provider_has_the_requests_to_it() -> None:
    async with deployed(own_users=False) as one:
        await one.call()
        client = await one.harness.register()
        got = await _tokens(one, one.harness.browser(), client["client_id"])
        await one.call(got.access)

        assert _steps(one) == [
            "challenge",
            "registration",
            "authorization",
            "to-provider",
            "provider-call",
            "callback",
            "provider-call",
            "provider-call",
            "consent-page",
            "token",
            "call",
        ]
        calls = [hop.sent[0] for hop in one.attempts.all()[0].hops if hop.step == "provider-call"]
        assert calls == ["metadata", "token request", "user information"]


async def test_two_people_at_one_address_have_each_their_own_attempt() -> None:
    async with deployed() as one:
        await one.harness.add_user("bob")
        client = (await one.harness.register())["client_id"]
        codes = {name: await one.harness.code(client, user=name) for name in ("alice", "bob")}
        for name in ("bob", "alice"):
            got = await one.harness.token(one.harness.code_fields(client, codes[name]))
            assert await one.call(got.access) == 200

        users = {}
        for name in ("alice", "bob"):
            known = await one.harness.server.users.find(name)
            assert known is not None
            users[known.id] = name
        found = [attempt for attempt in one.attempts.all() if attempt.user]
        assert {users[attempt.user] for attempt in found} == {"alice", "bob"}
        for attempt in found:
            steps = [hop.step for hop in attempt.hops]
            assert steps.count("token") == steps.count("call") == steps.count("consent") == 1


async def test_a_token_that_is_never_used_is_told_from_inside() -> None:
    async with deployed() as one:
        await one.call()
        await one.harness.tokens((await one.harness.register())["client_id"])
        one.clock.now += 100
        inside = inside_of(one.guard)

        assert ending(inside.attempts[0], inside.now).text == (
            "Token issued, /mcp never called again: stopped before this process."
        )


async def test_a_call_with_a_known_token_adds_nothing() -> None:
    async with deployed() as one:
        got = await one.harness.tokens((await one.harness.register())["client_id"])
        for _ in range(3):
            await one.call(got.access)
        before = one.attempts.all()
        for _ in range(20):
            await one.call(got.access)

        assert one.attempts.all() == before


async def test_a_guard_that_keeps_no_attempts_has_none() -> None:
    guard = Guard(
        resource=RESOURCE,
        issuer="http://localhost:9000",
        policy=Policy(base=Rule()),
        attempts=False,
    )

    assert guard.attempts is None
    assert inside_of(guard).attempts == ()
