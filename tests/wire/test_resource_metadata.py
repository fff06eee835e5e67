"""Protected resource metadata: its URL, its members, and which documents are accepted."""

import json
from typing import Any

import pytest

from doorward.errors import ConfigurationError
from doorward.wire.oauth.resource_metadata import (
    ResourceMetadataRefused,
    build,
    metadata_url,
    parse,
)
from tests.ledger import proves

RESOURCE = "https://mcp.example/mcp"
ISSUER = "https://login.example"


@proves("S139", "accepts", "resource metadata forms")
@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://a.example", "https://a.example/.well-known/oauth-protected-resource"),
        ("https://a.example/", "https://a.example/.well-known/oauth-protected-resource"),
        ("https://a.example/mcp", "https://a.example/.well-known/oauth-protected-resource/mcp"),
        ("https://a.example/mcp/", "https://a.example/.well-known/oauth-protected-resource/mcp/"),
        ("http://[::1]:90/a/b", "http://[::1]:90/.well-known/oauth-protected-resource/a/b"),
    ],
)
def test_the_well_known_string_goes_between_host_and_path(resource: str, url: str) -> None:
    assert metadata_url(resource) == url


def test_a_resource_with_a_query_has_no_metadata_url() -> None:
    with pytest.raises(ConfigurationError):
        metadata_url("https://a.example/mcp?x=1")


@proves("S139", "accepts", "resource metadata forms")
@proves("S167", "accepts", "metadata of another resource")
def test_a_built_document_is_parsed_back_unchanged() -> None:
    document = build(
        resource=RESOURCE + "/",
        authorization_servers=[ISSUER + "/", "https://second.example"],
        scopes_supported=["mcp:read", "mcp:tools"],
        resource_name="Example",
        resource_documentation="https://docs.example",
    )

    metadata = parse(document, RESOURCE + "/")

    assert metadata.resource == RESOURCE + "/"
    assert metadata.authorization_servers == (ISSUER + "/", "https://second.example")
    assert metadata.scopes_supported == ("mcp:read", "mcp:tools")
    assert metadata.resource_name == "Example"
    assert metadata.resource_documentation == "https://docs.example"


@proves("S139", "refuses", "resource metadata forms")
def test_resource_metadata_does_not_list_offline_access() -> None:
    document = build(
        resource=RESOURCE,
        authorization_servers=[ISSUER],
        scopes_supported=["mcp:read", "offline_access"],
    )

    assert json.loads(document)["scopes_supported"] == ["mcp:read"]


def test_a_document_without_scopes_has_no_scopes_supported() -> None:
    document = build(resource=RESOURCE, authorization_servers=[ISSUER])

    assert "scopes_supported" not in json.loads(document)
    assert parse(document, RESOURCE).scopes_supported is None


def test_unknown_members_are_ignored() -> None:
    document = json.dumps(
        {"resource": RESOURCE, "authorization_servers": [ISSUER], "tomorrow": {"x": 1}}
    )

    assert parse(document.encode(), RESOURCE).authorization_servers == (ISSUER,)


@proves("S167", "refuses", "metadata of another resource")
@pytest.mark.parametrize(
    "resource",
    [
        pytest.param("https://evil.example/mcp", id="another-host"),
        pytest.param("https://mcp.example", id="the-origin-alone"),
        pytest.param("https://mcp.example/mcp/", id="a-slash-more"),
        pytest.param("https://MCP.example/mcp", id="another-case"),
        pytest.param("https://mcp.example:443/mcp", id="the-port-spelled-out"),
        pytest.param("https://mcp.example/mcp/../mcp", id="dots"),
    ],
)
def test_metadata_of_another_resource_is_refused(resource: str) -> None:
    document = build(resource=resource, authorization_servers=[ISSUER])

    with pytest.raises(ResourceMetadataRefused) as refusal:
        parse(document, RESOURCE)

    assert refusal.value.reason == "wrong-resource"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"resource": None}, "not-metadata", id="no-resource"),
        pytest.param({"authorization_servers": []}, "not-metadata", id="no-servers"),
        pytest.param({"authorization_servers": ISSUER}, "not-metadata", id="servers-as-text"),
        pytest.param({"authorization_servers": [1]}, "not-metadata", id="a-number-as-server"),
        pytest.param({"authorization_servers": ["javascript:x"]}, "not-metadata", id="javascript"),
        pytest.param({"authorization_servers": ["file:///etc"]}, "not-metadata", id="file"),
        pytest.param({"scopes_supported": "a b"}, "not-metadata", id="scopes-as-text"),
    ],
)
def test_a_document_with_missing_or_invalid_members_is_refused(
    change: dict[str, Any], reason: str
) -> None:
    document = {"resource": RESOURCE, "authorization_servers": [ISSUER], **change}

    with pytest.raises(ResourceMetadataRefused) as refusal:
        parse(json.dumps(document).encode(), RESOURCE)

    assert refusal.value.reason == reason


@pytest.mark.parametrize("document", [b"<!doctype html>", b"[]", b'{"a":1,"a":2}', b""])
def test_anything_but_a_strict_json_object_is_refused(document: bytes) -> None:
    with pytest.raises(ResourceMetadataRefused) as refusal:
        parse(document, RESOURCE)

    assert refusal.value.reason == "not-metadata"
