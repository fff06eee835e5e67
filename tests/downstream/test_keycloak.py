"""Tokens for the next server from a real Keycloak's standard token exchange."""

from typing import Any

import pytest

from doorward import Guard, Identity, McpServer, Policy
from doorward.downstream import (
    ClientCredentials,
    DownstreamProblem,
    GrantRefused,
    NotGranted,
    ServerNotKnown,
    TokenExchange,
    TokenForUs,
)
from doorward.errors import WrongAudience
from doorward.idp import KEYCLOAK
from doorward.tokens import RFC9068, TrustedIssuer, Verifier
from tests.keycloak.running import RESOURCE, RunningKeycloak
from tests.quickstart.calling import call, result, serving

pytestmark = [pytest.mark.e2e, pytest.mark.needs("keycloak")]

SECRET = "mcp-server-secret"


def exchange(keycloak: RunningKeycloak, **told: Any) -> TokenExchange:
    """Return what the realm arranges for mcp-server."""
    usual: dict[str, Any] = {
        "issuer": keycloak.issuer,
        "client_id": "mcp-server",
        "client_secret": SECRET,
        "audience": "downstream-api",
        "scopes": {"api:read"},
    }
    return TokenExchange(**{**usual, **told})


async def ask(keycloak: RunningKeycloak, token: str, **arranged: Any) -> Any:
    """Call a tool with ``token`` that asks for the next server's; return that, or what was raised."""
    got: list[Any] = []
    server = McpServer("front", version="1")

    @server.tool()
    async def orders(user: Identity) -> dict[str, str]:
        try:
            got.append(await user.token_for("next"))
        except DownstreamProblem as problem:
            got.append(problem)
        return {"sub": user.subject}

    guard = Guard(
        idp="keycloak",
        issuer=keycloak.issuer,
        resource=RESOURCE,
        policy=Policy(rules=server.rules),
        downstream={"next": arranged.pop("grant", None) or exchange(keycloak, **arranged)},
    )
    async with serving(guard.protect(server.asgi), "http://localhost:9000") as client:
        for _ in range(2):
            answer = await call(client, token, "orders")
            assert result(answer)["sub"]
    return got


def verifier(keycloak: RunningKeycloak, audience: str) -> Verifier:
    """Return what a server with that audience accepts."""
    profile = KEYCLOAK.profile or RFC9068
    return Verifier([TrustedIssuer(issuer=keycloak.issuer, audience=audience, profile=profile)])


async def test_an_exchanged_token_is_accepted_only_by_the_next_server(
    running_keycloak: RunningKeycloak,
) -> None:
    inbound = running_keycloak.token("mcp-user")

    first, second = await ask(running_keycloak, inbound)

    before = await verifier(running_keycloak, RESOURCE).verify(inbound.encode())
    after = await verifier(running_keycloak, "downstream-api").verify(first.encode())
    assert (after.subject, after.client_id) == (before.subject, "mcp-server")
    assert "api:read" in after.scopes
    assert "mcp:tools" not in after.scopes
    with pytest.raises(WrongAudience):
        await verifier(running_keycloak, RESOURCE).verify(first.encode())
    with pytest.raises(WrongAudience):
        await verifier(running_keycloak, "downstream-api").verify(inbound.encode())
    # The second call had the same one: Keycloak was asked once.
    assert second is first


@pytest.mark.parametrize(
    ("arranged", "kind"),
    [
        pytest.param({"client_secret": "wrong"}, ServerNotKnown, id="wrong-secret"),
        # RFC 8693 would have invalid_target; Keycloak says invalid_request.
        pytest.param({"audience": "mcp-service"}, GrantRefused, id="a-target-not-arranged"),
        pytest.param({"scopes": {"no:such:scope"}}, NotGranted, id="an-unknown-scope"),
    ],
)
async def test_every_refusal_of_the_realm_has_its_own_exception(
    running_keycloak: RunningKeycloak, arranged: dict[str, Any], kind: type[DownstreamProblem]
) -> None:
    got = await ask(running_keycloak, running_keycloak.token("mcp-user"), **arranged)

    assert [type(one) for one in got] == [kind, kind]


async def test_the_token_of_a_signed_out_user_is_not_exchanged(
    running_keycloak: RunningKeycloak,
) -> None:
    inbound = running_keycloak.token("mcp-readonly")
    (user,) = running_keycloak.admin("GET", "/users?username=mcp-readonly&exact=true")
    running_keycloak.admin("POST", f"/users/{user['id']}/logout")

    got = await ask(running_keycloak, inbound)

    # The guard verifies by key and still lets the token in until it is over; Keycloak knows better.
    assert [type(one) for one in got] == [GrantRefused, GrantRefused]


async def test_a_client_credentials_token_for_this_server_is_refused(
    running_keycloak: RunningKeycloak,
) -> None:
    own = ClientCredentials(
        issuer=running_keycloak.issuer,
        client_id="mcp-service",
        client_secret="mcp-service-secret",
        scopes={"mcp:read"},
    )

    got = await ask(running_keycloak, running_keycloak.token("mcp-user"), grant=own)

    # Every token of the realm names this server, whoever it is for.
    assert [type(one) for one in got] == [TokenForUs, TokenForUs]
