"""Each provider has a page; what it says to write here is accepted, and leads to its callback URL."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from docs.making.provider_pages import FOLDER, provider_page, python_form, toml_form

from doorward import Policy, Rule
from doorward.authserver import Allow, IdentityProvider
from doorward.config import load
from doorward.embedded import GuardWithSignIn
from doorward.errors import ConfigurationError
from doorward.idp import PROVIDERS, Preset
from doorward.idp.rendering import escaped
from doorward.idp.sign_in_guide import (
    NOT_TOLD,
    admission_in_words,
    callback_url,
    sign_in_facts,
    sign_in_of,
)

ROOT = Path(__file__).parents[2]
each = pytest.mark.parametrize("preset", PROVIDERS, ids=lambda preset: preset.name)


def test_every_provider_has_its_page_in_the_menu() -> None:
    menu = re.findall(
        rf"- (.*): {FOLDER.removeprefix('docs/')}/(\S+)\.md", (ROOT / "mkdocs.yml").read_text()
    )
    expected = sorted(PROVIDERS, key=lambda preset: preset.title.lower())

    assert menu == [(preset.title, preset.name) for preset in expected]
    assert {file.stem for file in (ROOT / FOLDER).glob("*.md")} == {one.name for one in PROVIDERS}


@each
def test_the_page_says_where_to_enter_which_callback_url(preset: Preset) -> None:
    page = provider_page(preset)
    screen = sign_in_of(preset).redirect_screen

    assert screen is not None
    assert f"`https://YOUR-HOST/callback/{preset.name}`\n" in page
    assert page.count("\n## ") >= 6
    for fact in sign_in_facts(sign_in_of(preset)):
        assert escaped(fact.value) in page
        assert not fact.verified or f"read on {fact.seen.isoformat()}" in page


@each
def test_the_line_in_python_is_accepted(preset: Preset, tmp_path: Path) -> None:
    names: dict[str, Any] = {
        "Allow": Allow,
        "IdentityProvider": IdentityProvider,
        "GuardWithSignIn": partial(GuardWithSignIn, data=tmp_path),
        "policy": Policy(base=Rule(scopes={"mcp:tools"})),
    }

    exec(python_form(preset).replace("YOUR-HOST", "mcp.example.com"), names)

    (provider,) = names["guard"].authorization_server.server.settings.identity_providers
    assert callback_url(preset).endswith(f"/callback/{provider.name}")
    assert provider.kind == preset.name


@each
def test_the_table_of_the_file_is_accepted(preset: Preset, tmp_path: Path) -> None:
    (tmp_path / f"{preset.name}.secret").write_text("a-secret-that-only-two-parties-know")
    (tmp_path / f"{preset.name}.secret").chmod(0o600)
    file = tmp_path / "doorward.toml"
    file.write_text(
        '[authorization_server]\nissuer = "https://mcp.example.com"\n'
        'database_url = "sqlite:///doorward.db"\nsecret_file = "doorward.secret"\n'
        '[[authorization_server.resources]]\nuri = "https://mcp.example.com/mcp"\n'
        'scopes = { "mcp:tools" = "Use the tools" }\n' + toml_form(preset)
    )

    settings = load(file).authorization_server

    assert settings is not None
    assert [one.name for one in settings.identity_providers] == [preset.name]


@each
def test_what_the_page_says_of_a_condition_is_what_the_settings_accept(preset: Preset) -> None:
    # A condition that the provider cannot tell is refused at start, and no other one is.
    address = "https://login.example.com/tenant" if preset.customer_address else None
    for name, reads in admission_in_words(preset):
        rule = Allow(**{name: {"acme"}})  # type: ignore[arg-type]
        build = partial(
            IdentityProvider, kind=preset.name, issuer=address, client_id="x", allow=rule
        )
        if reads == NOT_TOLD:
            with pytest.raises(ConfigurationError) as refused:
                build()
            assert refused.value.reason == "provider-does-not-tell"
        else:
            build()
