"""Attacks on sign-ins to applications, where this server is the OpenID provider."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from doorward.errors import TokenRejected
from doorward.tokens import Verifier
from tests.attacks.attack import Defence, attack
from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.openid.conftest import Application
from tests.authserver.upstream.conftest import Bridge


@attack(
    "Somebody uses a browser in which the victim is signed in at the identity provider. The client asks"
    " for a new sign-in, and the attacker removes `prompt=login` from the URL on its way there.",
    "OpenID Connect Core 1.0 §3.1.2.1, §3.1.3.7; RFC 9470 §6.2",
    Defence(
        "doorward.authserver.upstream.id_tokens.reauthentication:require_recent",
        {"not auth_time >= required.since - LEEWAY": "False"},
    ),
)
async def test_a_sign_in_that_the_client_asked_for_again_has_happened(
    bridge: Bridge, clock: StoppedClock
) -> str | None:
    browser, client_id = bridge.harness.browser(), (await bridge.harness.register())["client_id"]
    redirect = await bridge.to_provider(browser, client_id, prompt="login")
    target = urlsplit(redirect.headers["location"])
    stripped = [(name, value) for name, value in parse_qsl(target.query) if name != "prompt"]
    # The provider knows the victim, and asks nothing.
    bridge.provider.changed = {"auth_time": int(clock()) - 3600}

    page = await browser.open(
        bridge.provider.callback(target._replace(query=urlencode(stripped)).geturl())
    )

    return answer_in(page.headers["location"]).get("code") if page.is_redirect else None


@attack(
    "The attacker runs an MCP server, and asks the userinfo endpoint with the tokens of its callers who"
    " they are.",
    "RFC 9068 §5; RFC 9700 §2.3",
    Defence(
        "doorward.authserver.endpoints.userinfo:UserinfoEndpoint.answer",
        {
            ' or claims.get("aud") != services.settings.issuer': "",
            "if OPENID not in scopes:": "if False:",
            "user_claims(user, scopes)": '{"sub": user.id}',
        },
    ),
)
async def test_an_mcp_server_does_not_learn_who_its_callers_are(
    start_authserver: StartAuthServer,
) -> str | None:
    harness = await start_authserver(openid=True)
    application = Application(harness, (await harness.register())["client_id"])
    for_the_attacker = await harness.tokens(application.client_id)

    told = await application.userinfo(for_the_attacker.access)

    subject: str | None = told.json().get("sub")
    return subject


@attack(
    "An application sends the ID token of its user to an MCP server of the same issuer, as if it were an"
    " access token: key, issuer and lifetime are right.",
    "RFC 8725 §2.8, §3.11; RFC 9068 §5",
    Defence(
        "doorward.tokens.jwt.checks:kind",
        {
            "    if not admitted:\n": "    if False:\n",
            "if not profile.forbidden_claims.isdisjoint(claims):": "if False:",
        },
    ),
    Defence("doorward.tokens.jwt.checks:audience", {"    if admitted:\n": "    if True:\n"}),
    Defence(
        "doorward.tokens.jwt.checks:completeness",
        {
            "if not profile.required_claims <= claims.keys():": "if False:",
            "required=profile.client_required": "required=False",
        },
    ),
    Defence(
        "doorward.tokens.revocations:Revocations.require",
        {"    if token_id is None:\n": "    if token_id is None:\n        return\n    if False:\n"},
    ),
)
async def test_an_id_token_opens_no_mcp_server(
    start_authserver: StartAuthServer, clock: StoppedClock
) -> str | None:
    harness = await start_authserver(openid=True)
    application = Application(harness, (await harness.register())["client_id"])
    id_token = (await application.sign_in()).body["id_token"]

    try:
        trusted = harness.server.trusted_issuer(harness.resource)
        identity = await Verifier([trusted], clock=clock).verify(id_token.encode())
    except TokenRejected:
        return None
    return identity.subject


@attack(
    "The attacker has the ID token of another application, and asks with it as `id_token_hint` whether"
    " its user is signed in in this browser.",
    "OpenID Connect Core 1.0 §3.1.2.1; OpenID Connect RP-Initiated Logout 1.0 §6",
    Defence(
        "doorward.authserver.openid.id_tokens:IdTokens.subject_of_hint",
        {' or claims.get("aud") != client_id': ""},
    ),
)
async def test_the_id_token_of_another_application_finds_nobody(
    start_authserver: StartAuthServer,
) -> str | None:
    harness = await start_authserver(openid=True)
    victims = Application(harness, (await harness.register())["client_id"])
    evil = Application(harness, (await harness.register(client_name="Evil"))["client_id"])
    browser = harness.browser()
    stolen = (await victims.sign_in(browser)).body["id_token"]

    answer = await evil.answer(browser, id_token_hint=stolen, prompt="none")

    # It tells somebody who is signed in as that user from anybody else.
    return answer["error"] if answer["error"] == "consent_required" else None
