"""Clients that are registered by hand, by client and by provider."""

from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest

from doorward.client.sign_in.listener import HOST, PATH
from doorward.idp import PROVIDERS, Answer, Fact, Preset
from doorward.idp.clients import CLIENTS, PORT, McpClient
from doorward.idp.facts import UNSOURCED
from doorward.idp.registration_guide import clients_page

each = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


@pytest.mark.parametrize("preset", PROVIDERS, ids=lambda preset: preset.name)
def test_a_provider_that_does_not_register_every_client_says_how_to_do_it_by_hand(
    preset: Preset,
) -> None:
    assert preset.matrix is not None
    assert preset.manual is not None or preset.matrix.rfc7591.value is Answer.YES


@each
def test_every_fact_about_a_client_has_its_source_and_its_date(client: McpClient) -> None:
    facts: tuple[Fact[Any], ...] = (client.redirect_uris, client.client_id, client.client_secret)

    for fact in (*facts, *client.facts):
        assert fact.value
        assert fact.source.startswith("https://")
        assert fact.source != UNSOURCED.where
        assert date(2026, 11, 1) <= fact.seen <= date(2026, 12, 31)


@each
def test_a_redirect_uri_is_one_that_a_provider_can_register(client: McpClient) -> None:
    assert client.redirect_uris.verified
    for uri in client.redirect_uris.value:
        parts = urlsplit(uri)
        assert not parts.fragment
        assert parts.scheme != "http" or parts.hostname in ("localhost", "127.0.0.1")


def test_our_own_redirect_uri_is_the_one_that_our_listener_has() -> None:
    (ours,) = [client for client in CLIENTS if client.name == "doorward"]

    assert ours.redirect_uris.value == (f"http://{HOST}:{PORT}{PATH}",)
    assert ours.client_id.value.endswith(f"--port {PORT}")


def test_the_page_has_every_client_and_every_provider_with_a_place() -> None:
    page = clients_page(PROVIDERS)

    for client in CLIENTS:
        assert f"## {client.title}\n" in page
        assert all(f"`{uri}`" in page for uri in client.redirect_uris.value)
    for preset in PROVIDERS:
        assert (f"| {preset.name} |" in page) is (preset.manual is not None)
