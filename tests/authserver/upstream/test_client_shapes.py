"""Clients as they publish or register themselves sign in through this server at a provider."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.authserver.browser import answer_in, form_with, links_of
from tests.authserver.conftest import StoppedClock
from tests.authserver.document_fetcher import FakeDocumentFetcher
from tests.authserver.harness import CALLBACK, RESOURCE, claims_of
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.authserver.upstream.test_presets import bridge_to
from tests.ledger import proves
from tests.wire.test_client_metadata import DOCUMENTS

CURSOR = (
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
)


@dataclass(frozen=True)
class Shape:
    """A client: its document or its registration, where its code goes, what it leaves out."""

    redirect_uri: str
    document: str | None = None
    registration: dict[str, Any] = field(default_factory=dict)
    without: str = ""


SHAPES = {
    # The port of a native client is another one each time, on the name localhost too.
    "Claude Code": Shape("http://localhost:53682/callback", document="claude-code"),
    # Its document lists the jwt-bearer grant.
    "claude.ai": Shape("https://claude.ai/api/mcp/auth_callback", document="claude-ai"),
    # Its document lists device_code, and a logo of another host.
    "VS Code": Shape("http://127.0.0.1:61234/", document="vs-code"),
    # Its document names several authentication methods and has no token_endpoint_auth_method.
    "ChatGPT": Shape("https://chatgpt.com/connector/oauth/abc", document="chatgpt"),
    "Cursor, in its own scheme": Shape(CURSOR[0], registration={"redirect_uris": [*CURSOR]}),
    "Cursor, on loopback": Shape(CURSOR[2], registration={"redirect_uris": [*CURSOR]}),
    # Older clients know no resource; this server has exactly one.
    "mcp-remote": Shape(
        CALLBACK,
        registration={
            "client_uri": "https://github.com/geelen/mcp-remote",
            "response_types": ["code"],
        },
        without="resource",
    ),
}


async def signed_in(bridge: Bridge, shape: Shape) -> tuple[str, dict[str, Any]]:
    """Sign in as this client does; return its ID, and the answer of the token endpoint."""
    harness, browser = bridge.harness, bridge.harness.browser()
    if shape.document is None:
        client = (await harness.register(**shape.registration))["client_id"]
    else:
        client = DOCUMENTS[shape.document]["client_id"]
    url = harness.authorize_url(client, redirect_uri=shape.redirect_uri, without=shape.without)
    page = await browser.open(url)
    if 'name="decision"' not in page.text:
        page = await browser.submit(form_with(page.text, "transaction"))
    redirect = await browser.decide(page)
    answer = await browser.open(bridge.provider.callback(redirect.headers["location"]))
    # A scheme of an application is opened from a page; everything else by a redirect.
    target = answer.headers.get("location") or next(
        link for link in links_of(answer.text) if link.startswith(shape.redirect_uri)
    )
    assert target.startswith(shape.redirect_uri + "?")
    changes = {"redirect_uri": shape.redirect_uri} | dict.fromkeys(shape.without.split())
    fields = harness.code_fields(client, answer_in(target)["code"], **changes)
    return client, (await harness.token(fields)).body


@pytest.fixture
def documents() -> FakeDocumentFetcher:
    fetcher = FakeDocumentFetcher()
    for document in DOCUMENTS.values():
        fetcher.documents[document["client_id"]] = document
    return fetcher


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("choice", [False, True], ids=["one provider", "a choice of providers"])
@proves("S81", "accepts", "documents of real clients")
async def test_it_signs_in_and_refreshes(
    start_bridge: StartBridge, documents: FakeDocumentFetcher, name: str, choice: bool
) -> None:
    several = (identity_provider(), identity_provider(name="other")) if choice else ()
    bridge = await start_bridge(*several, fetcher=documents, own_users=choice)

    client, tokens = await signed_in(bridge, SHAPES[name])

    claims = claims_of(tokens["access_token"])
    assert claims["client_id"] == client
    assert claims["aud"] == RESOURCE
    refreshed = await bridge.harness.refresh(client, tokens["refresh_token"])
    assert refreshed.response.status_code == 200


@pytest.mark.parametrize("name", SHAPES)
async def test_entra_is_sent_no_resource_and_its_own_scopes(
    start_bridge: StartBridge,
    documents: FakeDocumentFetcher,
    name: str,
    clock: StoppedClock,
) -> None:
    bridge = await bridge_to(start_bridge, "entra", fetcher=documents)

    client, tokens = await signed_in(bridge, SHAPES[name])
    clock.advance(3600)
    refreshed = await bridge.harness.refresh(client, tokens["refresh_token"])

    assert refreshed.response.status_code == 200
    sent = [*bridge.provider.authorizations, *(form for _, form in bridge.provider.requests)]
    assert not [form for form in sent if "resource" in form]
    scopes = {scope for form in sent for scope in form.get("scope", "").split()}
    assert scopes
    assert not {"mcp:read", "mcp:tools"} & scopes
