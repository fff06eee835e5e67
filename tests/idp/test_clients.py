"""Clients that are registered by hand, by client and by provider."""

from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest

from doorward.client.sign_in.listener import HOST, PATH
from doorward.idp import PROVIDERS, Answer, Fact, Preset
from doorward.idp.clients import CLIENTS, PORT, McpClient
from doorward.idp.facts import UNSOURCED
from doorward.idp.registration_guide import client_document, clients_page
from doorward.wire.oauth.client_metadata import (
    RegistrationPolicy,
    parse_client_document,
    parse_registration,
)
from doorward.wire.oauth.redirect_uri import matches

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

    how = [fact for fact in (client.setup, client.sign_in) if fact is not None]
    for fact in (*facts, *client.facts, *client.messages, *how):
        assert fact.value
        assert fact.source.startswith("https://")
        assert fact.source != UNSOURCED.where
        assert date(2026, 11, 1) <= fact.seen <= date(2026, 12, 31)


@each
def test_a_message_says_what_it_means(client: McpClient) -> None:
    # Ours has a hint below each error instead.
    assert bool(client.messages) is (client.name != "doorward")
    for fact in client.messages:
        assert fact.note.endswith(".")
        assert not fact.value.endswith(".")


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


CONNECTING = [client for client in CLIENTS if client.connection is not None]
POLICY = RegistrationPolicy(
    auth_methods=("none", "client_secret_post", "private_key_jwt"),
    key_methods=("private_key_jwt",),
    signing_algorithms=frozenset({"RS256"}),
    grant_types=("authorization_code", "refresh_token"),
)
each_connecting = pytest.mark.parametrize("client", CONNECTING, ids=lambda client: client.name)


def test_it_is_known_of_every_client_but_our_own_how_it_connects() -> None:
    assert [client.name for client in CLIENTS if client.connection is None] == ["doorward"]


@each_connecting
def test_a_fact_about_a_connection_has_a_source_and_a_date_or_is_marked_as_not_verified(
    client: McpClient,
) -> None:
    assert client.connection is not None
    for name, fact in client.connection.all().items():
        sourced = fact.source.startswith("https://")
        assert sourced or (fact.source == UNSOURCED.where and not fact.verified), name
        if sourced:
            assert date(2026, 11, 1) <= fact.seen <= date(2026, 12, 31), name


@each_connecting
def test_a_client_that_prefers_a_document_has_a_document(client: McpClient) -> None:
    assert client.connection is not None
    ways = client.connection.registration.value

    assert ("document" in ways) == (client.connection.document is not None)
    assert len(set(ways)) == len(ways)


@each_connecting
def test_what_a_client_publishes_and_sends_covers_the_redirect_uri_that_it_uses(
    client: McpClient,
) -> None:
    assert client.connection is not None
    used = client.connection.redirect_uri.value.format(port=PORT)
    sent = _with_port(client.connection.registration_request.value)

    assert any(matches(one, used) for one in parse_registration(sent, POLICY).redirect_uris)
    if client.connection.document is not None:
        document = client.connection.document.value
        metadata = parse_client_document(document, document["client_id"], POLICY)
        assert any(matches(one, used) for one in metadata.redirect_uris)


@each_connecting
def test_the_json_of_a_client_has_every_fact_with_its_source(client: McpClient) -> None:
    document = client_document(client)

    assert client.connection is not None
    assert document["connection"].keys() == client.connection.all().keys()
    assert all(one["source"] and one["seen"] for one in document["connection"].values())


def _with_port(document: Any) -> dict[str, Any]:
    uris = [uri.format(port=PORT) for uri in document["redirect_uris"]]
    return {**document, "redirect_uris": uris}
