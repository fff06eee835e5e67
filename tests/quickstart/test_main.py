"""The quickstart's folder: who gets in, who does not, and what each is told."""

import re
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from doorward.errors import ConfigurationError, KeysUnavailable
from tests.quickstart.asgardeo import SUBJECTS, Asgardeo
from tests.quickstart.calling import call, result, serving
from tests.quickstart.conftest import FOLDER, asgardeo_listening, set_env

Folder = Callable[[str], ModuleType]
AGENT = "agent-4711"


@pytest.fixture
def main(folder: Folder, asgardeo: Asgardeo, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``main.py`` with this organization in its environment."""
    set_env(monkeypatch, asgardeo)
    return folder("main")


async def test_the_tool_adds(main: ModuleType, asgardeo: Asgardeo) -> None:
    async with serving(main.mcp.streamable_http_app()) as client:
        answer = await call(client, asgardeo.mint(), "add", a=2, b=3)

    assert result(answer) == {"a": 2.0, "b": 3.0, "result": 5.0}


async def test_the_tool_knows_the_user_and_the_agent_who_acts_for_the_user(
    main: ModuleType, asgardeo: Asgardeo
) -> None:
    asgardeo.agent = AGENT
    async with serving(main.mcp.streamable_http_app()) as client:
        answer = await call(client, asgardeo.mint(), "whoami")

    assert result(answer) == {
        "sub": SUBJECTS["jane"],
        "aut": "APPLICATION_USER",
        "act": {"sub": AGENT},
    }


async def test_the_sdk_knows_the_caller_too_and_not_the_token(
    main: ModuleType, asgardeo: Asgardeo
) -> None:
    from mcp.server.auth.middleware.auth_context import get_access_token

    token = asgardeo.mint()

    @main.mcp.tool()  # type: ignore[untyped-decorator]
    async def seen() -> dict[str, str | None]:
        known = get_access_token()
        return {"sub": known.subject, "token": known.token} if known else {}

    async with serving(main.mcp.streamable_http_app()) as client:
        answer = result(await call(client, token, "seen"))

    assert answer["sub"] == SUBJECTS["jane"]
    assert answer["token"] != token


async def test_a_tool_may_ask_for_more(main: ModuleType, asgardeo: Asgardeo) -> None:
    from doorward.integrations.mcp_sdk import requires

    @main.mcp.tool()  # type: ignore[untyped-decorator]
    @requires(scopes={"numbers:multiply"})
    async def multiply(a: float, b: float) -> float:
        return a * b

    async with serving(main.mcp.streamable_http_app()) as client:
        less = await call(client, asgardeo.mint(), "multiply", a=2, b=3)
        more = await call(
            client, asgardeo.mint(scopes="openid numbers:multiply"), "multiply", a=2, b=3
        )

    assert (less.status_code, more.status_code) == (403, 200)
    assert 'scope="numbers:multiply openid"' in less.headers["www-authenticate"]


async def test_two_callers_at_once_are_not_mistaken_for_each_other(
    main: ModuleType, asgardeo: Asgardeo
) -> None:
    async with serving(main.mcp.streamable_http_app()) as client:
        for subject in ("first", "second", "first"):
            answer = await call(client, asgardeo.mint(sub=subject), "whoami")
            assert result(answer)["sub"] == subject


async def test_the_challenge_names_scopes_and_metadata_and_no_error(main: ModuleType) -> None:
    async with serving(main.mcp.streamable_http_app()) as client:
        answer = await call(client, None, "add", a=2, b=3)

    challenge = answer.headers["www-authenticate"]
    assert answer.status_code == 401
    assert 'scope="openid"' in challenge
    assert "resource_metadata=" in challenge
    assert "error" not in challenge


async def test_the_metadata_leads_to_asgardeo(main: ModuleType, asgardeo: Asgardeo) -> None:
    async with serving(main.mcp.streamable_http_app()) as client:
        for path in ("/.well-known/oauth-protected-resource/mcp",
                     "/.well-known/oauth-protected-resource"):  # fmt: skip
            document = (await client.get(path)).json()
            assert document["resource"] == "http://localhost:8000/mcp"
            assert document["authorization_servers"] == [asgardeo.issuer]
            assert document["scopes_supported"] == ["openid"]


async def test_a_token_without_the_scope_is_told_which_one(
    main: ModuleType, asgardeo: Asgardeo
) -> None:
    async with serving(main.mcp.streamable_http_app()) as client:
        answer = await call(client, asgardeo.mint(scopes="profile"), "add", a=2, b=3)

    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="openid"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"exp": 1}, id="over"),
        pytest.param({"aud": "another-client"}, id="of-another-client"),
        pytest.param({"iss": "http://localhost:1/t/other/oauth2/token"}, id="another-organization"),
        pytest.param({"headers": {"typ": "JWT"}}, id="an-id-token-by-type"),
        pytest.param({"nonce": "n"}, id="an-id-token-by-claim"),
        pytest.param({"headers": {"alg": "none"}}, id="unsigned"),
        pytest.param({"headers": {"kid": "invented"}}, id="unknown-key"),
    ],
)
async def test_a_token_that_is_wrong_in_one_way_is_refused(
    main: ModuleType, asgardeo: Asgardeo, wrong: dict[str, Any]
) -> None:
    async with serving(main.mcp.streamable_http_app()) as client:
        answer = await call(client, asgardeo.mint(**wrong), "add", a=2, b=3)

    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_with_the_resource_as_audience_a_token_for_the_client_alone_is_refused(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = "http://localhost:8000/mcp"
    with asgardeo_listening(audiences=(resource,)) as asgardeo:
        set_env(monkeypatch, asgardeo, AUDIENCE=resource)
        app = folder("main").mcp.streamable_http_app()
        async with serving(app) as client:
            named = await call(client, asgardeo.mint(), "add", a=2, b=3)
            asgardeo.audiences = ()
            unnamed = await call(client, asgardeo.mint(), "add", a=2, b=3)

    assert (named.status_code, unnamed.status_code) == (200, 401)


@pytest.mark.parametrize("missing", ["AUTH_ISSUER", "CLIENT_ID", "JWKS_URL"])
def test_without_its_settings_it_says_what_to_set(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    set_env(monkeypatch, Asgardeo("http://localhost:1"))
    # Empty, and not absent: the file of whoever runs this test is not to fill it in.
    monkeypatch.setenv(missing, "")

    with pytest.raises(SystemExit, match=r"\.env\.example"):
        folder("main")


@pytest.mark.parametrize("name", ["AUTH_ISSUER", "CLIENT_ID", "JWKS_URL"])
def test_the_values_of_the_example_file_are_not_taken_for_settings(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    set_env(monkeypatch, Asgardeo("http://localhost:1"))
    lines = (FOLDER / ".env.example").read_text("utf-8").splitlines()
    (value,) = [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit, match=f"{name} is still .*<your-"):
        folder("main")


async def test_the_taught_names_still_work(folder: Folder, asgardeo: Asgardeo) -> None:
    taught = folder("jwt_validator")
    validator = taught.create_jwt_validator(
        asgardeo.jwks_url, asgardeo.issuer, asgardeo.client_id, ssl_verify=True
    )

    claims = await validator.validate_token(asgardeo.mint())

    assert isinstance(validator, taught.JWTValidator)
    assert (claims["sub"], claims["_validated_by"]) == (SUBJECTS["jane"], "JWTValidator")


async def test_a_refused_token_is_a_value_error_that_does_not_hold_it(
    folder: Folder, asgardeo: Asgardeo
) -> None:
    validator = folder("jwt_validator").JWTValidator(asgardeo.jwks_url, asgardeo.issuer, "other")
    token = asgardeo.mint()

    with pytest.raises(ValueError, match="wrong-audience") as refusal:
        await validator.validate_token(token)

    assert token.split(".")[1] not in repr(refusal.value)


async def test_keys_that_cannot_be_had_are_nobodys_fault(folder: Folder) -> None:
    away = Asgardeo("http://localhost:1", clock=time.time)
    validator = folder("jwt_validator").JWTValidator(away.jwks_url, away.issuer, away.client_id)

    with pytest.raises(KeysUnavailable):
        await validator.validate_token(away.mint())


def test_switching_certificates_off_is_refused(folder: Folder, asgardeo: Asgardeo) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        folder("jwt_validator").JWTValidator(
            asgardeo.jwks_url, asgardeo.issuer, "x", ssl_verify=False
        )

    assert refusal.value.reason == "unverified-keys"


async def test_the_sdks_own_door_may_use_the_verifier_too(
    folder: Folder, asgardeo: Asgardeo
) -> None:
    asgardeo.agent = AGENT
    verifier = folder("jwt_validator").JWTTokenVerifier(
        asgardeo.jwks_url, asgardeo.issuer, asgardeo.client_id
    )

    known = await verifier.verify_token(asgardeo.mint())

    assert (known.subject, known.client_id) == (SUBJECTS["jane"], asgardeo.client_id)
    assert known.claims["act"] == {"sub": AGENT}
    assert await verifier.verify_token(asgardeo.mint(exp=1)) is None


@pytest.mark.parametrize("half", ["auth", "verifier", "foreign"])
def test_half_a_door_is_refused(folder: Folder, asgardeo: Asgardeo, half: str) -> None:
    from mcp.server.auth.settings import AuthSettings
    from pydantic import AnyHttpUrl

    auth = AuthSettings(
        issuer_url=AnyHttpUrl(asgardeo.issuer), resource_server_url=None, required_scopes=[]
    )
    verifier = folder("jwt_validator").JWTTokenVerifier(asgardeo.jwks_url, asgardeo.issuer, "x")
    options: dict[str, Any] = {
        "auth": {"auth": auth},
        "verifier": {"token_verifier": verifier},
        "foreign": {"auth": auth, "token_verifier": object()},
    }[half]

    with pytest.raises(ConfigurationError) as refusal:
        folder("protected").FastMCP("x", **options)

    assert refusal.value.reason == "not-guarded"


def test_the_old_transport_is_refused_where_nobody_would_guard_it(main: ModuleType) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        main.mcp.sse_app()

    assert refusal.value.reason == "unguarded-transport"


def test_the_old_transport_serves_what_everybody_may_call(folder: Folder) -> None:
    assert folder("protected").FastMCP("open to everybody").sse_app().routes


def test_the_example_file_names_every_setting_that_is_read() -> None:
    named = set(
        re.findall(r"^(?:# )?([A-Z_]+)=", (FOLDER / ".env.example").read_text(), re.MULTILINE)
    )
    read = set(re.findall(r'getenv\("([A-Z_]+)"', (FOLDER / "main.py").read_text()))

    assert named == read
