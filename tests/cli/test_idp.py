"""``doorward idp``: the matrix, one provider, and a measurement of a real server."""

import json
from pathlib import Path

import pytest

from doorward.cli.idp.probe import difference
from doorward.idp import PROVIDERS, Preset
from doorward.idp.clients import CLIENTS
from tests.cli.conftest import Command, Running

SEED = ("pkce", "rfc8414", "rfc7591", "rfc8707")


def test_the_table_has_one_line_for_each_provider(doorward: Command) -> None:
    ended = doorward("idp", "table")

    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert ended.status == 0
    assert [row[0] for row in rows] == [preset.name for preset in PROVIDERS]
    assert {len(row) for row in rows} == {12}
    assert next(row for row in rows if row[0] == "entra")[1:5] == [
        "partly*",
        "no*",
        "no",
        "partly*",
    ]


def test_the_markdown_table_begins_with_the_four_first_columns(doorward: Command) -> None:
    lines = doorward("idp", "table", "--markdown").out.splitlines()

    assert lines[0].startswith("| Provider | PKCE | 8414 | 7591 | 8707 | OIDC |")
    assert len(lines) == len(PROVIDERS) + 2


def test_the_behind_doorward_table_says_yes_and_names_the_clients(doorward: Command) -> None:
    rows = [
        line.split("\t") for line in doorward("idp", "table", "--behind-doorward").out.splitlines()
    ]
    document = doorward("idp", "table", "--behind-doorward", "--json").document

    assert [row[0] for row in rows] == [preset.name for preset in PROVIDERS]
    assert {cell for row in rows for cell in row[1:9]} == {"yes"}
    assert all("fastmcp" in row[9] for row in rows)
    assert document["recorded"].startswith("202")
    assert document["clients"]["python-sdk"].startswith("mcp ")
    google = next(one for one in document["providers"] if one["name"] == "google")
    assert google["cells"]["rfc8707"] is True
    assert "inspector" in google["clients"]
    markdown = doorward("idp", "table", "--behind-doorward", "--markdown").out
    assert markdown.startswith("| PROVIDER | DCR | CIMD | PKCE |")


def test_every_cell_has_its_date_and_source(doorward: Command) -> None:
    rows = [line.split("\t") for line in doorward("idp", "table", "--sources").out.splitlines()]
    cells = doorward("idp", "table", "--json").document["providers"]

    assert len(rows) == 11 * len(PROVIDERS)
    assert all(len(row) == 6 and row[4].startswith("202") and row[5] for row in rows)
    for provider in cells:
        assert tuple(provider["cells"])[:4] == SEED
        for cell in provider["cells"].values():
            assert cell["seen"]
            assert cell["source"]
            assert isinstance(cell["verified"], bool)


def test_the_json_table_contains_outdated_values_with_a_note(doorward: Command) -> None:
    providers = doorward("idp", "table", "--json").document["providers"]
    entra = next(one for one in providers if one["name"] == "entra")["cells"]

    assert entra["rfc8414"]["first_table"] == "Yes"
    assert "OpenID document" in entra["rfc8414"]["first_table_outdated"]
    assert entra["rfc7591"]["first_table_outdated"] is None


def test_show_prints_the_instructions_for_a_provider(doorward: Command) -> None:
    ended = doorward("idp", "show", "keycloak")

    assert ended.status == 0
    assert "Included Custom Audience" in ended.out
    assert "(not verified)" in ended.out
    assert doorward("idp", "show", "keycloak", "--json").document["quirks"][0]["departs_from"]


def test_show_prints_client_settings_for_a_provider_without_registration(
    doorward: Command,
) -> None:
    shown = doorward("idp", "show", "okta").out
    document = doorward("idp", "show", "okta", "--json").document

    for client in CLIENTS:
        assert f"\n{client.title}\n" in shown
        assert all(f"  redirect URI  {uri}\n" in shown for uri in client.redirect_uris.value)
    assert "--issuer 'https://{org}.okta.com/oauth2/{server}'" in shown
    assert [one["name"] for one in document["clients"]] == [client.name for client in CLIENTS]
    assert document["manual_registration"]["place"]["value"]
    assert "Claude" not in doorward("idp", "show", "descope").out


def test_show_says_that_the_doorward_client_refuses_a_provider(doorward: Command) -> None:
    told = "It refuses this provider, because the metadata does not offer PKCE with S256."

    assert told in doorward("idp", "show", "entra").out
    assert told not in doorward("idp", "show", "okta").out


@pytest.mark.parametrize("preset", PROVIDERS, ids=lambda preset: preset.name)
def test_every_provider_can_be_shown(doorward: Command, preset: Preset) -> None:
    assert doorward("idp", "show", preset.name).status == 0


def test_an_unknown_provider_is_a_usage_error(doorward: Command) -> None:
    ended = doorward("idp", "show", "oktaa")

    assert ended.status == 2
    assert "(unknown-provider)" in ended.err
    assert "'okta'" in ended.err


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("forgerock", "ping-aic"),
        ("PingAM", "ping-aic"),
        ("azure", "entra"),
        ("Keycloak", "keycloak"),
    ],
)
def test_a_provider_is_found_by_its_aliases(doorward: Command, asked: str, shown: str) -> None:
    assert doorward("idp", "show", asked, "--json").document["name"] == shown


def test_provider_names_and_aliases_are_unique() -> None:
    names = [name for preset in PROVIDERS for name in (preset.name, *preset.aliases)]

    assert len(set(names)) == len(names)


def test_the_hint_for_an_unknown_name_is_the_table_command(doorward: Command) -> None:
    assert "run: doorward idp table" in doorward("idp", "show", "zzz").err


def test_probe_measures_a_running_server(doorward: Command, demo: Running) -> None:
    ended = doorward("idp", "probe", demo.url, "--try-registration", "--json")

    # The demo in this process logs what it refused to the same stream, before the document.
    document = json.loads(ended.out[ended.out.index("{\n") :])
    assert ended.status == 0
    assert document["row"]["rfc7591"]["answer"] == "yes"
    assert document["row"]["jwt"]["answer"] == "unknown"
    assert document["left_behind"] == []
    assert [one["names_the_issuer"] for one in document["documents"]] == [True, True]


def test_probe_prints_a_table_with_evidence_and_advice(doorward: Command, demo: Running) -> None:
    ended = doorward("idp", "probe", demo.url, "--idp", "keycloak")

    assert ended.status == 0
    assert "PKCE\tyes\tS256 advertised" in ended.out
    assert "7591\tunknown\tadvertised; not tried\n" in ended.out
    assert "Included Custom Audience" in ended.out


def test_probe_does_not_list_completed_steps_as_to_do(doorward: Command, demo: Running) -> None:
    told = doorward("idp", "probe", demo.url, "--idp", "keycloak", "--try-registration")
    untried = doorward("idp", "probe", demo.url, "--idp", "keycloak")

    assert "Known of Keycloak and already done here: RFC 7591 §3." in told.err
    assert "Trusted Hosts" not in told.out
    assert "RFC 8707 §2 (not measured; check it)" in told.out
    assert "RFC 7591 §3 (not measured; check it)" in untried.out


def test_probe_explains_how_two_issuers_differ(doorward: Command, demo: Running) -> None:
    ended = doorward("idp", "probe", f"{demo.url}/", "--json")

    assert ended.status == 6
    assert ended.document["error"]["code"] == "issuer-mismatch"
    assert "one ends in a slash" in ended.document["error"]["message"]


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        pytest.param(("http://idp.example/",), 2, "insecure-issuer", id="plain-http"),
        pytest.param(("not a url",), 2, "not-an-issuer", id="no-url"),
        pytest.param(("http://localhost:1/",), 4, "unreachable", id="nobody"),
        pytest.param(("http://localhost:1/", "--idp", "x"), 2, "unknown-provider", id="unknown"),
    ],
)
def test_an_issuer_that_cannot_be_probed_has_its_own_exit_code(
    doorward: Command, words: tuple[str, ...], status: int, reason: str
) -> None:
    ended = doorward("idp", "probe", *words)

    assert ended.status == status
    assert ended.out == ""
    assert f"({reason})" in ended.err


def test_without_metadata_the_error_lists_the_response_of_each_url(
    doorward: Command, demo: Running
) -> None:
    ended = doorward("idp", "probe", f"{demo.url}/nowhere")

    assert ended.status == 6
    assert "(no-metadata)" in ended.err
    assert "/nowhere/.well-known/openid-configuration answered 404" in ended.err


@pytest.mark.parametrize(
    ("named", "asked", "told"),
    [
        ("https://a.example/", "https://a.example", "one ends in a slash"),
        ("https://A.example", "https://a.example", "they differ in upper and lower case"),
        ("https://a.example/x", "https://a.example/y", "they differ from 'x' and 'y' on"),
        ("https://a.example", "https://a.example/y", "they differ from '' and '/y' on"),
    ],
)
def test_the_difference_between_similar_issuers_is_named(named: str, asked: str, told: str) -> None:
    assert difference(named, asked) == told


def test_the_help_names_every_command(doorward: Command, tmp_path: Path) -> None:
    out = doorward("idp", "--help").out

    for verb in ("table", "show", "probe"):
        assert verb in out
