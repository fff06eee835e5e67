"""Protected resource metadata: its URL and its members."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from doorward.errors import DoorwardError
from doorward.wire.address import require_resource, split
from doorward.wire.strict_json import NotStrictJson, parse_object

WELL_KNOWN = "/.well-known/oauth-protected-resource"


class ResourceMetadataRefused(DoorwardError):
    """A metadata document must not be used; ``reason`` is a stable kebab-case code."""

    code = "resource-metadata-refused"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class ResourceMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """The metadata of a protected resource; ``resource`` equals the requested one byte for byte."""

    resource: str
    authorization_servers: tuple[str, ...]
    scopes_supported: tuple[str, ...] | None = None
    resource_name: str | None = None
    resource_documentation: str | None = None
    dpop_signing_alg_values_supported: tuple[str, ...] | None = None
    dpop_bound_access_tokens_required: bool = False


def metadata_url(resource: str) -> str:
    """
    Return the metadata URL of ``resource``.

    The well-known string goes between host and path: ``https://api.example/mcp`` gives
    ``https://api.example/.well-known/oauth-protected-resource/mcp``.

    Raises:
        ConfigurationError: ``resource`` may not name a protected resource.

    Spec: RFC 9728 §1.2, §3.1
    """
    parts = urlsplit(require_resource(resource))
    # Only the slash right after the host is dropped: "/mcp/" and "/mcp" are two resources, so another
    # trailing slash stays.
    path = "" if parts.path == "/" else parts.path
    return urlunsplit((parts.scheme, parts.netloc, WELL_KNOWN + path, "", ""))


def build(
    *,
    resource: str,
    authorization_servers: Sequence[str],
    scopes_supported: Sequence[str] = (),
    resource_name: str | None = None,
    resource_documentation: str | None = None,
) -> bytes:
    """
    Return the metadata document of ``resource`` as JSON.

    The scopes never include ``offline_access``: refresh tokens concern only the client and the
    authorization server.

    Spec: RFC 9728 §2, §3.2; MCP 2026-07-28 authorization §Refresh Tokens
    """
    document: dict[str, Any] = {
        "resource": resource,
        "authorization_servers": list(authorization_servers),
        "bearer_methods_supported": ["header"],
    }
    # A server that accepts only API keys has none, and empty lists are omitted.
    if not authorization_servers:
        del document["authorization_servers"]
    scopes = [scope for scope in dict.fromkeys(scopes_supported) if scope != "offline_access"]
    if scopes:
        document["scopes_supported"] = scopes
    if resource_name is not None:
        document["resource_name"] = resource_name
    if resource_documentation is not None:
        document["resource_documentation"] = resource_documentation
    return msgspec.json.encode(document)


def parse(document: bytes, expected_resource: str) -> ResourceMetadata:
    """
    Return the metadata in ``document`` if it describes ``expected_resource``.

    Does not check whether an authorization server may be contacted.

    Raises:
        ResourceMetadataRefused: with reason ``not-metadata`` or ``wrong-resource``.

    Spec: RFC 9728 §2, §3.3
    """
    try:
        said = parse_object(document)
    except NotStrictJson as error:
        raise ResourceMetadataRefused("not-metadata", str(error)) from None
    try:
        metadata = msgspec.convert(said, ResourceMetadata)
    except msgspec.ValidationError as error:
        raise ResourceMetadataRefused("not-metadata", str(error)) from None
    # With a document about another resource, an attacker could choose the authorization server and
    # get the user's consent and token.
    if metadata.resource != expected_resource:
        raise ResourceMetadataRefused(
            "wrong-resource", f"resource={metadata.resource!r}, want {expected_resource!r}"
        )
    if not metadata.authorization_servers:
        raise ResourceMetadataRefused("not-metadata", "no authorization server is named")
    for issuer in metadata.authorization_servers:
        if split(issuer) is None:
            raise ResourceMetadataRefused("not-metadata", f"{issuer!r} is not an http(s) URL")
    return metadata
