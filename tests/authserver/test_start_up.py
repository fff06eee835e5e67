"""Settings that the server refuses at start-up, and the fix that it names."""

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doorward.authserver.settings.authorization_server import AuthServerSettings
from doorward.authserver.settings.configured_client import ConfiguredClient
from doorward.authserver.settings.lifetimes import Lifetimes
from doorward.authserver.settings.resource import Resource
from doorward.errors import ConfigurationError
from tests.authserver.conftest import StartAuthServer
from tests.ledger import proves

GOOD = AuthServerSettings(
    issuer="https://auth.example",
    resources=(Resource(uri="https://mcp.example/mcp", scopes={"a": "A"}),),
)
RANDOM = "2Vx8pKq0ZbN5rTt7WcYd1Lm4Gh6Jf9Sa"


@proves("S10", "accepts", "unsafe settings refuse to start")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"issuer": "http://localhost:9000"},
        {"issuer": "http://127.0.0.1:9000/x"},
        {"issuer": "http://[::1]:9000", "demo_users": ("alice",), "sign_in_as": "alice"},
        {"secret": RANDOM, "database_url": "sqlite+aiosqlite:///x.db"},
    ],
)
def test_sound_settings_are_accepted(changes: dict[str, Any]) -> None:
    settings = replace(GOOD, **changes)

    assert settings.url("/token").startswith(settings.issuer.rstrip("/"))


@proves("S10", "refuses", "unsafe settings refuse to start")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": "http://auth.example"}, "insecure-issuer"),
        ({"issuer": "http://localhost.example"}, "insecure-issuer"),
        ({"issuer": "http://127.1:9000"}, "insecure-issuer"),
        ({"issuer": "https://auth.example?x"}, "not-an-issuer"),
        ({"issuer": "https://auth.example#x"}, "not-an-issuer"),
        ({"issuer": "https://u@auth.example"}, "not-an-issuer"),
        ({"issuer": "auth.example"}, "not-an-issuer"),
        ({"resources": ()}, "no-resource"),
        ({"resources": (Resource(uri="http://mcp.example", scopes={}),)}, "insecure-resource"),
        ({"resources": (Resource(uri="https://mcp.example/#x", scopes={}),)}, "not-a-resource"),
        ({"resources": (Resource(uri="https://a.example", scopes={"a b": ""}),)}, "not-a-scope"),
        ({"resources": GOOD.resources * 2}, "resource-twice"),
        ({"secret": "short"}, "weak-secret"),
        ({"secret": "a" * 64}, "weak-secret"),
        ({"secret": "changeme-" + RANDOM}, "default-secret"),
        ({"secret": "my-very-long-demo-SECRET-for-testing"}, "default-secret"),
        ({"database_url": "sqlite+aiosqlite:///x.db"}, "no-secret"),
        ({"demo_users": ("alice",)}, "demo-off-loopback"),
        ({"sign_in_as": "alice"}, "demo-off-loopback"),
        ({"insecure_document_hosts": frozenset({"10.0.0.1:80"})}, "demo-off-loopback"),
        ({"lifetimes": Lifetimes(code=61)}, "code-too-long"),
        ({"lifetimes": Lifetimes(access_token=86401)}, "access-token-too-long"),
        ({"lifetimes": Lifetimes(refresh_grace=121)}, "grace-too-long"),
        (
            {"clients": (ConfiguredClient(client_id="rs", secret="x" * 40),)},
            "client-secret",
        ),
        (
            # mypy refuses the name too; a configuration file is not type-checked.
            {"clients": (ConfiguredClient(client_id="rs", auth_method="tls_client_auth"),)},  # type: ignore[arg-type]
            "client-auth-method",
        ),
        (
            {
                "clients": (
                    ConfiguredClient(
                        client_id="rs", secret="short", auth_method="client_secret_post"
                    ),
                )
            },
            "weak-client-secret",
        ),
        (
            {"clients": (ConfiguredClient(client_id="rs", introspects="https://x.example"),)},
            "unknown-resource",
        ),
    ],
)
def test_unsound_settings_are_refused_with_what_to_change(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        replace(GOOD, **changes)

    assert refusal.value.reason == reason
    assert refusal.value.hint


def test_secrets_do_not_show_in_a_repr() -> None:
    client = ConfiguredClient(client_id="rs", secret=RANDOM, auth_method="client_secret_post")

    assert RANDOM not in repr(replace(GOOD, secret=RANDOM, clients=(client,)))


@pytest.fixture
def kept(database_url: str, tmp_path: Path) -> dict[str, Any]:
    """Settings of a server that is started again."""
    return {"database_url": database_url, "secret_file": tmp_path / "secret"}


@proves("S107", "accepts", "secrets are stored as hashes")
async def test_a_kept_server_comes_back_with_its_keys_users_and_clients(
    start_authserver: StartAuthServer, kept: dict[str, Any], tmp_path: Path
) -> None:
    first = await start_authserver(**kept)
    client = await first.register()
    tokens = await first.tokens(client["client_id"])
    key = first.server.keys.current().kid
    await first.server.aclose()

    second = await start_authserver(**kept)

    assert second.server.keys.current().kid == key
    again = await second.refresh(client["client_id"], tokens.refresh)
    assert again.response.status_code == 200
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


@proves("S10", "refuses", "unsafe settings refuse to start")
async def test_a_secret_file_that_others_can_read_is_refused(
    start_authserver: StartAuthServer, kept: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(RANDOM)
    (tmp_path / "secret").chmod(0o644)

    with pytest.raises(ConfigurationError) as refusal:
        await start_authserver(**kept)

    assert refusal.value.reason == "secret-file"
    assert RANDOM not in str(refusal.value)


async def test_a_secret_file_in_no_folder_is_refused(
    start_authserver: StartAuthServer, kept: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        await start_authserver(**{**kept, "secret_file": tmp_path / "nowhere" / "secret"})

    assert refusal.value.reason == "secret-file"


@proves("S107", "refuses", "secrets are stored as hashes")
async def test_keys_cannot_be_read_under_another_secret(
    start_authserver: StartAuthServer, kept: dict[str, Any], tmp_path: Path
) -> None:
    first = await start_authserver(**kept)
    await first.server.aclose()
    (tmp_path / "secret").unlink()

    with pytest.raises(ConfigurationError) as refusal:
        await start_authserver(**kept)

    assert refusal.value.reason == "wrong-secret"
