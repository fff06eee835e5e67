"""How the client finds who protects a server, and whom of those it believes."""

from typing import Any

import pytest

from doorward.client import BearerChallenge, DiscoveredIssuer, DiscoveryFailed, discover
from tests.clauses.scripted_servers import (
    ISSUER,
    RESOURCE_METADATA,
    SERVER,
    SERVER_METADATA,
    ScriptedServers,
    resource_document,
    server_document,
)
from tests.ledger import proves

ROOT_METADATA = "https://mcp.example/.well-known/oauth-protected-resource"
ELSEWHERE = "https://mcp.example/about/this-server.json"
TENANT = "https://as.example/tenant1"
WITH_PATH = (
    "https://as.example/.well-known/oauth-authorization-server/tenant1",
    "https://as.example/.well-known/openid-configuration/tenant1",
    "https://as.example/tenant1/.well-known/openid-configuration",
)
WITHOUT_PATH = (
    "https://as.example/.well-known/oauth-authorization-server",
    "https://as.example/.well-known/openid-configuration",
)


async def find(
    servers: ScriptedServers, server: str = SERVER, **challenge: Any
) -> DiscoveredIssuer:
    http_client = servers.http_client(server)
    try:
        return await discover(http_client, server, BearerChallenge(**challenge))
    finally:
        await http_client.aclose()


def visited(servers: ScriptedServers) -> list[str]:
    return [str(request.url) for request in servers.sent]


@proves("disc-client-both-mechanisms", "accepts")
@proves("auth-client-uses-metadata", "accepts")
async def test_the_address_in_the_challenge_is_the_one_asked(servers: ScriptedServers) -> None:
    servers.documents[ELSEWHERE] = servers.documents.pop(RESOURCE_METADATA)

    found = await find(servers, metadata_url=ELSEWHERE)

    assert found.server.issuer == ISSUER
    assert visited(servers) == [ELSEWHERE, SERVER_METADATA]


@proves("disc-client-both-mechanisms", "refuses")
@proves("auth-client-uses-metadata", "refuses")
async def test_nothing_else_is_tried_when_that_address_has_no_document(
    servers: ScriptedServers,
) -> None:
    with pytest.raises(DiscoveryFailed) as refusal:
        await find(servers, metadata_url=ELSEWHERE)

    assert refusal.value.reason == "no-resource-metadata"
    assert visited(servers) == [ELSEWHERE]


@proves("disc-client-well-known-fallback", "accepts")
@pytest.mark.parametrize("place", [RESOURCE_METADATA, ROOT_METADATA])
async def test_without_an_address_the_path_inserted_form_comes_before_the_root(
    servers: ScriptedServers, place: str
) -> None:
    servers.documents[place] = servers.documents.pop(RESOURCE_METADATA)

    await find(servers)

    order = [RESOURCE_METADATA, ROOT_METADATA]
    assert visited(servers)[:-1] == order[: order.index(place) + 1]


@proves("disc-client-well-known-fallback", "refuses")
async def test_a_server_that_says_nothing_anywhere_is_not_guessed_at(
    servers: ScriptedServers,
) -> None:
    del servers.documents[RESOURCE_METADATA]

    with pytest.raises(DiscoveryFailed) as refusal:
        await find(servers)

    assert refusal.value.reason == "no-resource-metadata"
    assert visited(servers) == [RESOURCE_METADATA, ROOT_METADATA]


@proves("disc-client-parses-challenge", "accepts")
async def test_a_bearer_challenge_among_others_is_found_and_answered(
    servers: ScriptedServers,
) -> None:
    servers.documents[ELSEWHERE] = servers.documents.pop(RESOURCE_METADATA)
    servers.challenge = (
        f'Basic realm="a, \\"b\\"", Bearer scope="read", resource_metadata="{ELSEWHERE}"'
    )

    response = await servers.call()

    assert response.status_code == 200
    assert servers.visits[0]["scope"] == "read"


@proves("disc-client-parses-challenge", "refuses")
async def test_nothing_is_taken_from_a_challenge_that_cannot_be_read(
    servers: ScriptedServers,
) -> None:
    servers.challenge = f'Bearer scope="admin" resource_metadata="{ELSEWHERE}", ="'

    response = await servers.call()

    assert response.status_code == 200
    assert "scope" not in servers.visits[0]
    assert not servers.asked("GET", ELSEWHERE)


@proves("disc-client-many-forms", "accepts")
@proves("disc-client-order-with-path", "accepts")
@proves("disc-client-order-without-path", "accepts")
@proves("auth-client-both-discoveries", "accepts")
@pytest.mark.parametrize(
    ("issuer", "order", "place"),
    [(TENANT, WITH_PATH, place) for place in WITH_PATH]
    + [(ISSUER, WITHOUT_PATH, place) for place in WITHOUT_PATH],
)
async def test_every_form_of_metadata_is_tried_in_the_order_of_the_specification(
    servers: ScriptedServers, issuer: str, order: tuple[str, ...], place: str
) -> None:
    servers.documents = {
        RESOURCE_METADATA: resource_document(authorization_servers=[issuer]),
        place: server_document(issuer),
    }

    found = await find(servers)

    assert found.server.token_endpoint == f"{issuer}/token"
    assert visited(servers)[1:] == list(order[: order.index(place) + 1])


@proves("disc-client-many-forms", "refuses")
@proves("disc-client-order-with-path", "refuses")
@proves("disc-client-order-without-path", "refuses")
@proves("auth-client-both-discoveries", "refuses")
@pytest.mark.parametrize(("issuer", "order"), [(TENANT, WITH_PATH), (ISSUER, WITHOUT_PATH)])
async def test_an_issuer_without_metadata_is_given_up_after_the_last_form(
    servers: ScriptedServers, issuer: str, order: tuple[str, ...]
) -> None:
    servers.documents = {RESOURCE_METADATA: resource_document(authorization_servers=[issuer])}

    with pytest.raises(DiscoveryFailed) as refusal:
        await find(servers)

    assert refusal.value.reason == "no-server-metadata"
    assert visited(servers)[1:] == list(order)


@proves("disc-metadata-validated", "accepts")
@proves("disc-issuer-identical", "accepts")
@proves("disc-issuer-differs-unused", "accepts")
@proves("disc-issuer-foreign-rejected", "accepts")
@pytest.mark.parametrize("issuer", [ISSUER, TENANT, "https://as.example:8443"])
async def test_metadata_that_names_the_issuer_it_was_asked_for_is_used(
    servers: ScriptedServers, issuer: str
) -> None:
    origin, _, path = issuer.removeprefix("https://").partition("/")
    place = f"https://{origin}/.well-known/oauth-authorization-server" + (f"/{path}" * bool(path))
    servers.documents = {
        RESOURCE_METADATA: resource_document(authorization_servers=[issuer]),
        place: server_document(issuer),
    }

    assert (await find(servers)).server.issuer == issuer


@proves("disc-metadata-validated", "refuses")
@proves("disc-issuer-identical", "refuses")
@proves("disc-issuer-differs-unused", "refuses")
@proves("disc-issuer-foreign-rejected", "refuses")
@pytest.mark.parametrize(
    "named",
    [
        pytest.param("https://honest.example", id="somebody-else"),
        pytest.param(ISSUER + "/", id="a-slash-more"),
        pytest.param("https://AS.example", id="a-capital"),
        pytest.param(ISSUER + ":443", id="the-default-port"),
        pytest.param("http://as.example", id="another-scheme"),
        pytest.param(None, id="nobody"),
    ],
)
async def test_metadata_that_names_another_issuer_is_not_used(
    servers: ScriptedServers, named: str | None
) -> None:
    servers.documents[SERVER_METADATA] = {**server_document(), "issuer": named}

    with pytest.raises(DiscoveryFailed) as refusal:
        await servers.call()

    assert refusal.value.reason in ("issuer-mismatch", "malformed-metadata")
    assert not servers.visits


@proves("sec-client-checks-pkce", "accepts")
@proves("sec-client-pkce-from-metadata", "accepts")
@proves("sec-client-refuses-without-pkce", "accepts")
@proves("sec-client-oidc-pkce", "accepts")
@proves("sec-client-oidc-refuses", "accepts")
@pytest.mark.parametrize("place", WITHOUT_PATH)
async def test_a_server_that_names_s256_is_signed_in_at(
    servers: ScriptedServers, place: str
) -> None:
    servers.documents = {
        RESOURCE_METADATA: resource_document(),
        place: server_document(code_challenge_methods_supported=["plain", "S256"]),
    }

    assert (await servers.call()).status_code == 200
    assert servers.visits[0]["code_challenge_method"] == "S256"


@proves("sec-client-checks-pkce", "refuses")
@proves("sec-client-pkce-from-metadata", "refuses")
@proves("sec-client-refuses-without-pkce", "refuses")
@proves("sec-client-oidc-pkce", "refuses")
@proves("sec-client-oidc-refuses", "refuses")
@proves("sec-client-pkce", "refuses")
@proves("sec-client-s256", "refuses")
@pytest.mark.parametrize("place", WITHOUT_PATH)
@pytest.mark.parametrize(
    "methods",
    [
        pytest.param(None, id="absent"),
        pytest.param([], id="empty"),
        pytest.param(["plain"], id="plain-alone"),
        pytest.param(["s256"], id="another-spelling"),
    ],
)
async def test_a_server_that_does_not_name_s256_is_not_signed_in_at(
    servers: ScriptedServers, place: str, methods: list[str] | None
) -> None:
    servers.documents = {
        RESOURCE_METADATA: resource_document(),
        place: server_document(code_challenge_methods_supported=methods),
    }

    with pytest.raises(DiscoveryFailed) as refusal:
        await servers.call()

    assert refusal.value.reason == "pkce-not-offered"
    assert not servers.visits


@proves("auth-resource-case", "accepts")
@proves("auth-resource-no-slash", "accepts")
@pytest.mark.parametrize(
    ("server", "named"),
    [
        pytest.param("HTTPS://MCP.Example/mcp", SERVER, id="capitals"),
        pytest.param("https://mcp.example/", "https://mcp.example", id="root-slash"),
        pytest.param("https://mcp.example", "https://mcp.example/", id="no-root-slash"),
    ],
)
async def test_spellings_of_one_address_are_one_resource(
    servers: ScriptedServers, server: str, named: str
) -> None:
    servers.documents[ELSEWHERE] = resource_document(resource=named)

    found = await find(servers, server, metadata_url=ELSEWHERE)

    assert found.resource.resource == named


@proves("auth-resource-case", "refuses")
@proves("auth-resource-no-slash", "refuses")
@proves("auth-resource-most-specific", "refuses")
@proves("auth-resource-names-server", "refuses")
@proves("auth-resource-canonical", "refuses")
@pytest.mark.parametrize(
    "named",
    [
        pytest.param("https://mcp.example/MCP", id="a-capital-in-the-path"),
        pytest.param("https://mcp.example/mcp/", id="a-slash-that-means-something"),
        pytest.param("https://mcp.example", id="the-whole-host"),
        pytest.param("https://mcp.example/", id="the-whole-host-with-slash"),
        pytest.param("https://other.example/mcp", id="another-host"),
        pytest.param("https://mcp.example/mcp#a", id="a-fragment"),
        pytest.param("mcp.example/mcp", id="no-scheme"),
    ],
)
async def test_metadata_about_another_resource_ends_the_attempt(
    servers: ScriptedServers, named: str
) -> None:
    servers.documents[RESOURCE_METADATA] = resource_document(resource=named)

    with pytest.raises(DiscoveryFailed) as refusal:
        await servers.call()

    assert refusal.value.reason == "wrong-resource"
    assert not servers.visits
