"""Introspection at real authorization servers: our own, node oidc-provider, Keycloak."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
import uvicorn

from doorward import Guard, Policy, Rule
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.settings.resource import Resource
from doorward.errors import TokenRejected, WrongAudience, WrongType
from doorward.jose.private_key import PrivateKey
from doorward.serving import listen
from doorward.tokens import Introspection, TokenVerifier
from doorward.tokens.refusals import InactiveToken, LookupUnavailable, WrongClient
from tests.authserver.harness import SCOPES, AuthServerHarness
from tests.e2e.processes import Process, started
from tests.idp.test_probe_real import CLIENTS, NODE
from tests.keycloak.running import RESOURCE as KEYCLOAK_RESOURCE
from tests.keycloak.running import RunningKeycloak
from tests.ledger import proves

RESOURCE = "https://mcp.example/mcp"
OTHER = "https://mcp.example/other"
POLICY = Policy(base=Rule(scopes="mcp:read"))


def verifier(issuer: str, *, resource: str = RESOURCE, **told: Any) -> TokenVerifier:
    """Return the verifier of a guard that was told so."""
    return Guard(resource=resource, policy=POLICY, issuer=issuer, **told).verifier


# Our own.


@asynccontextmanager
async def our_server() -> AsyncIterator[AuthServerHarness]:
    """Run our authorization server on a real port, in this loop."""
    sockets = listen(0)
    issuer = f"http://localhost:{sockets[0].getsockname()[1]}"
    asking = ConfiguredClient(
        client_id="mcp-server",
        secret="r" * 40,
        auth_method="client_secret_basic",
        introspects=RESOURCE,
    )
    resources = tuple(Resource(uri=uri, scopes=SCOPES) for uri in (RESOURCE, OTHER))
    async with AuthServerHarness.opened(
        time.time, issuer=issuer, resources=resources, clients=(asking,)
    ) as harness:
        config = uvicorn.Config(harness.app, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=sockets))
        try:
            yield harness
        finally:
            server.should_exit = True
            await serving


@proves("S118", "accepts", "introspection")
@proves("S136", "refuses", "revoked tokens are refused")
async def test_our_own_server_is_asked_and_believed_until_the_token_is_revoked() -> None:
    async with our_server() as harness:
        client = (await harness.register())["client_id"]
        tokens = await harness.tokens(client)
        way = Introspection(client_id="mcp-server", client_secret="r" * 40, cache_ttl=0)
        asked = verifier(harness.issuer, introspection=way)

        caller = await asked.verify(tokens.access.encode())
        await harness.http.post(
            harness.url("/revoke"), data={"client_id": client, "token": tokens.access}
        )

        assert caller.issuer == harness.issuer
        assert (caller.client_id, caller.kind, caller.name) == (client, "person", "alice")
        assert caller.scopes == {"mcp:read", "mcp:tools"}
        assert caller.roles == {"user"}
        with pytest.raises(InactiveToken):
            await asked.verify(tokens.access.encode())


@proves("S118", "refuses", "introspection")
async def test_our_own_server_says_nothing_of_tokens_for_others_and_nothing_to_strangers() -> None:
    async with our_server() as harness:
        client = (await harness.register())["client_id"]
        ours = (await harness.tokens(client)).access.encode()
        code = await harness.code(client, resource=OTHER)
        fields = harness.code_fields(client, code, resource=OTHER)
        others = (await harness.token(fields)).access.encode()
        way = Introspection(client_id="mcp-server", client_secret="r" * 40)
        stranger = Introspection(client_id="mcp-server", client_secret="w" * 40)

        with pytest.raises(InactiveToken):
            await verifier(harness.issuer, introspection=way).verify(others)
        with pytest.raises(LookupUnavailable) as refusal:
            await verifier(harness.issuer, introspection=stranger).verify(ours)
        assert "check client_id" in refusal.value.detail


# node oidc-provider, whose access tokens are opaque.


@dataclass
class OpaqueProvider:
    """A running provider, and the key that its client ``signing`` signs with."""

    process: Process
    issuer: str
    key: PrivateKey

    def token(self, **wanted: Any) -> bytes:
        """Return a token of alice, for our resource unless it is wanted otherwise."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        usual = {"kind": "access", "sub": "alice", "client": "app", "aud": RESOURCE}
        asked = {**usual, "scope": "mcp:read mcp:tools", **wanted}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.process.said_wrong
        return str(json.loads(line)["token"]).encode()


@contextmanager
def opaque_provider() -> Iterator[OpaqueProvider]:
    key = PrivateKey.generate()
    jwk = key.public_jwk()
    command = [str(NODE), "opaque_provider.mjs", RESOURCE, json.dumps(jwk)]
    with started(command, cwd=CLIENTS, longest=100) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.said_wrong
        yield OpaqueProvider(process, json.loads(line)["issuer"], key)
        # The command may be a wrapper: killing it would leave the server behind, with our pipe.
        assert process.stdin is not None
        process.stdin.close()
        process.stdout.readlines()


@pytest.fixture(scope="module")
def node() -> Iterator[OpaqueProvider]:
    with opaque_provider() as provider:
        yield provider


def way(provider: OpaqueProvider, method: str = "basic", **more: Any) -> Introspection:
    """Return how to ask ``provider`` in one of the three ways."""
    given: dict[str, dict[str, Any]] = {
        "basic": {"client_secret": "basic: secret+%"},
        "post": {"client_secret": "post-secret", "method": "client_secret_post"},
        "signing": {"private_key": provider.key},
    }
    return Introspection(client_id=method, **given[method], **more)


node_clients = pytest.mark.needs("node-clients")


@node_clients
@pytest.mark.parametrize("method", ["basic", "post", "signing"])
async def test_node_oidc_provider_is_asked_in_every_way(node: OpaqueProvider, method: str) -> None:
    token = node.token()

    caller = await verifier(node.issuer, introspection=way(node, method)).verify(token)

    assert token.count(b".") == 0
    assert caller.key == (node.issuer, "alice")
    assert (caller.client_id, caller.kind) == ("app", "person")
    assert caller.scopes == {"mcp:read", "mcp:tools"}
    assert 0 < caller.expires_at - time.time() <= 600


@node_clients
async def test_a_refresh_token_that_the_provider_calls_active_is_refused(
    node: OpaqueProvider,
) -> None:
    token = node.token(kind="refresh")
    said = httpx2.post(
        f"{node.issuer}/token/introspection",
        data={"token": token.decode()},
        auth=("basic", "basic%3A+secret%2B%25"),
    ).json()

    assert said["active"] is True
    with pytest.raises(WrongType):
        await verifier(node.issuer, introspection=way(node), client_ids=["app"]).verify(token)


@node_clients
async def test_a_token_for_another_resource_or_client_is_refused(node: OpaqueProvider) -> None:
    elsewhere = node.token(aud=OTHER)

    with pytest.raises(WrongAudience):
        await verifier(node.issuer, introspection=way(node)).verify(elsewhere)
    with pytest.raises(WrongClient):
        await verifier(node.issuer, introspection=way(node), client_ids=["another"]).verify(
            node.token()
        )
    admitted = verifier(node.issuer, introspection=way(node), client_ids=["app"])
    assert (await admitted.verify(elsewhere)).subject == "alice"


@node_clients
async def test_a_service_of_node_oidc_provider_is_a_service(node: OpaqueProvider) -> None:
    token = httpx2.post(
        f"{node.issuer}/token",
        data={"grant_type": "client_credentials", "scope": "mcp:read", "resource": RESOURCE},
        auth=("robot", "robot-secret"),
    ).json()["access_token"]

    caller = await verifier(node.issuer, introspection=way(node)).verify(token.encode())

    assert (caller.kind, caller.subject, caller.client_id) == ("service", "robot", "robot")
    assert caller.scopes == {"mcp:read"}


@node_clients
@proves("S136", "accepts", "revoked tokens are refused")
async def test_a_revoked_token_is_known_for_as_long_as_the_setting_says_and_no_longer(
    node: OpaqueProvider,
) -> None:
    token = node.token()
    remembering = verifier(node.issuer, introspection=way(node, cache_ttl=600))
    asking = verifier(node.issuer, introspection=way(node, cache_ttl=0))
    for one in (remembering, asking):
        await one.verify(token)

    done = httpx2.post(
        f"{node.issuer}/token/revocation",
        data={"token": token.decode()},
        auth=("app", "app-secret"),
    )

    assert done.status_code == 200
    assert remembering.recall(token) is not None
    with pytest.raises(InactiveToken):
        await asking.verify(token)


@node_clients
async def test_an_invented_token_and_a_wrong_secret_are_two_different_things(
    node: OpaqueProvider,
) -> None:
    wrong = Introspection(client_id="basic", client_secret="wrong")

    with pytest.raises(InactiveToken):
        await verifier(node.issuer, introspection=way(node)).verify(b"invented")
    with pytest.raises(LookupUnavailable):
        await verifier(node.issuer, introspection=wrong).verify(node.token())


@node_clients
async def test_a_provider_that_is_gone_is_told_as_503_and_known_tokens_are_served() -> None:
    with opaque_provider() as provider:
        asked = verifier(provider.issuer, introspection=way(provider))
        known, unknown = provider.token(), provider.token(sub="bob")
        await asked.verify(known)

    with pytest.raises(LookupUnavailable) as refusal:
        await asked.verify(unknown)
    assert refusal.value.status == 503
    assert (await asked.verify(known)).subject == "alice"


# Keycloak: its tokens are JWTs, and may be looked up instead, which sees sign-outs at once.


@pytest.mark.e2e
@pytest.mark.needs("keycloak")
class TestKeycloak:
    """Keycloak answers about its own tokens."""

    WAY = Introspection(client_id="mcp-server", client_secret="mcp-server-secret", cache_ttl=0)

    def asked(self, keycloak: RunningKeycloak, **told: Any) -> TokenVerifier:
        return verifier(
            keycloak.issuer,
            idp="keycloak",
            introspection=self.WAY,
            resource=KEYCLOAK_RESOURCE,
            **told,
        )

    async def test_a_person_is_a_person(self, running_keycloak: RunningKeycloak) -> None:
        token = running_keycloak.token("mcp-user", "openid mcp:read mcp:tools")

        caller = await self.asked(running_keycloak).verify(token.encode())

        assert caller.issuer == running_keycloak.issuer
        assert (caller.kind, caller.name, caller.client_id) == (
            "person", "Uri Example", "mcp-test-client",
        )  # fmt: skip
        assert {"mcp:read", "mcp:tools"} <= caller.scopes
        assert "user" in caller.roles

    async def test_a_service_is_a_service_whichever_way_its_token_is_judged(
        self, running_keycloak: RunningKeycloak
    ) -> None:
        token = running_keycloak.service_grant()["access_token"].encode()
        by_key = verifier(running_keycloak.issuer, idp="keycloak", resource=KEYCLOAK_RESOURCE)

        looked_up = await self.asked(running_keycloak).verify(token)
        verified = await by_key.verify(token)

        assert (looked_up.kind, verified.kind) == ("service", "service")
        assert looked_up.key == verified.key
        assert looked_up.scopes == verified.scopes
        assert looked_up.roles == verified.roles

    async def test_a_signed_out_person_is_refused_at_once(
        self, running_keycloak: RunningKeycloak
    ) -> None:
        said = running_keycloak.password_grant("mcp-user", "user123", "openid mcp:read")
        token = said["access_token"].encode()
        asked = self.asked(running_keycloak)
        await asked.verify(token)

        running_keycloak.http.post(
            f"{running_keycloak.issuer}/protocol/openid-connect/logout",
            data={"client_id": "mcp-test-client", "refresh_token": said["refresh_token"]},
        )

        with pytest.raises(InactiveToken):
            await asked.verify(token)

    @pytest.mark.parametrize("kind", ["id_token", "refresh_token"])
    async def test_other_tokens_of_the_same_person_are_refused(
        self, running_keycloak: RunningKeycloak, kind: str
    ) -> None:
        said = running_keycloak.password_grant("mcp-user", "user123", "openid mcp:read")

        with pytest.raises(TokenRejected):
            await self.asked(running_keycloak, client_ids=["mcp-test-client"]).verify(
                said[kind].encode()
            )
