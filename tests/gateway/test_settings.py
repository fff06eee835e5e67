"""The settings of ``doorward gateway``, from the environment, a file or defaults."""

from pathlib import Path

import pytest

from doorward.cli.server.gateway import DEFAULTS, routes_of
from doorward.errors import ConfigurationError
from doorward.gateway import Route, realm_routes
from doorward.gateway.env_file import Environment, parse_env, read_environment

WANTED = {"KEYCLOAK_REALM": "mcp-realm", "KEYCLOAK_URL": "http://localhost:8080", "EXTRA": ""}


def test_the_process_environment_wins_over_the_file_and_the_default(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_text("KEYCLOAK_REALM=of-the-file\nKEYCLOAK_URL=http://localhost:1\n")

    settings = read_environment(file, WANTED, {"KEYCLOAK_URL": "http://localhost:2"})

    assert settings["KEYCLOAK_REALM"] == "of-the-file"
    assert settings["KEYCLOAK_URL"] == "http://localhost:2"
    assert settings["EXTRA"] == ""
    assert settings.notes == ()


def test_an_unset_name_gets_its_default_and_a_note(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_text("KEYCLOAK_URL=\n")

    settings = read_environment(file, WANTED, {})

    assert settings["KEYCLOAK_URL"] == "http://localhost:8080"
    assert settings.notes == (
        "KEYCLOAK_REALM is not set; using mcp-realm.",
        "KEYCLOAK_URL is not set; using http://localhost:8080.",
    )


def test_a_default_may_refer_to_earlier_values() -> None:
    settings = read_environment(None, {"A": "x", "B": "{A}/y"}, {"A": "{evil}"})

    assert settings["B"] == "{evil}/y"
    assert settings.notes == ("B is not set; using {evil}/y.",)


def test_a_missing_file_is_the_first_note(tmp_path: Path) -> None:
    settings = read_environment(tmp_path / "no.env", WANTED, {})

    assert settings.notes[0] == f"There is no file {tmp_path / 'no.env'}; the defaults are used."
    assert len(settings.notes) == 3


def test_common_ways_to_write_a_line_are_accepted() -> None:
    written = parse_env(b"# all\n\nexport A=1\n B = two words \nC='x # y'\nD=z # why\nE=a=b\n", "x")

    assert written == {"A": "1", "B": "two words", "C": "x # y", "D": "z", "E": "a=b"}


@pytest.mark.parametrize(
    ("data", "where"),
    [
        pytest.param(b"A=1\nsecret words\n", "Line 2", id="no-setting"),
        pytest.param(b"1A=1\n", "Line 1", id="no-name"),
        pytest.param(b"\xff\xfe", "UTF-8", id="no-text"),
    ],
)
def test_a_malformed_line_is_named_only_by_its_number(data: bytes, where: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_env(data, "x.env")

    assert refusal.value.reason == "malformed-env-file"
    assert where in refusal.value.problem
    assert "secret" not in str(refusal.value)


def test_a_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_environment(tmp_path, WANTED, {})

    assert refusal.value.reason == "malformed-env-file"


@pytest.mark.parametrize("value", ["http://<your-host>:8080", "<realm>"])
def test_a_placeholder_value_is_refused_with_the_name_of_its_setting(value: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read_environment(None, WANTED, {"KEYCLOAK_URL": value})

    assert refusal.value.reason == "placeholder-setting"
    assert "KEYCLOAK_URL" in refusal.value.problem


def test_a_single_angle_bracket_is_not_a_placeholder() -> None:
    assert read_environment(None, WANTED, {"EXTRA": "a<1"})["EXTRA"] == "a<1"


def _settings(**changes: str) -> Environment:
    return Environment({**DEFAULTS, **changes}, ())


def test_the_defaults_forward_the_tutorials_realm_and_no_mcp_server() -> None:
    assert routes_of(_settings()) == realm_routes(
        public="http://localhost:9090", keycloak="http://localhost:8080", realm="mcp-realm"
    )


def test_an_mcp_server_at_the_same_address_is_forwarded_too() -> None:
    routes = routes_of(
        _settings(MCP_SERVER_URL="http://localhost:9090", MCP_UPSTREAM_URL="http://localhost:9000")
    )

    mcp = {one.path: one.upstream for one in routes if one.cors == "upstream"}
    assert mcp["/mcp"] == "http://localhost:9000"
    assert "/.well-known/oauth-protected-resource/mcp" in mcp


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"KEYCLOAK_URL": "http://localhost:8080"}, "gateway-in-front-of-itself", id="loop"
        ),
        pytest.param(
            {"MCP_UPSTREAM_URL": "http://localhost:9000"}, "two-addresses", id="two-addresses"
        ),
        pytest.param({"KEYCLOAK_REALM": "../master"}, "not-a-realm", id="realm-with-a-path"),
        pytest.param({"KEYCLOAK_REALM": ".."}, "not-a-realm", id="realm-of-dots"),
        pytest.param({"KEYCLOAK_URL": "http://localhost:9090/"}, "not-an-origin", id="slash"),
        pytest.param({"KEYCLOAK_URL": "localhost:9090"}, "not-an-origin", id="no-scheme"),
        pytest.param({"KEYCLOAK_UPSTREAM_URL": "ftp://localhost"}, "not-an-origin", id="ftp"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_a_fix(
    changes: dict[str, str], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        routes_of(_settings(**changes))

    assert refusal.value.reason == reason
    assert refusal.value.hint


@pytest.mark.parametrize("path", ["mcp", "/a/../b", "//a", "/a%20b", "/a b", ""])
def test_a_route_with_an_ambiguous_path_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError):
        Route(path=path, upstream="http://localhost:1")
