"""The key of a stored consent: a digest of user, client, redirect URI and resource."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from doorward.authserver.clients.registry import Client
from doorward.authserver.grants.consents import consent_digest, remember
from doorward.authserver.store.schema import consents
from doorward.wire.oauth.client_metadata import ClientMetadata
from tests.authserver.harness import CALLBACK, RESOURCE, AuthServerHarness

# Each pair spells one text when its parts are joined.
JOINED = [
    pytest.param(("client", "ab:/here", RESOURCE), ("clienta", "b:/here", RESOURCE), id="client"),
    pytest.param(("client", "a:/b", "c:/d"), ("client", "a:/bc", ":/d"), id="address"),
    pytest.param(('client","a', "b", RESOURCE), ("client", 'a","b', RESOURCE), id="as-json-does"),
]


@pytest.mark.parametrize(("one", "other"), JOINED)
async def test_two_consents_whose_parts_spell_one_text_are_two(
    harness: AuthServerHarness, one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert "".join(one) == "".join(other) or '","'.join(one) == '","'.join(other)
    user = await harness.server.users.find("alice")
    assert user is not None

    async with harness.server.services.store.engine.begin() as connection:
        await agree(connection, user.id, one, "mcp:read")
        unasked = await kept_scopes(connection, user.id, *other)
        await agree(connection, user.id, other, "mcp:tools")
        found = [await kept_scopes(connection, user.id, *parts) for parts in (one, other)]

    assert unasked is None
    assert found == [frozenset({"mcp:read"}), frozenset({"mcp:tools"})]


async def kept_scopes(connection: AsyncConnection, *parts: str) -> frozenset[str] | None:
    found = await connection.execute(
        select(consents.c.scopes).where(consents.c.digest == consent_digest(*parts))
    )
    row = found.one_or_none()
    return None if row is None else frozenset(row.scopes)


async def agree(
    connection: AsyncConnection, user_id: str, parts: tuple[str, str, str], scope: str
) -> None:
    client_id, redirect_uri, resource = parts
    metadata = ClientMetadata(redirect_uris=(redirect_uri,), token_endpoint_auth_method="none")
    await remember(
        connection,
        user_id=user_id,
        client=Client(client_id=client_id, origin="registered", metadata=metadata),
        redirect_uri=redirect_uri,
        resource=resource,
        scopes=[scope],
        now=0.0,
    )


async def test_agreeing_again_adds_to_what_was_agreed(harness: AuthServerHarness) -> None:
    user = await harness.server.users.find("alice")
    assert user is not None
    parts = ("client", CALLBACK, RESOURCE)

    async with harness.server.services.store.engine.begin() as connection:
        for scope in ("mcp:read", "mcp:tools"):
            await agree(connection, user.id, parts, scope)
        found = await kept_scopes(connection, user.id, *parts)

    assert found == frozenset({"mcp:read", "mcp:tools"})


@pytest.mark.parametrize("place", range(4))
def test_each_part_makes_another_digest_and_all_have_one_size(place: int) -> None:
    parts = ["user", "client", "https://app.example/callback", RESOURCE]
    long = [*parts[:place], parts[place] + "x" * 2000, *parts[place + 1 :]]

    assert consent_digest(*parts) != consent_digest(*long)
    assert len(consent_digest(*parts)) == len(consent_digest(*long)) == 32


def test_the_port_of_a_loopback_address_is_no_part_of_it() -> None:
    ports = ("http://127.0.0.1:1/callback", "http://127.0.0.1:2/callback")

    assert len({consent_digest("user", "client", uri, RESOURCE) for uri in ports}) == 1
