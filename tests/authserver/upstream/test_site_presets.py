"""Sites with an OAuth API of their own sign people in with what their presets say."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest

from doorward.authserver.settings.admission import Allow
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.net import FetchRequest, FetchResponse
from tests.authserver.browser import answer_in
from tests.authserver.harness import challenge_of
from tests.authserver.upstream.conftest import Bridge, StartBridge
from tests.authserver.upstream.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    OpenIdProvider,
    _is_our_client,
    answered,
)
from tests.ledger import proves

HOUR = 3600
DAY = 24 * HOUR


@dataclass
class Site(OpenIdProvider):
    """A site with plain OAuth: the endpoints of its preset, and an API of ``documents`` by URL."""

    provider: IdentityProvider | None = None
    documents: dict[str, Any] = field(default_factory=dict)
    lifetime: int | None = None
    renews: bool = True

    @property
    def endpoints(self) -> Any:
        assert self.provider is not None
        endpoints = self.provider.sign_in.endpoints
        assert endpoints is not None
        return endpoints.at(self.provider.issuer_url)

    def authorize(self, url: str) -> dict[str, str]:
        assert url.startswith(f"{self.endpoints.authorization}?"), url
        return super().authorize(
            url.replace(self.endpoints.authorization, f"{self.base}/authorize")
        )

    async def send(self, url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        form = dict(parse_qsl(request.body.decode()))
        self.requests.append((url, form))
        if url == self.endpoints.token:
            return self._issue(form, request.authorization)
        if url == self.endpoints.revocation:
            return answered({})
        assert request.authorization == "Bearer site-access"
        found = self.documents[url]
        return found if isinstance(found, FetchResponse) else answered(found)

    def _issue(self, form: dict[str, str], authorization: str | None) -> FetchResponse:
        posted = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        assert self.provider is not None
        in_body = self.provider.sign_in.client_auth_method == "client_secret_post"
        if not (posted if in_body else _is_our_client(authorization)):
            return answered({"error": "invalid_client"}, 401)
        if form["grant_type"] == "authorization_code":
            asked = self._codes.pop(form["code"])
            verifier = form.get("code_verifier")
            assert (verifier and challenge_of(verifier)) == asked.get("code_challenge")
            assert form["redirect_uri"] == asked["redirect_uri"]
        tokens: dict[str, Any] = {
            "access_token": "site-access",
            "token_type": "bearer",
            "expires_in": self.lifetime,
            "refresh_token": "site-refresh" if self.renews else None,
            "scope": self.authorizations[-1]["scope"],
        }
        return answered({name: value for name, value in tokens.items() if value is not None})


DISCORD: dict[str, Any] = {
    "https://discord.com/api/users/@me": {
        "id": "80351110224678912",
        "username": "jane",
        "global_name": "Jane Doe",
        "email": "jane@example.com",
        "verified": True,
    },
    "https://discord.com/api/users/@me/guilds": [{"id": "197038439483310086", "name": "acme"}],
}
BITBUCKET: dict[str, Any] = {
    "https://api.bitbucket.org/2.0/user": {
        "uuid": "{a1b2}",
        "username": "jane",
        "display_name": "Jane Doe",
        "type": "user",
    },
    "https://api.bitbucket.org/2.0/user/emails?pagelen=100": {
        "values": [
            {"email": "old@elsewhere.example", "is_primary": False, "is_confirmed": True},
            {"email": "jane@example.com", "is_primary": True, "is_confirmed": True},
        ]
    },
    "https://api.bitbucket.org/2.0/user/workspaces?pagelen=100": {
        "values": [{"workspace": {"slug": "acme", "uuid": "{w1}"}, "administrator": False}]
    },
}
LINKEDIN: dict[str, Any] = {
    "https://api.linkedin.com/v2/userinfo": {
        "sub": "782bbtaQ",
        "name": "Jane Doe",
        "email": "jane@example.com",
        "email_verified": True,
    }
}
PROPELAUTH: dict[str, Any] = {
    "https://auth.example.com/propelauth/oauth/userinfo": {
        "user_id": "31c41c16",
        "email": "jane@example.com",
        "email_confirmed": True,
        "first_name": "Jane",
        "org_id_to_org_info": {"1189c444": {"org_id": "1189c444", "org_name": "Acme"}},
    }
}
SITES: dict[str, dict[str, Any]] = {
    "discord": DISCORD,
    "bitbucket": BITBUCKET,
    "linkedin": LINKEDIN,
    "propelauth": PROPELAUTH,
}
OpenSite = Callable[..., Any]


@pytest.fixture
def open_site(start_bridge: StartBridge, clock: Any) -> OpenSite:
    """Give a function that starts a server in front of a site, and signs somebody in there."""

    async def sign_in(kind: str, rule: Allow, **changes: Any) -> tuple[Bridge, Any, str]:
        site_options = {
            name: changes.pop(name) for name in ("lifetime", "renews") if name in changes
        }
        provider = IdentityProvider(
            kind=kind,
            issuer="https://auth.example.com" if kind == "propelauth" else None,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            allow=rule,
        )
        documents = json.loads(json.dumps(SITES[kind]))
        for url, change in changes.items():
            documents[url] = change
        site = Site(clock, provider=provider, documents=documents, **site_options)
        bridge = await start_bridge(provider, provider=site)
        client = (await bridge.harness.register())["client_id"]
        return bridge, await bridge.sign_in(bridge.harness.browser(), client), client

    return sign_in


@pytest.mark.parametrize(
    ("kind", "rule", "admitted"),
    [
        ("discord", Allow(subjects={"80351110224678912"}), True),
        ("discord", Allow(domains={"example.com"}), True),
        ("discord", Allow(organizations={"197038439483310086"}), True),
        # Anybody can give a server this name.
        ("discord", Allow(organizations={"acme"}), False),
        ("discord", Allow(subjects={"jane"}), False),
        ("bitbucket", Allow(subjects={"{a1b2}"}), True),
        ("bitbucket", Allow(emails={"jane@example.com"}), True),
        ("bitbucket", Allow(organizations={"acme"}), True),
        ("bitbucket", Allow(emails={"old@elsewhere.example"}), False),
        ("bitbucket", Allow(organizations={"other"}), False),
        ("linkedin", Allow(domains={"example.com"}), True),
        ("linkedin", Allow(subjects={"782bbtaQ"}), True),
        ("propelauth", Allow(organizations={"1189c444"}), True),
        ("propelauth", Allow(domains={"example.com"}), True),
        # Members can change the name of their organization.
        ("propelauth", Allow(organizations={"Acme"}), False),
    ],
)
@proves("S204", "accepts", "admission by claims")
@proves("S204", "refuses", "admission by claims")
async def test_a_site_admits_by_what_its_own_api_says(
    open_site: OpenSite, kind: str, rule: Allow, admitted: bool
) -> None:
    _, back, _ = await open_site(kind, rule)

    assert back.status_code == (303 if admitted else 403)


@pytest.mark.parametrize(
    ("kind", "url", "change"),
    [
        ("discord", "https://discord.com/api/users/@me", {"verified": False}),
        ("discord", "https://discord.com/api/users/@me", {"verified": "true"}),
        ("linkedin", "https://api.linkedin.com/v2/userinfo", {"email_verified": None}),
        (
            "propelauth",
            "https://auth.example.com/propelauth/oauth/userinfo",
            {"email_confirmed": False},
        ),
        (
            "bitbucket",
            "https://api.bitbucket.org/2.0/user/emails?pagelen=100",
            {"values": [{"email": "jane@example.com", "is_primary": True, "is_confirmed": False}]},
        ),
    ],
)
@proves("S204", "refuses", "admission by claims")
async def test_an_address_that_a_site_has_not_verified_admits_nobody(
    open_site: OpenSite, kind: str, url: str, change: dict[str, Any]
) -> None:
    document = {**SITES[kind][url], **change}

    _, back, _ = await open_site(kind, Allow(domains={"example.com"}), **{url: document})

    assert back.status_code == 403


async def test_a_list_of_workspaces_that_goes_on_admits_nobody(open_site: OpenSite) -> None:
    url = "https://api.bitbucket.org/2.0/user/workspaces?pagelen=100"
    cut = {**BITBUCKET[url], "next": f"{url}&page=2"}

    _, back, _ = await open_site("bitbucket", Allow(organizations={"acme"}), **{url: cut})

    assert back.status_code == 403


@pytest.mark.parametrize("kind", SITES)
async def test_only_the_site_that_refuses_pkce_gets_none(open_site: OpenSite, kind: str) -> None:
    bridge, back, _ = await open_site(kind, Allow(everyone=True))

    assert back.status_code == 303
    asked = bridge.provider.authorizations[0]
    redeemed = next(form for _, form in bridge.provider.requests if "code" in form)
    assert ("code_challenge" in asked) is (kind != "linkedin")
    assert ("code_verifier" in redeemed) is (kind != "linkedin")
    assert len(asked["state"]) >= 32


@pytest.mark.parametrize("kind", ["discord", "bitbucket", "propelauth"])
async def test_a_site_is_asked_again_with_fresh_tokens(
    open_site: OpenSite, clock: Any, kind: str
) -> None:
    bridge, back, client = await open_site(kind, Allow(everyone=True), lifetime=2 * HOUR)
    tokens = await redeemed_at(bridge, client, back)
    clock.advance(3 * HOUR)

    again = await bridge.harness.refresh(client, tokens.refresh)

    assert again.response.status_code == 200
    forms = [form for _, form in bridge.provider.requests]
    assert {"grant_type": "refresh_token", "refresh_token": "site-refresh"} in forms


async def redeemed_at(bridge: Bridge, client: str, back: Any) -> Any:
    code = answer_in(back.headers["location"])["code"]
    return await bridge.harness.token(bridge.harness.code_fields(client, code))


@pytest.mark.parametrize(
    "answer",
    [
        answered({"message": "401: Unauthorized"}, 401),
        answered({"ok": False, "error": "token_revoked"}),
        answered({"ok": False, "error": "account_inactive"}),
    ],
    ids=["401", "revoked", "inactive"],
)
@proves("S49", "refuses", "a failed provider refresh ends the grant")
async def test_a_token_that_was_revoked_and_cannot_be_refreshed_ends_the_session(
    open_site: OpenSite, clock: Any, answer: FetchResponse
) -> None:
    bridge, back, client = await open_site("linkedin", Allow(everyone=True), renews=False)
    tokens = await redeemed_at(bridge, client, back)
    clock.advance(HOUR)
    bridge.provider.documents["https://api.linkedin.com/v2/userinfo"] = answer

    refused = await bridge.harness.refresh(client, tokens.refresh)

    assert refused.response.status_code == 400
    assert refused.body["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("answer", "renews"),
    [
        (answered({"message": "rate limit"}, 403), False),
        (answered({"ok": False, "error": "internal_error"}), False),
        (answered({"ok": False, "error": "ratelimited"}), False),
        (answered({"message": "Bad gateway"}, 502), False),
        # The token is a minute old: the fault is on the provider's side.
        (answered({"message": "401: Unauthorized"}, 401), True),
    ],
    ids=["403", "internal", "busy", "502", "fresh"],
)
@proves("S198", "refuses", "faults are 503")
async def test_a_fault_of_the_api_does_not_end_the_session(
    open_site: OpenSite, clock: Any, answer: FetchResponse, renews: bool
) -> None:
    bridge, back, client = await open_site("linkedin", Allow(everyone=True), renews=renews)
    tokens = await redeemed_at(bridge, client, back)
    clock.advance(HOUR)
    url = "https://api.linkedin.com/v2/userinfo"
    bridge.provider.documents[url] = answer

    unavailable = await bridge.harness.refresh(client, tokens.refresh)
    bridge.provider.documents[url] = LINKEDIN[url]
    again = await bridge.harness.refresh(client, tokens.refresh)

    assert unavailable.response.status_code == 503
    assert again.response.status_code == 200
