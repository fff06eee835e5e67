"""What the endpoints for clients accept, refuse and show to other origins."""

import pytest

from doorward.authserver import ConfiguredClient
from tests.authserver.conftest import StartAuthServer
from tests.authserver.harness import (
    CALLBACK,
    VERIFIER,
    AuthServerHarness,
    Tokens,
)
from tests.ledger import proves

OPEN = ["/token", "/register", "/revoke", "/introspect"]


PUBLIC = [
    "/jwks.json",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
]


@proves("S92", "accepts", "token endpoint takes forms")
async def test_a_charset_in_the_content_type_is_accepted(harness: AuthServerHarness) -> None:
    client = await harness.register()
    code = await harness.code(client["client_id"])

    tokens = await harness.token(
        harness.code_fields(client["client_id"], code),
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
    )

    assert tokens.response.status_code == 200


async def test_a_client_without_the_grant_type_cannot_redeem_a_code(
    start_authserver: StartAuthServer,
) -> None:
    for grant_types, status in ((("authorization_code",), 200), (("refresh_token",), 400)):
        client = ConfiguredClient(
            client_id="mine", redirect_uris=(CALLBACK,), grant_types=grant_types
        )
        harness = await start_authserver(clients=(client,))

        tokens = await harness.token(harness.code_fields("mine", await harness.code("mine")))

        assert tokens.response.status_code == status
        assert tokens.body.get("error") == (None if status == 200 else "unauthorized_client")


@proves("S92", "refuses", "token endpoint takes forms")
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
async def test_only_one_urlencoded_body_is_accepted(harness: AuthServerHarness, path: str) -> None:
    http = harness.http
    form = b"grant_type=authorization_code&client_id=a&code=b&code_verifier=c&token=t"
    urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}

    got = await http.get(path)
    assert got.status_code == 405
    assert got.headers["cache-control"] == "no-store"
    tried = [
        await http.post(path, json={"grant_type": "authorization_code"}),
        await http.post(path, files={"grant_type": "x"}),
        await http.post(path + "?grant_type=authorization_code", content=form, headers=urlencoded),
        await http.post(path, content=form + b"&client_id=a", headers=urlencoded),
        await http.post(path, content=form + b"&x=%00", headers=urlencoded),
        await http.post(path, content=b"\xff\xfe", headers=urlencoded),
        await http.post(path, content=form),
    ]
    for response in tried:
        assert response.status_code == 400
        assert response.json()["error"] == "invalid_request"
        assert response.headers["cache-control"] == "no-store"
    large = await http.post(path, content=b"a=" + b"x" * 20_000, headers=urlencoded)
    assert large.status_code == 413


@proves("S101", "refuses", "token errors are clean")
async def test_an_error_repeats_no_value_of_the_request(harness: AuthServerHarness) -> None:
    client = await harness.register(token_endpoint_auth_method="client_secret_post")
    secrets = {
        "code": "code-9f8e7d6c5b4a",
        "code_verifier": VERIFIER,
        "client_secret": "secret-1a2b3c4d5e6f",
        "refresh_token": "refresh-0a1b2c3d4e5f",
        "resource": "https://evil-9d8c7b.example/",
        "scope": "scope-5f4e3d",
        "grant_type": "grant-7c6b5a",
    }
    tried: list[Tokens] = []
    for grant_type in ("authorization_code", "refresh_token", secrets["grant_type"]):
        for secret in (secrets["client_secret"], client["client_secret"]):
            fields = {**secrets, "client_id": client["client_id"], "grant_type": grant_type}
            tried.append(await harness.token({**fields, "client_secret": secret}))

    for tokens in tried:
        assert not tokens.response.is_success
        assert tokens.response.headers["cache-control"] == "no-store"
        for value in (*secrets.values(), client["client_secret"]):
            if value not in ("authorization_code", "refresh_token"):
                assert value not in tokens.response.text
        assert "Traceback" not in tokens.response.text


@proves("S101", "refuses", "token errors are clean")
async def test_a_failure_of_the_server_shows_no_traceback(
    harness: AuthServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret-detail")

    client = await harness.register()
    monkeypatch.setattr(type(harness.server.services.clients), "find", fail)

    at_token = await harness.token(harness.code_fields(client["client_id"], "x"))
    at_authorize = await harness.http.get(harness.authorize_url(client["client_id"]))

    assert at_token.response.status_code == 500
    assert at_token.body["error"] == "server_error"
    assert at_token.response.headers["cache-control"] == "no-store"
    assert at_authorize.status_code == 500
    for text in (at_token.response.text, at_authorize.text):
        assert "secret-detail" not in text
        assert "RuntimeError" not in text


@proves("S102", "accepts", "CORS by endpoint")
@pytest.mark.parametrize("path", OPEN + PUBLIC)
async def test_any_origin_may_call_an_endpoint_without_cookies(
    harness: AuthServerHarness, path: str
) -> None:
    origin = {"Origin": "https://inspector.example"}
    asked = {
        **origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, authorization, mcp-protocol-version",
    }

    before = await harness.http.options(path, headers=asked)
    answer = await harness.http.request("GET" if path in PUBLIC else "POST", path, headers=origin)

    assert before.status_code == 204
    allowed = before.headers["access-control-allow-headers"].lower()
    for name in ("content-type", "authorization", "mcp-protocol-version"):
        assert name in allowed
    for response in (before, answer):
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers


@proves("S102", "refuses", "CORS by endpoint")
@pytest.mark.parametrize("path", ["/authorize", "/consent", "/sign-in", "/sign-out"])
async def test_no_other_origin_may_read_the_pages(harness: AuthServerHarness, path: str) -> None:
    origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    answers = [
        await harness.http.options(path, headers=origin),
        await harness.http.get(path, headers=origin),
        await harness.http.post(path, headers=origin),
    ]

    for response in answers:
        assert "access-control-allow-origin" not in response.headers
        assert "access-control-allow-credentials" not in response.headers
    assert answers[0].status_code == 405
    assert "access-control-allow-headers" not in answers[0].headers
