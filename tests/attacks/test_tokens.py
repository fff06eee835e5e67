"""Attacks with tokens: of another server, of another kind, of nobody, or in another's session."""

from contextlib import suppress
from typing import Any

import pytest

from doorward.authserver import AuthServerSettings, Resource
from doorward.errors import ConfigurationError, TokenRejected, Unavailable
from doorward.policy import EVERY, Policy, Rule
from doorward.tokens import ApiKeyList, new_api_key
from doorward.tokens.cache import VerifiedTokenCache
from tests.attacks.attack import Defence, attack
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import ISSUER, RESOURCE, SCOPES, basic
from tests.authserver.token.test_exchange import ACCESS_TOKEN, CONFIGURED, GRANT, ORDERS, SECRET
from tests.guard.bench import MINT, NOW, Bench, bearer, message, trusted
from tests.ledger import proves
from tests.tokens.opaque.opaque_verifier import opaque_verifier
from tests.tokens.stub_issuer import TOKEN, active

_AUDIENCE = Defence("doorward.tokens.jwt.checks:audience", {"    if admitted:\n": "    if True:\n"})
ALL = {"mcp:read", "mcp:tools"}


@proves("S130", "refuses", "audience is this resource")
@attack(
    "The attacker runs a server, and uses the token that a victim sent it at another server of the"
    " same issuer.",
    "CVE-2025-69196, CVE-2026-116684, CVE-2026-115413, CVE-2026-14541",
    _AUDIENCE,
)
async def test_a_token_for_one_server_opens_no_other() -> str | None:
    bench = Bench()
    for_the_attacker = MINT.mint("alice", scopes=ALL, audience="https://evil.example/mcp")

    await bench.call(token=for_the_attacker)

    return bench.seen[0]["path"] if bench.seen else None


@proves("S93", "refuses", "resource may only narrow")
@attack(
    "The attacker asks for a token with `resource` of a server that the issuer does not know, and the"
    " issuer ignores it.",
    "CVE-2025-69196",
    Defence(
        "doorward.authserver.authorize.checks:requested_resource",
        {"resource = settings.resource(named.pop())": "resource = settings.resources[0]"},
    ),
)
async def test_a_resource_that_the_server_does_not_have_is_refused(
    start_authserver: StartAuthServer,
) -> object:
    harness = await start_authserver()
    client = (await harness.register())["client_id"]
    code = await harness.code(client)
    fields = harness.code_fields(client, code, resource="https://other.example/mcp")

    return (await harness.token(fields)).body.get("access_token")


@attack(
    "Two servers share one process and its cache of verified tokens. The attacker uses a token at the"
    " server that it is for, and then at the other.",
    "CVE-2026-19202",
    Defence(
        "doorward.tokens.jwt.verifier:Verifier.__init__",
        {"VerifiedTokenCache(entries=cache_entries, ttl=cache_ttl)": "VerifiedTokenCache.shared"},
    ),
    Defence(
        "doorward.tokens.jwt.verifier:Verifier.recall",
        {" or not self._seen.seen_before(token)": ""},
    ),
)
async def test_a_token_that_one_server_remembers_is_checked_by_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    shared = VerifiedTokenCache(entries=9, ttl=60.0)
    monkeypatch.setattr(VerifiedTokenCache, "shared", shared, raising=False)
    mine = Bench()
    other = Bench(
        resource="https://mcp.example/admin",
        issuers=[trusted(audience="https://mcp.example/admin")],
    )
    token = MINT.mint("alice", scopes=ALL)
    # A token is cached when it comes a second time.
    for _ in range(3):
        assert (await mine.call(token=token)).status_code == 200

    await other.call(token=token)

    return len(other.seen)


@proves("S110", "refuses", "token exchange never widens")
@attack(
    "A server exchanges a token that a client sent to another server.",
    "CVE-2026-70482",
    Defence(
        "doorward.authserver.token.exchange_grant:exchange_token",
        {'if claims.get("aud") != exchange.resource:': "if False:"},
    ),
)
async def test_a_server_exchanges_its_own_tokens_alone(start_authserver: StartAuthServer) -> object:
    other = "http://localhost:9000/other"
    resources = (*CONFIGURED["resources"], Resource(uri=other, scopes=SCOPES))
    harness = await start_authserver(**{**CONFIGURED, "resources": resources})
    await harness.add_user("alice", scopes=("mcp:read", "orders:read"))
    client = (await harness.register())["client_id"]
    code = await harness.code(client, scope="mcp:read", resource=other)
    fields = harness.code_fields(client, code, resource=other)
    for_another = (await harness.token(fields)).access

    got = await harness.token(
        {
            "grant_type": GRANT,
            "subject_token": for_another,
            "subject_token_type": ACCESS_TOKEN,
            "resource": ORDERS,
        },
        headers=basic("mcp-server", SECRET),
    )

    return got.body.get("access_token")


@attack(
    "A client that registered itself under the ID of a service exchanges its user's token.",
    "CVE-2026-70482",
    Defence(
        "doorward.authserver.token.exchange_grant:exchanges_of",
        {
            'client.origin != "configured" or not client.is_confidential': "False",
            " if policy.client_id == client.client_id": "",
        },
    ),
)
async def test_a_client_without_an_exchange_policy_exchanges_nothing(
    start_authserver: StartAuthServer,
) -> object:
    harness = await start_authserver(**CONFIGURED)
    await harness.add_user("alice", scopes=("mcp:read", "orders:read"))
    client = (await harness.register())["client_id"]
    token = (await harness.tokens(client, scope="mcp:read")).access

    got = await harness.token(
        {
            "grant_type": GRANT,
            "client_id": client,
            "subject_token": token,
            "subject_token_type": ACCESS_TOKEN,
            "resource": ORDERS,
        }
    )

    return got.body.get("access_token")


async def _looked_up(said: dict[str, Any]) -> str | None:
    verifier, _ = opaque_verifier(said)
    try:
        return (await verifier.verify(TOKEN)).subject
    except (TokenRejected, Unavailable):
        return None


@attack(
    "The introspection endpoint answers about a revoked token without `active`, and the server takes"
    " that for active.",
    "CVE-2026-11717",
    Defence(
        "doorward.tokens.opaque.introspection:_IntrospectionRequest.ask",
        {"if active is not True:": "if False:"},
    ),
)
async def test_an_introspection_response_without_active_admits_nobody() -> str | None:
    return await _looked_up(active(active=...))


@attack(
    "The token is of an issuer with an empty name, for which the check of the issuer is skipped.",
    "CVE-2026-11718",
    Defence(
        "doorward.tokens.jwt.checks:issuer", {"if iss != expected:": "if iss and iss != expected:"}
    ),
)
async def test_an_empty_issuer_is_another_issuer() -> str | None:
    return await _looked_up(active(iss=""))


@proves("S123", "refuses", "garbage is not anonymous")
@attack(
    "The attacker sends an API key that fails, and the request goes on with an empty caller.",
    "CVE-2026-59822",
    Defence(
        "doorward.guard.pipeline:Pipeline._verify",
        {
            "    identity = await self.verifier.verify(token)\n": "    try:\n"
            "        identity = await self.verifier.verify(token)\n"
            "    except RequestRefused:\n"
            "        identity = Identity(issuer='', subject='', client_id=None, scopes=frozenset(),"
            " roles=frozenset(), expires_at=9e9)\n"
        },
    ),
)
async def test_a_failed_key_admits_nobody() -> int:
    key, kept = new_api_key(name="nightly", now=NOW, lifetime=3600)
    bench = Bench(
        policy=Policy(base=Rule(), rules={("tools/call", EVERY): Rule()}),
        api_keys=ApiKeyList([kept]),
    )
    assert (await bench.call(token=key)).status_code == 200
    bench.seen.clear()

    await bench.call(token=key[:-1] + ("a" if key[-1] != "a" else "b"))

    return len(bench.seen)


@proves("S142", "refuses", "foreign sessions and handles")
@attack(
    "The attacker has read the ID of a victim's session in a log, and sends it with their own token.",
    "CVE-2026-52869",
    Defence(
        "doorward.guard.sessions:SessionOwners.require_own",
        {"if known and owner != (principal or _STRANGER):": "if False:"},
    ),
)
async def test_a_session_is_its_owners_alone() -> int:
    bench = Bench()
    bench.headers = [(b"mcp-session-id", b"s1")]
    await bench.call(token=MINT.mint("alice", scopes=ALL))
    bench.seen.clear()

    stolen = {**bearer(MINT.mint("mallory", scopes=ALL)), "mcp-session-id": "s1"}
    await bench.ask(json=message("ping"), headers=stolen)

    return len(bench.seen)


@proves("S10", "refuses", "unsafe settings refuse to start")
@attack(
    "The server starts with the secret of an example, which the attacker knows too.",
    "GHSA-g53w-w6mj-hrpp",
    Defence(
        "doorward.authserver.settings.authorization_server:_secret",
        {"if any(example in plain for example in _EXAMPLES):": "if False:"},
    ),
)
def test_the_secret_of_an_example_is_refused_at_the_start() -> object:
    with suppress(ConfigurationError):
        return AuthServerSettings(
            issuer=ISSUER,
            resources=(Resource(uri=RESOURCE, scopes=SCOPES),),
            secret="changeme-0123456789-abcdefghijk-changeme",
        )
    return None


@proves("S146", "refuses", "user from the token alone")
@attack(
    "The attacker sends a header that names a user, with which a proxy would skip all checks.",
    "GHSA-g53w-w6mj-hrpp",
    Defence(
        "doorward.guard.pipeline:Pipeline.authenticate",
        {
            "    token = read_bearer(": "    if b'x-user' in request.headers.by_name:\n"
            "        request.identity = Identity(issuer='', subject='admin', client_id=None,"
            " scopes=frozenset({'mcp:read', 'mcp:tools'}), roles=frozenset(), expires_at=9e9)\n"
            "        return request.identity\n"
            "    token = read_bearer("
        },
    ),
)
async def test_a_header_replaces_no_token() -> int:
    bench = Bench()

    await bench.call(**{"x-user": "admin", "x-mcp-authorized": "true"})

    return len(bench.seen)
