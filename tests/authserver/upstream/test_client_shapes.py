"""Clients as they publish or register themselves sign in through this server at a provider."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from doorward.idp.clients import ConnectionFacts
from doorward.testing import PERSONAS, persona
from tests.authserver.browser import answer_in, form_with, links_of
from tests.authserver.conftest import StoppedClock
from tests.authserver.document_fetcher import FakeDocumentFetcher
from tests.authserver.harness import CALLBACK, RESOURCE, claims_of
from tests.authserver.upstream.conftest import Bridge, StartBridge, identity_provider
from tests.authserver.upstream.test_presets import bridge_to
from tests.ledger import proves
from tests.wire.test_client_metadata import DOCUMENTS, KEYLESS

CURSOR = dict(persona("cursor").facts.registration_request.value)


@dataclass(frozen=True)
class Shape:
    """A client: its document or its registration, where its code goes, what it leaves out."""

    redirect_uri: str
    document: str | None = None
    registration: dict[str, Any] = field(default_factory=dict)
    without: str = ""


def shape_of(facts: ConnectionFacts) -> Shape:
    """Return the shape of a client as it is known."""
    request = dict(facts.registration_request.value)
    # The port of a native client is another one each time, on the name localhost too.
    uris = [uri.replace("{port}", "53682") for uri in request["redirect_uris"]]
    return Shape(
        redirect_uri=facts.redirect_uri.value.replace("{port}", "53682"),
        document=None if facts.document is None else facts.document.value["client_id"],
        registration={**request, "redirect_uris": uris},
    )


SHAPES = {
    # ChatGPT authenticates with a key that it alone has.
    **{str(one): shape_of(one.facts) for one in PERSONAS if str(one) != "chatgpt"},
    # Its document named several authentication methods, and had no token_endpoint_auth_method.
    "ChatGPT without a key": Shape(
        "https://chatgpt.com/connector/oauth/abc", document=KEYLESS["client_id"]
    ),
    "Cursor, in its own scheme": Shape(CURSOR["redirect_uris"][0], registration=CURSOR),
    # Older clients know no resource; this server has exactly one.
    "mcp-remote without a resource": Shape(
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
        client = shape.document
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
    for document in (*DOCUMENTS.values(), KEYLESS):
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
