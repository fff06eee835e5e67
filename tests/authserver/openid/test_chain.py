"""One Doorward signs people in at another one, which has the passwords."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from doorward.authserver.settings.admission import Allow
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.settings.identity_provider import IdentityProvider
from doorward.net import FetchRequest, FetchResponse
from tests.authserver.browser import Browser, answer_in
from tests.authserver.conftest import StoppedClock
from tests.authserver.databases import Databases
from tests.authserver.harness import PASSWORD, AuthServerHarness, Tokens, claims_of

PROVIDER = "http://localhost:9100"
SECRET = "f3w9Qe7rTy1uIo5pAs8dFg2hJk4lZx6c"
CALLBACK = "http://localhost:9000/callback/sso"


@dataclass
class Wire:
    """Carries requests of one server to the other; ``changed`` replaces members of token responses."""

    provider: AuthServerHarness
    changed: dict[str, Any] = field(default_factory=dict)

    async def fetch(self, url: str, *, accept: str = "", limit: int = 0) -> FetchResponse:
        return await self.send(url, FetchRequest())

    async def send(self, url: str, request: FetchRequest, *, limit: int = 0) -> FetchResponse:
        headers = {
            "Authorization": request.authorization,
            "Content-Type": request.content_type,
        }
        answer = await self.provider.http.request(
            request.method,
            url,
            content=request.body,
            headers={name: value for name, value in headers.items() if value is not None},
        )
        body = answer.content
        if urlsplit(url).path == "/token" and answer.status_code == 200:
            body = httpx2.Response(200, json={**answer.json(), **self.changed}).content
        return FetchResponse(answer.status_code, dict(answer.headers), body, None)

    async def aclose(self) -> None:
        """Close nothing."""


@dataclass
class Chain:
    """The server of MCP clients, the provider behind it, and a person at a browser."""

    front: AuthServerHarness
    provider: AuthServerHarness
    wire: Wire
    client_id: str
    browser: Browser
    at_provider: Browser

    async def to_provider(self, **changes: Any) -> str:
        """Consent at the front, and return the URL of the provider."""
        url = self.front.authorize_url(self.client_id, **changes)
        page = await self.browser.decide(await self.browser.open(url))
        return page.headers["location"]

    async def back(self, url: str) -> str:
        """Sign una in at the provider, and return the callback."""
        page = await self.at_provider.go_through(url, "una", PASSWORD)
        return page.headers["location"]

    async def sign_in(self, **changes: Any) -> Tokens:
        """Go through both, and return the tokens of the front."""
        callback = await self.back(await self.to_provider(**changes))
        answer = await self.browser.open(callback)
        code = answer_in(answer.headers["location"])["code"]
        return await self.front.token(self.front.code_fields(self.client_id, code))


@pytest.fixture
async def chain(clock: StoppedClock, databases: Databases) -> AsyncIterator[Chain]:
    client = ConfiguredClient(
        client_id="front", secret=SECRET, auth_method="client_secret_basic",
        redirect_uris=(CALLBACK,),
    )  # fmt: skip
    signs_in = IdentityProvider(
        issuer=PROVIDER, client_id="front", client_secret=SECRET,
        allow=Allow(domains={"example.com"}),
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        provider = await stack.enter_async_context(
            AuthServerHarness.opened(
                clock, issuer=PROVIDER, openid=True, clients=(client,),
                **await databases.settings(),
            )
        )  # fmt: skip
        await provider.server.users.add("una", PASSWORD, (), (), "Una", "una@example.com")
        wire = Wire(provider)
        front = await stack.enter_async_context(
            AuthServerHarness.opened(
                clock, provider_fetcher=wire, identity_providers=(signs_in,),
                **await databases.settings(),
            )
        )  # fmt: skip
        client_id = (await front.register())["client_id"]
        yield Chain(front, provider, wire, client_id, front.browser(), provider.browser())


async def test_a_person_signs_in_at_one_doorward_with_the_account_at_another(chain: Chain) -> None:
    tokens = await chain.sign_in()

    claims = claims_of(tokens.access)
    assert claims["name"] == "Una"
    assert claims["aud"] == chain.front.resource
    assert claims["iss"] == chain.front.issuer


@pytest.mark.parametrize("end", ["disable", "remove"])
async def test_an_account_that_ends_at_the_provider_ends_within_ten_minutes(
    chain: Chain, clock: StoppedClock, end: str
) -> None:
    tokens = await chain.sign_in()
    clock.advance(601)
    kept = await chain.front.refresh(chain.client_id, tokens.refresh)
    await getattr(chain.provider.server.users, end)("una")
    clock.advance(601)

    ended = await chain.front.refresh(chain.client_id, kept.refresh)

    assert kept.response.status_code == 200, kept.body
    assert ended.body["error"] == "invalid_grant"


async def test_a_client_that_signs_out_revokes_the_grant_at_the_provider(chain: Chain) -> None:
    tokens = await chain.sign_in()

    form = {"token": tokens.refresh, "client_id": chain.client_id}
    await chain.front.http.post(chain.front.url("/revoke"), data=form)
    await chain.front.server.services.token_revocation.aclose()

    assert "token.revoked" in chain.provider.kinds()


async def test_prompt_login_reaches_the_page_that_asks_for_the_password(
    chain: Chain, clock: StoppedClock
) -> None:
    await chain.sign_in()
    clock.advance(100)

    again = await chain.at_provider.open(await chain.to_provider(prompt="login"))

    assert 'name="password"' in again.text


@pytest.mark.parametrize("removed", ["prompt", "max_age"])
async def test_a_sign_in_is_refused_if_somebody_removed_what_the_client_asked_for(
    chain: Chain, clock: StoppedClock, removed: str
) -> None:
    await chain.sign_in()
    clock.advance(1000)
    url = await chain.to_provider(
        **({"prompt": "login"} if removed == "prompt" else {"max_age": "60"})
    )
    asked = dict(parse_qsl(urlsplit(url).query))
    assert removed in asked
    stripped = {name: value for name, value in asked.items() if name not in ("prompt", "max_age")}

    callback = await chain.back(f"{PROVIDER}/authorize?{urlencode(stripped)}")
    refused = await chain.browser.open(callback)

    assert refused.status_code == 403
    assert "authentication-too-old" in refused.text


@pytest.mark.parametrize(
    ("changes", "status"),
    [({}, 303), ({"iss": "https://evil.example"}, 502), ({"iss": None}, 502)],
)
async def test_an_answer_counts_if_it_names_the_provider_that_was_asked(
    chain: Chain, changes: dict[str, str | None], status: int
) -> None:
    callback = await chain.back(await chain.to_provider())
    answer: dict[str, str | None] = {**answer_in(callback), **changes}
    sent = urlencode({name: value for name, value in answer.items() if value is not None})

    page = await chain.browser.open(f"{CALLBACK}?{sent}")

    assert page.status_code == status


async def test_a_callback_counts_once(chain: Chain) -> None:
    callback = await chain.back(await chain.to_provider())
    await chain.browser.open(callback)

    again = await chain.browser.open(callback)

    assert again.status_code == 403
    assert chain.front.kinds().count("code.issued") == 1


async def test_an_id_token_of_another_sign_in_or_client_is_refused(chain: Chain) -> None:
    other = (await chain.provider.register())["client_id"]
    code = await chain.provider.code(
        other, user="una", scope="openid", nonce="theirs", without="resource"
    )
    theirs = await chain.provider.token(chain.provider.code_fields(other, code, resource=None))
    chain.wire.changed = {"id_token": theirs.body["id_token"]}

    page = await chain.browser.open(await chain.back(await chain.to_provider()))

    assert page.status_code == 502
    assert "sign-in.succeeded" not in chain.front.kinds()


async def test_an_access_token_is_taken_for_no_id_token(chain: Chain) -> None:
    callback = await chain.back(await chain.to_provider())
    code = await chain.provider.code(
        "front", user="una", scope="openid", without="resource", redirect_uri=CALLBACK
    )
    basic_auth = httpx2.BasicAuth("front", SECRET)
    fields = chain.provider.code_fields(
        "front", code, resource=None, redirect_uri=CALLBACK, client_id=None
    )
    answer = await chain.provider.http.post(
        chain.provider.url("/token"), data=fields, auth=basic_auth
    )
    chain.wire.changed = {"id_token": answer.json()["access_token"]}

    page = await chain.browser.open(callback)

    assert page.status_code == 502
    assert "at+jwt" in next(
        one.facts["detail"] for one in chain.front.events if one.kind == "provider-sign-in.failed"
    )
