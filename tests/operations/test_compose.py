"""The Compose files pass their linters, and give Doorward what its configuration names."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
FILES = ("compose.yaml", "keycloak.yaml")
CONFIGURATIONS = {
    "deploy/compose/doorward.toml": "compose.yaml",
    "deploy/compose/doorward-keycloak.toml": "keycloak.yaml",
}
BASE: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text("utf-8"))


def services(file: str) -> dict[str, Any]:
    """Return the services of a file."""
    found: dict[str, Any] = yaml.safe_load((COMPOSE / file).read_text("utf-8"))["services"]
    return found


@pytest.mark.needs("node-clients")
def test_the_files_have_the_schema_of_compose() -> None:
    npx = Path(sys.executable).parent / "npx"
    linted = subprocess.run(
        [npx, "--no-install", "dclint", "--quiet", *(COMPOSE / one for one in FILES)],
        cwd=ROOT / "tests" / "clients",
        capture_output=True,
        text=True,
        check=False,
    )

    assert linted.returncode == 0, linted.stdout


def test_the_linter_finds_no_grave_weakness() -> None:
    linted = subprocess.run(
        [Path(sys.executable).parent / "compose-lint", *(COMPOSE / one for one in FILES)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("file", FILES)
def test_no_service_has_a_privilege_that_it_does_not_need(file: str) -> None:
    for name, service in services(file).items():
        if "build" in service or "image" in service:
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
            assert "mem_limit" in service, name
            assert "pids_limit" in service, name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    assert services("compose.yaml")["doorward"]["read_only"] is True


@pytest.mark.parametrize("path", CONFIGURATIONS)
def test_the_configuration_names_the_secrets_and_hosts_of_the_services(path: str) -> None:
    configuration = tomllib.loads((ROOT / path).read_text("utf-8"))
    schema = (ROOT / "docs" / "doorward.schema.json").read_text("utf-8")
    Draft202012Validator(yaml.safe_load(schema)).validate(configuration)
    given = {
        f"/run/secrets/{name}"
        for file in ("compose.yaml", CONFIGURATIONS[path])
        for name in services(file)["doorward"]["secrets"]
    }
    server = configuration["authorization_server"]
    tables = [server, *configuration.get("identity_providers", [])]
    named = {value for table in tables for key, value in table.items() if key.endswith("_file")}

    assert named == given
    assert server["database_url"].partition("@")[2] == "database/doorward"
    assert "database" in BASE["services"]
    assert "9100" in BASE["services"]["doorward"]["healthcheck"]["test"][-1]
    assert configuration["operations"]["listen"].endswith(":9100")


def test_no_secret_is_in_a_file() -> None:
    for file in FILES:
        for service in services(file).values():
            for name, value in service.get("environment", {}).items():
                if name.endswith("PASSWORD"):
                    assert value.startswith("${"), name
