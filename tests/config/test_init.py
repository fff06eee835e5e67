"""``init``: the file that it writes is accepted, its secrets are private, and nothing is overwritten."""

from pathlib import Path
from typing import Any

import pytest

from doorward.config import load
from doorward.config.init import Answers, plan
from doorward.errors import ConfigurationError
from doorward.idp import PROVIDERS
from tests.config.conftest import SECRET

ANSWERS: dict[str, Any] = {
    "provider": "google",
    "public_url": "https://mcp.example.com",
    "allow": "example.com",
    "upstream": "http://127.0.0.1:9000/mcp",
    "data": "doorward.db",
    "client_id": "the-client",
}


def _answers(**changes: Any) -> Answers:
    return Answers(**{**ANSWERS, **changes})


def _write(folder: Path, **changes: Any) -> tuple[Path, tuple[str, ...]]:
    file = folder / "doorward.toml"
    made = plan(_answers(**changes), file)
    made.write()
    for path in folder.glob("*.secret"):
        if not path.read_text():
            path.write_text(SECRET)
    return file, made.steps


def test_the_generated_file_is_accepted(tmp_path: Path) -> None:
    file, _ = _write(tmp_path)

    found = load(file)

    settings = found.authorization_server
    assert settings is not None
    assert settings.issuer == "https://mcp.example.com"
    (provider,) = settings.identity_providers
    assert (provider.kind, provider.client_id) == ("google", "the-client")
    assert provider.client_secret == SECRET
    assert provider.rules[0].domains == {"example.com"}
    assert found.mcp_servers[0].resource == "https://mcp.example.com/mcp"
    assert found.mcp_servers[0].upstream == "http://127.0.0.1:9000/mcp"


def test_the_next_steps_name_the_redirect_uri_and_the_line_of_the_client_id(
    tmp_path: Path,
) -> None:
    file, steps = _write(tmp_path, client_id="")

    told = "\n".join(steps)
    assert "At Google: " in told
    assert "https://mcp.example.com/callback/google" in told
    line = file.read_text().splitlines().index('client_id = ""') + 1
    assert f"{file}, line {line}." in told
    with pytest.raises(ConfigurationError) as refused:
        load(file)
    assert refused.value.reason == "empty-setting"
    assert f"{file}:{line}: " in refused.value.problem


@pytest.mark.parametrize("kind", [one.name for one in PROVIDERS])
def test_every_known_provider_can_be_chosen(tmp_path: Path, kind: str) -> None:
    preset = next(one for one in PROVIDERS if one.name == kind)
    issuer = "https://login.example.com/tenant" if preset.customer_address else None

    file, steps = _write(tmp_path, provider=kind, issuer=issuer, allow="everyone")

    settings = load(file).authorization_server
    assert settings is not None
    provider = settings.identity_providers[0]
    assert provider.kind == kind
    assert issuer in (None, provider.issuer, provider.internal_url)
    assert f"/callback/{kind}" in "\n".join(steps)


@pytest.mark.parametrize(
    ("allow", "name", "values"),
    [
        ("a@example.com, b@example.com", "emails", {"a@example.com", "b@example.com"}),
        ("group:mcp group:admins", "groups", {"mcp", "admins"}),
        ("org:example", "organizations", {"example"}),
        ("example.com,example.org", "domains", {"example.com", "example.org"}),
    ],
)
def test_one_answer_sets_the_allow_rule(
    tmp_path: Path, allow: str, name: str, values: set[str]
) -> None:
    # Google tells no groups.
    kind = "entra" if name == "groups" else "google"
    issuer = "https://login.microsoftonline.com/t-1/v2.0" if name == "groups" else None
    file, _ = _write(tmp_path, allow=allow, provider=kind, issuer=issuer)
    settings = load(file).authorization_server

    assert settings is not None
    assert getattr(settings.identity_providers[0].rules[0], name) == values


def test_own_users_need_no_provider(tmp_path: Path) -> None:
    settings = load(_write(tmp_path, provider="own", allow="")[0]).authorization_server

    assert settings is not None
    assert settings.has_own_users
    assert list(tmp_path.glob("*.secret")) == []


def test_an_issuer_url_can_be_the_provider(tmp_path: Path) -> None:
    file, steps = _write(tmp_path, provider="https://login.example.com/")

    settings = load(file).authorization_server
    assert settings is not None
    assert settings.identity_providers[0].issuer == "https://login.example.com/"
    assert "/callback/sso" in "\n".join(steps)


def test_without_an_upstream_the_server_is_only_a_resource(tmp_path: Path) -> None:
    found = load(_write(tmp_path, upstream="", public_url="https://a.example/tools")[0])

    assert found.mcp_servers == ()
    assert found.authorization_server is not None
    assert found.authorization_server.resources[0].uri == "https://a.example/tools"


def test_every_file_is_private_and_passwords_are_in_separate_files(tmp_path: Path) -> None:
    url = f"postgresql://doorward:{SECRET}@db.example/doorward"
    file, steps = _write(tmp_path, data=url)

    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "database.secret",
        "doorward.toml",
        "google.secret",
    ]
    assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o600}
    assert SECRET not in file.read_text()
    assert SECRET not in str(steps)
    settings = load(file).authorization_server
    assert settings is not None
    assert settings.database_url == url.replace("postgresql:", "postgresql+asyncpg:")


@pytest.mark.parametrize("name", ["doorward.toml", "google.secret"])
@pytest.mark.parametrize("link", [True, False])
def test_a_file_that_exists_is_not_overwritten_and_nothing_is_written(
    tmp_path: Path, name: str, link: bool
) -> None:
    there = tmp_path / name
    if link:
        there.symlink_to(tmp_path / "elsewhere")
    else:
        there.write_text("mine")

    with pytest.raises(ConfigurationError) as refused:
        _write(tmp_path)

    assert refused.value.reason == "file-exists"
    assert list(tmp_path.iterdir()) == [there]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"provider": "gogle"}, "unknown-provider"),
        ({"provider": "okta"}, "provider-issuer"),
        ({"provider": "http://login.example.com"}, "insecure-issuer"),
        ({"public_url": "http://mcp.example.com"}, "insecure-resource"),
        ({"public_url": "mcp.example.com"}, "not-a-resource"),
        ({"allow": ""}, "nobody-allowed"),
        ({"allow": "example.com group:mcp"}, "mixed-conditions"),
        ({"upstream": "localhost:9000"}, "not-an-upstream"),
        ({"data": "mysql://db"}, "unknown-database"),
        ({"allow": "example\x1b.com"}, "not-printable"),
    ],
)
def test_an_invalid_answer_is_refused_and_nothing_is_written(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        _write(tmp_path, **changes)

    assert refused.value.reason == reason
    assert list(tmp_path.iterdir()) == []


def test_quotes_in_an_answer_are_escaped(tmp_path: Path) -> None:
    file, _ = _write(tmp_path, allow='org:"x"]#\\')

    settings = load(file).authorization_server
    assert settings is not None
    assert settings.identity_providers[0].rules[0].organizations == {'"x"]#\\'}
