"""Authorization requests of OpenID clients, and what of them an MCP client can send too."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from doorward.authserver.client_auth_methods import AuthMethodName
from doorward.authserver.server import AuthorizationServer
from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.settings.resource import Resource
from doorward.errors import ConfigurationError
from tests.authserver.browser import answer_in, form_with
from tests.authserver.conftest import StartAuthServer, StoppedClock
from tests.authserver.databases import Databases
from tests.authserver.harness import (
    CALLBACK,
    ISSUER,
    PASSWORD,
    RESOURCE,
    AuthServerHarness,
    basic,
    claims_of,
)
from tests.authserver.openid.conftest import ALICE, Application
from tests.authserver.steps import is_consent, is_remembered, is_sign_in

DOCUMENTS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


async def test_the_openid_document_says_what_the_provider_does(
    provider: AuthServerHarness,
) -> None:
    oauth, openid = [(await provider.http.get(path)).json() for path in DOCUMENTS]

    assert openid["userinfo_endpoint"] == ISSUER + "/userinfo"
    assert openid["id_token_signing_alg_values_supported"] == ["ES256"]
    assert openid["subject_types_supported"] == ["public"]
    assert openid["scopes_supported"][:3] == ["openid", "profile", "email"]
    for name in ("claims_parameter", "request_parameter", "request_uri_parameter"):
        assert openid[f"{name}_supported"] is False
    assert {name: openid[name] for name in oauth if name != "scopes_supported"} == {
        name: value for name, value in oauth.items() if name != "scopes_supported"
    }


async def test_an_mcp_client_finds_no_scope_of_a_sign_in(
    provider: AuthServerHarness, harness: AuthServerHarness
) -> None:
    """Clients ask for everything in ``scopes_supported``."""
    on, off = [(await one.http.get(DOCUMENTS[0])).json() for one in (provider, harness)]

    assert on == off


async def test_an_issuer_with_a_path_is_an_openid_provider_at_both_places(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(openid=True, issuer=ISSUER + "/tenant")

    places = (
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
    )
    first, second = [(await harness.http.get(place)).json() for place in places]

    assert first == second
    assert first["userinfo_endpoint"] == ISSUER + "/tenant/userinfo"


@pytest.mark.parametrize("scope", ["openid mcp:read mcp:tools", "openid profile email mcp:read"])
@pytest.mark.parametrize("resource", [RESOURCE, ""])
async def test_an_mcp_client_that_adds_openid_gets_what_it_got_without_a_provider(
    provider: AuthServerHarness, harness: AuthServerHarness, scope: str, resource: str
) -> None:
    bodies = []
    for one in (provider, harness):
        client_id = (await one.register())["client_id"]
        tokens = await one.tokens(client_id, scope=scope, resource=resource)
        claims = claims_of(tokens.access)
        bodies.append((set(tokens.body), tokens.body["scope"], claims["aud"], claims["scope"]))

    assert bodies[0] == bodies[1]
    assert "id_token" not in bodies[0][0]


async def test_openid_alone_signs_nobody_in_where_no_provider_is_switched_on(
    harness: AuthServerHarness,
) -> None:
    client_id = (await harness.register())["client_id"]

    response = await harness.browser().open(
        harness.authorize_url(client_id, scope="openid", without="resource")
    )

    assert answer_in(response.headers["location"])["error"] == "invalid_scope"


async def test_a_sign_in_at_the_issuer_needs_the_scope_openid(application: Application) -> None:
    browser = application.harness.browser()

    refused = await browser.open(application.url(resource=ISSUER, scope="profile"))
    named = await application.sign_in(browser, resource=ISSUER)

    assert answer_in(refused.headers["location"])["error"] == "invalid_scope"
    assert "id_token" in named.body


async def test_a_form_of_another_site_becomes_the_same_request(application: Application) -> None:
    browser = application.harness.browser()
    await application.sign_in(browser)
    url = application.url(state="kept & unchanged")

    answer = await browser.http.post(
        application.harness.url("/authorize"), data=dict(parse_qsl(urlsplit(url).query))
    )

    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers
    asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert asked == dict(parse_qsl(urlsplit(url).query))
    assert is_remembered(await browser.open(answer.headers["location"])) is False


async def test_the_page_says_in_words_what_the_application_learns(application: Application) -> None:
    browser = application.harness.browser()
    page = await browser.sign_in(await browser.open(application.url()), "alice", PASSWORD)

    assert "It wants to sign you in with your account at <bdi>Doorward</bdi>." in page.text
    assert "Recognize you when you sign in again" in page.text
    assert "Read your e-mail address" in page.text


async def test_a_user_can_leave_out_the_address_and_not_the_sign_in_itself(
    application: Application,
) -> None:
    browser = application.harness.browser()
    page = await browser.sign_in(await browser.open(application.url()), "alice", PASSWORD)
    form = form_with(page.text, "decision")

    assert "scope.openid" not in form.fields
    del form.fields["scope.email"]
    answer = await browser.submit(form, decision="allow")
    tokens = await application.redeem(answer_in(answer.headers["location"])["code"])

    assert tokens.body["scope"] == "openid profile"
    assert ALICE not in (await application.userinfo(tokens.access)).text


@pytest.mark.parametrize("prompt", ["login", "select_account"])
async def test_prompt_asks_for_another_sign_in(
    application: Application, clock: StoppedClock, prompt: str
) -> None:
    browser = application.harness.browser()
    await application.sign_in(browser)
    clock.advance(100)

    page = await browser.open(application.url(prompt=prompt))
    tokens = await application.sign_in(browser, prompt=prompt)

    assert is_sign_in(page)
    assert claims_of(tokens.body["id_token"])["auth_time"] == int(clock())


async def test_prompt_consent_asks_again_and_prompt_none_asks_nothing(
    application: Application,
) -> None:
    browser = application.harness.browser()
    nobody = await application.answer(browser, prompt="none")
    await application.sign_in(browser)

    page = await browser.open(application.url(prompt="consent", code_challenge="c" * 43))
    none = await application.answer(browser, prompt="none", code_challenge="d" * 43)

    assert nobody["error"] == "login_required"
    assert is_consent(page)
    assert none["error"] == "consent_required"
    assert none["iss"] == ISSUER


@pytest.mark.parametrize(("max_age", "asks"), [("101", False), ("99", True), ("0", True)])
async def test_max_age_asks_for_a_sign_in_that_is_young_enough(
    application: Application, clock: StoppedClock, max_age: str, *, asks: bool
) -> None:
    browser = application.harness.browser()
    begun = int(clock())
    await application.sign_in(browser)
    clock.advance(100)

    page = await browser.open(application.url(max_age=max_age))
    tokens = await application.sign_in(browser, max_age=max_age)

    assert is_sign_in(page) is asks
    assert claims_of(tokens.body["id_token"])["auth_time"] == begun + 100 * asks


async def test_without_max_age_the_id_token_tells_an_application_that_the_sign_in_is_old(
    application: Application, clock: StoppedClock
) -> None:
    """The attack: somebody at the browser removes ``max_age`` from the URL."""
    browser = application.harness.browser()
    begun = int(clock())
    await application.sign_in(browser)
    clock.advance(1000)

    tokens = await application.sign_in(browser)

    assert claims_of(tokens.body["id_token"])["auth_time"] == begun


@pytest.mark.parametrize("value", ["-1", "soon", "1.5", "9999999999"])
async def test_a_max_age_that_is_no_number_of_seconds_is_refused(
    application: Application, value: str
) -> None:
    answer = await application.answer(max_age=value)

    assert answer["error"] == "invalid_request"


async def test_a_nonce_that_is_too_long_is_refused(application: Application) -> None:
    assert (await application.answer(nonce="n" * 1001))["error"] == "invalid_request"
    assert "code" in await application.answer(nonce="n" * 1000)


async def test_a_hint_brings_back_the_user_whom_it_names(
    application: Application, clock: StoppedClock
) -> None:
    browser = application.harness.browser()
    hint = (await application.sign_in(browser)).body["id_token"]
    # It says whom the client means, for as long as the client keeps it.
    clock.advance(3600)

    tokens = await application.sign_in(browser, id_token_hint=hint)

    assert claims_of(tokens.body["id_token"])["sub"] == claims_of(hint)["sub"]


async def test_a_hint_lets_nobody_else_sign_in(application: Application) -> None:
    browser = application.harness.browser()
    hint = (await application.sign_in()).body["id_token"]
    await application.sign_in(browser, user="guest")

    silent = await application.answer(browser, id_token_hint=hint, prompt="none")
    page = await browser.open(application.url(id_token_hint=hint))
    other = await application.answer(browser, user="guest", id_token_hint=hint)

    assert silent["error"] == "login_required"
    assert is_sign_in(page)
    assert other["error"] == "login_required"


@pytest.mark.parametrize("hint", ["of another client", "an access token", "forged", "no token"])
async def test_a_hint_that_is_no_id_token_of_this_client_is_refused(
    provider: AuthServerHarness, application: Application, hint: str
) -> None:
    other = Application(provider, (await provider.register())["client_id"])
    mine, theirs = await application.sign_in(), await other.sign_in()
    hints = {
        "of another client": theirs.body["id_token"],
        "an access token": mine.access,
        "forged": mine.body["id_token"][:-8] + "AAAAAAAA",
        "no token": "alice",
    }

    answer = await application.answer(id_token_hint=hints[hint])

    assert answer["error"] == "invalid_request"


async def test_parameters_that_the_provider_does_not_support_change_nothing(
    application: Application,
) -> None:
    tokens = await application.sign_in(
        display="popup", ui_locales="de", login_hint="bob", acr_values="gold",
        claims='{"id_token":{"email":{"essential":true}}}',
    )  # fmt: skip

    assert claims_of(tokens.body["id_token"]).keys().isdisjoint({"email", "acr"})


@pytest.mark.parametrize("name", ["request", "request_uri"])
async def test_request_objects_are_refused(application: Application, name: str) -> None:
    asked: dict[str, Any] = {name: "https://rp.example/request.jwt"}
    answer = await application.answer(**asked)

    assert answer["error"] == "invalid_request"


async def test_pkce_is_required_of_openid_clients_too(application: Application) -> None:
    answer = await application.answer(without="code_challenge code_challenge_method")

    assert answer["error"] == "invalid_request"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_client_of_the_operator_signs_users_in_with_its_secret(
    start_authserver: StartAuthServer, method: AuthMethodName
) -> None:
    secret = "f3w9Qe7rTy1uIo5pAs8dFg2hJk4lZx6c"
    client = ConfiguredClient(
        client_id="wiki", secret=secret, auth_method=method, redirect_uris=(CALLBACK,)
    )
    harness = await start_authserver(openid=True, clients=(client,), registration="closed")
    application = Application(harness, "wiki")
    code = (await application.answer())["code"]
    fields = harness.code_fields("wiki", code, resource=None)
    posted = method == "client_secret_post"

    without = await harness.token(fields)
    tokens = await harness.token(
        fields | ({"client_secret": secret} if posted else {}),
        headers={} if posted else basic("wiki", secret),
    )

    assert without.body["error"] == "invalid_client"
    assert claims_of(tokens.body["id_token"])["aud"] == "wiki"


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        (Resource(uri=ISSUER, scopes={"mcp:read": "Read"}), "openid-audience"),
        (Resource(uri=ISSUER + "/", scopes={"mcp:read": "Read"}), "openid-audience"),
        (Resource(uri=RESOURCE, scopes={"email": "Read"}), "openid-scope"),
    ],
)
def test_a_resource_that_would_accept_the_tokens_of_a_sign_in_is_refused_at_the_start(
    resource: Resource, code: str
) -> None:
    AuthServerSettings(issuer=ISSUER, resources=(resource,))

    with pytest.raises(ConfigurationError) as refused:
        AuthServerSettings(issuer=ISSUER, resources=(resource,), openid=True)

    assert refused.value.reason == code


async def test_a_sign_in_ends_when_the_operator_switches_the_provider_off(
    start_authserver: StartAuthServer, kept: dict[str, str]
) -> None:
    harness = await start_authserver(openid=True, **kept)
    application = Application(harness, (await harness.register())["client_id"])
    tokens = await application.sign_in()
    off = await start_authserver(**kept)

    refused = await off.refresh(application.client_id, tokens.refresh)

    assert refused.body["error"] == "invalid_grant"


async def test_a_provider_without_an_mcp_server_signs_in_to_applications_alone(
    clock: StoppedClock, databases: Databases
) -> None:
    settings = AuthServerSettings(
        issuer=ISSUER, resources=(), openid=True, **await databases.settings()
    )
    server = AuthorizationServer(settings, clock=clock)
    await server.start()
    harness = AuthServerHarness(server, clock, [])
    await harness.add_user("alice", scopes=())
    application = Application(harness, (await harness.register())["client_id"])

    tokens = await application.sign_in()
    other = await application.answer(resource=RESOURCE)
    none = await application.answer(scope="mcp:read")
    await server.aclose()

    assert "id_token" in tokens.body
    assert other["error"] == none["error"] == "invalid_target"
