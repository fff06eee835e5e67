"""Authorization server metadata: its URLs, its members, and their validation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from doorward.errors import DoorwardError
from doorward.wire import address

OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


class ServerMetadataRefused(DoorwardError):
    """A metadata document must not be used; ``detail`` says what was found and expected."""

    code = "server-metadata-refused"
    public: ClassVar[str] = "The authorization server's metadata cannot be used."

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.code}: {detail}")
        self.detail = detail


class IssuerMismatch(ServerMetadataRefused):
    """The document names another issuer than the one it was fetched for."""

    code = "issuer-mismatch"
    public = "The metadata names another issuer than the one it was fetched for."


class MalformedMetadata(ServerMetadataRefused):
    """A member is missing or has the wrong type."""

    code = "malformed-metadata"


class PkceNotOffered(ServerMetadataRefused):
    """The server does not advertise S256, so a stolen code could be redeemed by others."""

    code = "pkce-not-offered"
    public = "The authorization server does not offer PKCE with S256."


@dataclass(frozen=True, kw_only=True)
class ServerMetadata:
    """
    The metadata of an authorization server, with the member names of RFC 8414.

    ``None`` means that the member is absent, unlike an empty list. ``document`` is the whole document.

    Spec: RFC 8414 §2
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str | None = None
    registration_endpoint: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    scopes_supported: tuple[str, ...] | None = None
    response_types_supported: tuple[str, ...] = ("code",)
    grant_types_supported: tuple[str, ...] = ("authorization_code", "implicit")
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False
    client_id_metadata_document_supported: bool = False
    device_authorization_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] = ()
    dpop_signing_alg_values_supported: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """
    Return the metadata URLs of ``issuer``, in the order in which a client tries them.

    ``https://as.example/one`` gives the OAuth and OpenID URLs with the well-known string before the
    path, then the OpenID URL with it after the path. An issuer without a path has two.

    Spec: MCP 2026-07-28 authorization server discovery; RFC 8414 §3.1, §5
    """
    origin = address.origin_of(issuer)
    path = issuer[len(origin) :].rstrip("/")
    if not path:
        return (origin + OAUTH, origin + OPENID)
    return (origin + OAUTH + path, origin + OPENID + path, origin + path + OPENID)


def parse(document: Mapping[str, Any], expected_issuer: str) -> ServerMetadata:
    """
    Return the metadata of an authorization server that a client may use to sign in.

    The issuer is compared byte for byte, and the server must advertise S256.

    Raises:
        IssuerMismatch: the document names another issuer.
        MalformedMetadata: a member is missing or has the wrong type.
        PkceNotOffered: ``code_challenge_methods_supported`` lacks S256.

    Spec: RFC 8414 §2, §3.3; MCP 2026-07-28 authorization, PKCE
    """
    metadata = parse_identity_provider(document, expected_issuer)
    if "S256" not in metadata.code_challenge_methods_supported:
        raise PkceNotOffered(f"{expected_issuer} says {metadata.code_challenge_methods_supported}")
    return metadata


def parse_identity_provider(document: Mapping[str, Any], expected_issuer: str) -> ServerMetadata:
    """
    Return the metadata of a provider at which an authorization server signs people in.

    Does not require PKCE: several providers support but do not advertise it. The authorization server
    sends a challenge anyway, and authenticates with its client secret.

    Raises:
        IssuerMismatch: the document names another issuer.
        MalformedMetadata: a member is missing or has the wrong type.

    Spec: RFC 8414 §2, §3.3; OpenID Connect Discovery 1.0 §3, §4.3
    """
    _require_issuer(document, expected_issuer)
    said: dict[str, Any] = {name: _endpoint(document, name) for name in _ENDPOINTS}
    said |= {name: _texts(document, name) for name in _LISTS if document.get(name) is not None}
    said |= {name: _flag(document, name) for name in _FLAGS}
    return ServerMetadata(
        issuer=expected_issuer,
        authorization_endpoint=_required_endpoint(document, "authorization_endpoint"),
        token_endpoint=_required_endpoint(document, "token_endpoint"),
        document=document,
        **said,
    )


def parse_jwks_uri(document: Mapping[str, Any], expected_issuer: str) -> str:
    """
    Return the issuer's ``jwks_uri``, for a resource server that only verifies tokens.

    Does not require PKCE: several providers support but do not advertise it, and nobody signs in here.

    Raises:
        IssuerMismatch: the document names another issuer.
        MalformedMetadata: there is no usable ``jwks_uri``.

    Spec: RFC 8414 §2, §3.3
    """
    _require_issuer(document, expected_issuer)
    return _required_endpoint(document, "jwks_uri")


def parse_introspection_endpoint(document: Mapping[str, Any], expected_issuer: str) -> str:
    """
    Return the issuer's introspection endpoint.

    Raises:
        IssuerMismatch: the document names another issuer.
        MalformedMetadata: there is no usable ``introspection_endpoint``.

    Spec: RFC 8414 §2, §3.3; RFC 7662 §2
    """
    _require_issuer(document, expected_issuer)
    return _required_endpoint(document, "introspection_endpoint")


def parse_token_endpoint(document: Mapping[str, Any], expected_issuer: str) -> str:
    """
    Return the issuer's token endpoint, for a server that exchanges tokens.

    Does not require PKCE: nobody signs in here.

    Raises:
        IssuerMismatch: the document names another issuer.
        MalformedMetadata: there is no usable ``token_endpoint``.

    Spec: RFC 8414 §2, §3.3
    """
    _require_issuer(document, expected_issuer)
    return _required_endpoint(document, "token_endpoint")


_ENDPOINTS = (
    "jwks_uri",
    "registration_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "device_authorization_endpoint",
    "userinfo_endpoint",
)
_LISTS = (
    "scopes_supported",
    "response_types_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "dpop_signing_alg_values_supported",
    "id_token_signing_alg_values_supported",
)
_FLAGS = (
    "authorization_response_iss_parameter_supported",
    "client_id_metadata_document_supported",
)


def _require_issuer(document: Mapping[str, Any], expected: str) -> None:
    got = document.get("issuer")
    # No normalization of case or slashes: two spellings of one host are two issuers.
    if not isinstance(got, str) or got != expected:
        raise IssuerMismatch(f"issuer={got!r}, expected {expected!r}")


def _required_endpoint(document: Mapping[str, Any], name: str) -> str:
    value = _endpoint(document, name)
    if value is None:
        raise MalformedMetadata(f"{name} is missing")
    return value


def _endpoint(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    parts = address.split(value) if isinstance(value, str) else None
    if parts is None or "#" in value:
        raise MalformedMetadata(f"{name}={value!r} is not an absolute http(s) URL")
    # The client sends codes and secrets there.
    if parts.scheme != "https" and not address.is_loopback_host(parts.hostname):
        raise MalformedMetadata(f"{name}={value!r} is plain http and not on this machine")
    return str(value)


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = document[name]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedMetadata(f"{name}={value!r} is not a list of strings")
    return tuple(value)


def _flag(document: Mapping[str, Any], name: str) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise MalformedMetadata(f"{name}={value!r} is neither true nor false")
    return value
