"""Attacks on redirect URIs, codes and refresh tokens at the authorization server."""

import asyncio

from doorward.wire.oauth.redirect_uri import problem_with
from tests.attacks.attack import Defence, attack
from tests.attacks.victims import code_at, link_to
from tests.authserver.harness import (
    PASSWORD,
    AuthServerHarness,
    basic,
)
from tests.ledger import proves

_REDIRECT_URI = "doorward.wire.oauth.redirect_uri:problem_with"
_CHECKS = "doorward.authserver.authorize.checks"
_CLAIM_CODE = "doorward.authserver.grants.codes:CLAIM"
_ROTATE = "doorward.authserver.grants.refresh_tokens"
EVIL_VERIFIER = "the-verifier-of-somebody-who-has-stolen-a-code"


@proves("S12", "refuses", "redirect URIs match exactly")
@attack(
    "The attacker uses the ID of an honest client with a redirect URI of their own.",
    "CVE-2025-4143",
    Defence(
        f"{_CHECKS}:validated_redirect_uri",
        {" or not any(matches(one, requested) for one in registered)": ""},
    ),
)
async def test_no_code_goes_to_an_address_that_the_client_has_not_registered(
    harness: AuthServerHarness,
) -> str | None:
    client = (await harness.register())["client_id"]

    answer = await harness.browser().go_through(link_to(harness, client), "alice", PASSWORD)

    return code_at(answer)


@attack(
    "The attacker uses another path of the client's host, where a page passes on what it is sent; a"
    " comparison with wildcards or by prefix lets it through.",
    "CVE-2026-3872, CVE-2026-54072",
    Defence(
        "doorward.wire.oauth.redirect_uri:matches",
        {"registered == requested": "requested.startswith(registered)"},
    ),
)
async def test_another_path_of_the_clients_host_is_another_address(
    harness: AuthServerHarness,
) -> str | None:
    registered = await harness.register(redirect_uris=["https://app.example/cb"])
    elsewhere = "https://app.example/cb/open-redirect?to=evil.example"

    answer = await harness.browser().go_through(
        link_to(harness, registered["client_id"], redirect_uri=elsewhere), "alice", PASSWORD
    )

    return code_at(answer, "app.example")


@attack(
    "The attacker registers an address that this server and the browser read differently: a backslash"
    " ends the host for the browser, and a wildcard stands for every host.",
    "CVE-2025-4143, CVE-2026-54072",
    Defence(_REDIRECT_URI, {"or _UNREADABLE.search(uri)": "", '"@" in parts.netloc': "False"}),
)
async def test_an_ambiguous_redirect_uri_cannot_be_registered(
    harness: AuthServerHarness,
) -> list[str]:
    ambiguous = ("https://trusted.example\\@evil.example/cb", "https://*", "https://*.example/cb")
    registered = []
    for uri in ambiguous:
        answer = await harness.http.post(
            harness.url("/register"), json={"redirect_uris": [uri], "client_name": "x"}
        )
        registered += [uri] if answer.status_code == 201 else []
    assert [uri for uri in ambiguous if problem_with(uri) is None] == registered
    return registered


@proves("S86", "refuses", "verifier belongs to challenge")
@attack(
    "The attacker has stolen a code, and redeems it without the verifier of the client.",
    "CVE-2025-4144",
    Defence(_CLAIM_CODE, {'codes.c.challenge == bindparam("the_challenge"),': ""}),
)
async def test_a_stolen_code_is_worth_nothing_without_its_verifier(
    harness: AuthServerHarness,
) -> object:
    client = (await harness.register())["client_id"]
    stolen = await harness.code(client)

    got = await harness.token(harness.code_fields(client, stolen, code_verifier=EVIL_VERIFIER))

    return got.body.get("access_token")


@proves("S16", "refuses", "PKCE is mandatory")
@attack(
    "The attacker removes the challenge from the authorization request, so that no verifier is needed.",
    "CVE-2025-4144, RFC 9700 §4.8",
    Defence(
        f"{_CHECKS}:code_challenge",
        {
            'parameters.one("code_challenge_method") != pkce.METHOD': "False",
            'not pkce.is_challenge(parameters.one("code_challenge") or "")': "False",
        },
    ),
)
async def test_a_request_without_a_challenge_gets_no_code(harness: AuthServerHarness) -> str | None:
    client = (await harness.register())["client_id"]
    url = harness.authorize_url(client, without="code_challenge code_challenge_method")

    return code_at(await harness.browser().go_through(url, "alice", PASSWORD), "127.0.0.1")


@proves("S83", "refuses", "a replayed code revokes")
@attack(
    "The attacker has a code and its verifier from a log, and redeems the code a second time.",
    "CVE-2026-53518",
    Defence(_CLAIM_CODE, {"codes.c.claimed_at.is_(None),": ""}),
)
async def test_a_code_is_redeemed_once(harness: AuthServerHarness) -> object:
    client = (await harness.register())["client_id"]
    code = await harness.code(client)
    await harness.token(harness.code_fields(client, code))

    return (await harness.token(harness.code_fields(client, code))).body.get("access_token")


@proves("S89", "refuses", "client authentication is exact")
@attack(
    "The attacker has the refresh token of a client with a secret, and sends it without the secret.",
    "CVE-2026-53512",
    Defence(
        "doorward.authserver.token.client_authentication:authenticate_client",
        {"if method.name != registered:": "if False:"},
    ),
)
async def test_a_client_with_a_secret_refreshes_with_its_secret(
    harness: AuthServerHarness,
) -> object:
    client = await harness.register(token_endpoint_auth_method="client_secret_basic")
    code = await harness.code(client["client_id"])
    tokens = await harness.token(
        harness.code_fields(client["client_id"], code, client_id=None),
        headers=basic(client["client_id"], client["client_secret"]),
    )

    return (await harness.refresh(client["client_id"], tokens.refresh)).body.get("access_token")


@proves("S98", "refuses", "concurrent refreshes do not fork")
@attack(
    "The attacker and the client use one refresh token at the same moment, and each gets a family of"
    " tokens of its own.",
    "CVE-2026-1035",
    Defence(f"{_ROTATE}:ROTATE", {", refresh_tokens.c.rotated_at.is_(None)": ""}),
    Defence(
        "doorward.authserver.token.refresh_checks:judge_refresh",
        {"if kept.rotated_at is not None:": "if False:"},
    ),
)
async def test_concurrent_refreshes_lead_to_one_family(harness: AuthServerHarness) -> list[str]:
    client = (await harness.register())["client_id"]
    tokens = await harness.tokens(client)

    answers = await asyncio.gather(*[harness.refresh(client, tokens.refresh) for _ in range(4)])

    families = {
        answer.body["refresh_token"] for answer in answers if "refresh_token" in answer.body
    }
    return sorted(families)[1:]


@proves("S96", "refuses", "refresh reuse revokes the family")
@attack(
    "The attacker has a refresh token that the client has used already, and uses it again.",
    "CVE-2026-53518, RFC 9700 §4.14",
    Defence(f"{_ROTATE}:ROTATE", {", refresh_tokens.c.rotated_at.is_(None)": ""}),
    Defence(
        "doorward.authserver.token.refresh_checks:judge_refresh",
        {"if kept.rotated_at is not None:": "if False:"},
    ),
)
async def test_a_used_refresh_token_is_worth_nothing(harness: AuthServerHarness) -> object:
    client = (await harness.register())["client_id"]
    stolen = await harness.tokens(client)
    fresh = await harness.refresh(client, stolen.refresh)
    await harness.refresh(client, fresh.refresh)

    return (await harness.refresh(client, stolen.refresh)).body.get("access_token")


@attack(
    "The attacker registers a client with the roles of an administrator, which a mapper writes into"
    " its tokens.",
    "CVE-2026-96547",
    Defence(
        "doorward.authserver.authorize.consent:grantable_scopes",
        {" & held_scopes(settings, user, authorization.resource)": ""},
    ),
    Defence(
        "doorward.authserver.token.code_grant:new_tokens",
        {" & held_scopes(services.settings, user, grant.resource)": ""},
    ),
)
async def test_a_registration_gives_no_scope_that_its_user_does_not_hold(
    harness: AuthServerHarness,
) -> list[str]:
    client = await harness.register(scope="mcp:read mcp:admin", roles=["admin"])
    code = await harness.code(client["client_id"], scope="mcp:read mcp:admin")

    tokens = await harness.token(harness.code_fields(client["client_id"], code))

    return [scope for scope in tokens.body["scope"].split() if scope == "mcp:admin"]
