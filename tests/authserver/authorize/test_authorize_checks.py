"""Which authorization requests are refused, and where the error is shown."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.authserver.browser import answer_in
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import CALLBACK, PASSWORD, RESOURCE, AuthServerHarness, challenge_of
from tests.ledger import proves

CHALLENGE = challenge_of("x" * 43)


async def answered(harness: AuthServerHarness, **changes: Any) -> dict[str, str]:
    """Send one request that is wrong in one way, and return the error that the client gets."""
    client = await harness.register()
    response = await harness.http.get(harness.authorize_url(client["client_id"], **changes))
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    assert location.startswith(CALLBACK + "?")
    return answer_in(location)


STATES = ["ü€𝄞", "a&b=c#d+e %20", "x" * 4096, "<script>", "a'b\"c", "0"]


@proves("S11", "accepts", "no redirect before the client is proven")
@proves("S16", "accepts", "PKCE is mandatory")
@proves("S17", "accepts", "challenge method must be S256")
@proves("S15", "accepts", "response type is code")
async def test_a_valid_request_shows_the_sign_in_page(harness: AuthServerHarness) -> None:
    client = await harness.register()

    response = await harness.http.get(harness.authorize_url(client["client_id"]))

    assert response.status_code == 200
    assert 'name="password"' in response.text


@proves("S15", "refuses", "response type is code")
@pytest.mark.parametrize(
    "response_type", ["token", "id_token", "code token", "code id_token", "none", "CODE", "code "]
)
async def test_only_the_response_type_code_is_accepted(
    harness: AuthServerHarness, response_type: str
) -> None:
    answer = await answered(harness, response_type=response_type)

    assert answer["error"] == "unsupported_response_type"


@proves("S16", "refuses", "PKCE is mandatory")
@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
async def test_every_kind_of_client_needs_pkce(harness: AuthServerHarness, method: str) -> None:
    client = await harness.register(token_endpoint_auth_method=method)

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], without="code_challenge code_challenge_method")
    )

    assert answer_in(response.headers["location"])["error"] == "invalid_request"


@proves("S17", "refuses", "challenge method must be S256")
@pytest.mark.parametrize(
    "changes",
    [
        {"without": "code_challenge_method"},
        {"code_challenge_method": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge_method": "S512"},
        {"code_challenge_method": "S256 plain"},
    ],
)
async def test_only_an_explicit_s256_is_accepted(
    harness: AuthServerHarness, changes: dict[str, Any]
) -> None:
    answer = await answered(harness, **changes)

    assert answer["error"] == "invalid_request"
    assert "S256" in answer["error_description"]


@proves("S18", "refuses", "a challenge has 43 characters")
@pytest.mark.parametrize(
    "challenge", ["x", CHALLENGE[:42], CHALLENGE + "x", CHALLENGE + "=", CHALLENGE[:42] + "+"]
)
async def test_a_malformed_challenge_is_refused(harness: AuthServerHarness, challenge: str) -> None:
    assert (await answered(harness, code_challenge=challenge))["error"] == "invalid_request"


@proves("S19", "refuses", "no parameter twice at authorize")
@pytest.mark.parametrize(
    "name",
    [
        "client_id",
        "redirect_uri",
        "state",
        "code_challenge",
        "code_challenge_method",
        "scope",
        "response_type",
        "prompt",
        "anything",
    ],
)
async def test_a_repeated_parameter_is_refused(harness: AuthServerHarness, name: str) -> None:
    client = await harness.register()
    twice: dict[str, Any] = {name: ["a", "a"]}
    url = harness.authorize_url(client["client_id"], **twice)

    response = await harness.http.get(url)

    assert response.status_code == 400
    assert "location" not in response.headers
    assert "repeated-parameter" in response.text


@proves("S20", "accepts", "state comes back unchanged")
@proves("S21", "accepts", "iss in each authorization response")
@pytest.mark.parametrize("state", STATES)
async def test_state_is_returned_unchanged_with_a_code(
    harness: AuthServerHarness, state: str
) -> None:
    client = await harness.register()

    response = await harness.browser().go_through(
        harness.authorize_url(client["client_id"], state=state), "alice", PASSWORD
    )

    answer = answer_in(response.headers["location"])
    assert answer["state"] == state
    assert answer["iss"] == harness.issuer
    assert answer.keys() == {"code", "state", "iss"}


@proves("S20", "accepts", "state comes back unchanged")
@proves("S21", "refuses", "iss in each authorization response")
@pytest.mark.parametrize("state", STATES)
async def test_state_and_iss_are_returned_with_an_error(
    harness: AuthServerHarness, state: str
) -> None:
    answer = await answered(harness, state=state, response_type="token")

    assert answer["state"] == state
    assert answer["iss"] == harness.issuer
    assert answer.keys() == {"error", "error_description", "state", "iss"}


@proves("S20", "refuses", "state comes back unchanged")
async def test_an_absent_state_stays_absent(harness: AuthServerHarness) -> None:
    assert "state" not in await answered(harness, without="state", response_type="token")


@proves("S22", "refuses", "response modes and prompt=none")
@pytest.mark.parametrize("mode", ["fragment", "web_message", "form_post", "query.jwt", "Query"])
async def test_only_the_response_mode_query_is_accepted(
    harness: AuthServerHarness, mode: str
) -> None:
    assert (await answered(harness, response_mode=mode))["error"] == "invalid_request"


@proves("S22", "accepts", "response modes and prompt=none")
async def test_the_supported_response_mode_may_be_requested(harness: AuthServerHarness) -> None:
    client = await harness.register()

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], response_mode="query")
    )

    assert response.status_code == 200


@proves("S22", "refuses", "response modes and prompt=none")
async def test_prompt_none_without_a_session_is_login_required(
    harness: AuthServerHarness,
) -> None:
    assert (await answered(harness, prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("prompt", ["none login", "create", "LOGIN"])
async def test_an_unknown_prompt_is_refused(harness: AuthServerHarness, prompt: str) -> None:
    assert (await answered(harness, prompt=prompt))["error"] == "invalid_request"


@proves("S25", "refuses", "request objects are refused")
@pytest.mark.parametrize("name", ["request", "request_uri", "registration"])
async def test_request_objects_are_refused_and_not_fetched(
    start_authserver: StartAuthServer, name: str
) -> None:
    class Nothing:
        async def fetch(self, url: str, **_options: Any) -> Any:
            pytest.fail(f"fetched {url}")

    harness = await start_authserver(fetcher=Nothing())

    answer = await answered(harness, **{name: "https://evil.example/request"})

    assert answer["error"] == "invalid_request"


@proves("S25", "accepts", "request objects are refused")
async def test_unknown_parameters_are_ignored(harness: AuthServerHarness) -> None:
    client = await harness.register()

    response = await harness.http.get(
        harness.authorize_url(client["client_id"], nonce="n", access_type="offline", claims="{}")
    )

    assert response.status_code == 200


@proves("S26", "refuses", "oversized or control characters")
@pytest.mark.parametrize(
    "query",
    [
        "client_id=" + "a" * 10240,
        "client_id=" + "a" * 20000,
        "client_id=a%00b",
        "client_id=a%0d%0aSet-Cookie:%20x=y",
        "client_id=%ff",
        "client_id=a%20b",
        "state=%0d%0aX:y",
    ],
)
async def test_a_malformed_request_gets_an_error_page_here(
    harness: AuthServerHarness, query: str
) -> None:
    client = await harness.register()
    if not query.startswith("client_id"):
        query = (
            harness.authorize_url(client["client_id"], without="state").split("?")[1] + "&" + query
        )

    response = await harness.http.get("/authorize?" + query)

    assert response.status_code == 400
    assert "location" not in response.headers
    assert "set-cookie" not in response.headers
    assert "x" not in response.headers


@proves("S26", "accepts", "oversized or control characters")
async def test_a_long_client_id_that_is_a_url_is_only_unknown(
    start_authserver: StartAuthServer,
) -> None:
    harness = await start_authserver(client_documents=False)

    response = await harness.http.get(
        "/authorize?client_id=" + quote("https://a.example/" + "a" * 2000)
    )

    assert response.status_code == 400
    assert "unknown-client" in response.text


@proves("S93", "refuses", "resource may only narrow")
@pytest.mark.parametrize(
    "resource",
    [
        "https://other.example/mcp",
        RESOURCE + "/",
        RESOURCE + "#x",
        RESOURCE + "?x",
        RESOURCE.replace("/mcp", ""),
        RESOURCE.replace("/mcp", "/MCP"),
        "/mcp",
        [RESOURCE, "https://other.example/mcp"],
    ],
)
async def test_an_unknown_resource_is_refused(harness: AuthServerHarness, resource: Any) -> None:
    assert (await answered(harness, resource=resource))["error"] == "invalid_target"


@proves("S93", "accepts", "resource may only narrow")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"without": "resource"},
        {"resource": RESOURCE.replace("http://localhost", "HTTP://LocalHost")},
        {"resource": [RESOURCE, RESOURCE]},
    ],
)
async def test_the_resource_may_be_written_as_clients_write_it(
    harness: AuthServerHarness, changes: dict[str, Any]
) -> None:
    client = await harness.register()
    browser = harness.browser()

    page = await browser.open(harness.authorize_url(client["client_id"], **changes))
    consent = await browser.sign_in(page, "alice", PASSWORD)

    assert RESOURCE in consent.text


async def test_unknown_scopes_are_dropped(harness: AuthServerHarness) -> None:
    client = await harness.register()

    tokens = await harness.tokens(
        client["client_id"], scope="openid offline_access mcp:read unknown:scope"
    )

    assert tokens.body["scope"] == "mcp:read"


async def test_a_request_without_any_known_scope_is_invalid_scope(
    harness: AuthServerHarness,
) -> None:
    assert (await answered(harness, scope="openid profile"))["error"] == "invalid_scope"
    assert (await answered(harness, scope='a"b'))["error"] == "invalid_scope"


async def test_without_a_scope_a_client_gets_what_the_user_has(harness: AuthServerHarness) -> None:
    client = await harness.register()

    tokens = await harness.tokens(client["client_id"], without="scope")

    assert tokens.body["scope"] == "mcp:read mcp:tools"
