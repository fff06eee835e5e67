"""Unsafe introspection settings are refused at start-up, and no secret is shown."""

from collections.abc import Callable
from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.tokens import CredentialVerifier, Introspection
from doorward.tokens.opaque.github import GitHubTokenCheck
from doorward.tokens.opaque.google import GoogleTokenInfo
from tests.tokens.clock import FakeClock
from tests.tokens.stub_issuer import (
    ENDPOINT,
    RESOURCE,
    TOKEN,
    StubIssuer,
    active,
    answer,
    lookup,
    opaque,
)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"client_id": "x"}, "no-lookup-credentials"),
        ({"client_id": "", "client_secret": "s"}, "no-lookup-credentials"),
        ({"client_id": "x", "client_secret": ""}, "no-lookup-credentials"),
        (
            {"client_id": "x", "client_secret": "s", "method": "private_key_jwt"},
            "no-lookup-credentials",
        ),
        (
            {"client_id": "x", "client_secret": "s", "endpoint": "http://idp.example/ask"},
            "insecure-lookup",
        ),
        ({"client_id": "x", "client_secret": "s", "endpoint": "ask"}, "insecure-lookup"),
        ({"client_id": "x", "client_secret": "s", "cache_ttl": -1}, "not-a-limit"),
        ({"client_id": "x", "client_secret": "s", "cache_ttl": float("nan")}, "not-a-limit"),
    ],
)
def test_incomplete_or_unsafe_introspection_settings_are_refused(
    settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Introspection(**settings)

    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    "build",
    [
        lambda url: GitHubTokenCheck(client_id="x", client_secret="s", api=url),
        lambda url: GoogleTokenInfo(endpoint=url),
    ],
    ids=["github", "google"],
)
def test_the_url_of_a_provider_must_be_https_except_on_loopback(
    build: Callable[[str], object],
) -> None:
    for url in ("http://git.example/api/v3", "git.example/api/v3", "ftp://git.example"):
        with pytest.raises(ConfigurationError) as refusal:
            build(url)
        assert refusal.value.reason == "insecure-lookup"
    assert build("https://git.example/api/v3")
    assert build("http://localhost:8080/api/v3")


@pytest.mark.parametrize(
    "changes", [{"audience": ()}, {"audience": ""}, {"audience": RESOURCE, "client_ids": ("",)}]
)
def test_an_empty_audience_or_client_id_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        opaque(**changes)

    assert refusal.value.reason == "undecided-audience"


def test_two_opaque_issuers_are_refused_as_ambiguous() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        CredentialVerifier([opaque(), opaque(issuer="https://second.example")])

    assert refusal.value.reason == "ambiguous-opaque-issuers"


def test_a_verifier_without_issuers_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        CredentialVerifier([])

    assert refusal.value.reason == "no-issuers"


def test_no_repr_contains_a_secret() -> None:
    issuer = opaque()
    verifier = CredentialVerifier([issuer])

    shown = f"{issuer!r} {issuer.lookup!r} {lookup().client!r} {verifier.describe()!r}"

    assert "s3cret" not in shown
    assert "mcp-server" in shown


async def test_the_repr_of_an_introspection_exchange_contains_no_secret() -> None:
    issuer = opaque(lookup=lookup(method="client_secret_post"))
    stub = StubIssuer(lambda _url: answer(active(echo="echo-of-the-token")))
    verifier = CredentialVerifier([issuer], clock=FakeClock(), fetcher=stub)
    await verifier.verify(TOKEN)

    question = stub.requests[-1][1]
    shown = f"{question!r} {stub.says(ENDPOINT)!r}"

    assert b"s3cret" in question.body
    assert not [word for word in ("s3cret", TOKEN.decode(), "echo-of") if word in shown]
